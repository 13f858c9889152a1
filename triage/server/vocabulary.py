"""The annotator's words with the keys its annotators have in their fingers."""

from __future__ import annotations

from triage.sequences import FALSE_POSITIVE_TYPES, SMOKE_TYPES
from triage.server.schemas import FalsePositiveWord, SmokeWord, Vocabulary

__all__ = ["VOCABULARY"]

#: The annotator's own page: one letter per false-positive type, digits for smoke in the order of SMOKE_TYPES.
_LETTERS = {
    "antenna": "a", "building": "b", "cliff": "c", "combine_harvester": "v", "dark": "d", "dust": "j", "high_cloud": "h",
    "low_cloud": "l", "lens_flare": "g", "lens_droplet": "p", "light": "i", "rain": "r", "trail": "t", "road": "o", "sky": "k",
    "tree": "e", "water_body": "w", "other": "x", "unlabeled": "m",
}  # fmt: skip

VOCABULARY = Vocabulary(
    smoke_types=[SmokeWord(name=name, key=str(number)) for number, name in enumerate(SMOKE_TYPES, start=1)],
    false_positive_types=[FalsePositiveWord(name=name, key=_LETTERS[name]) for name in FALSE_POSITIVE_TYPES],
    actions={"smoke": "s", "false_positive": "f", "unsure": "u", "submit": "Enter", "help": "?"},
)
