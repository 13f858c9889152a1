"""The annotator's words with the keys its annotators have in their fingers."""

from __future__ import annotations

from triage.review.decisions import KEYS, Decision, parse_decision
from triage.sequences import FALSE_POSITIVE_TYPES, SMOKE_TYPES
from triage.server.schemas import FalsePositiveWord, SmokeWord, Vocabulary

__all__ = ["VOCABULARY"]

_KEY_OF = {parse_decision(words): key for key, words in KEYS.items()}

VOCABULARY = Vocabulary(
    smoke_types=[SmokeWord(name=name, key=_KEY_OF[Decision("smoke", (name,))]) for name in SMOKE_TYPES],
    false_positive_types=[FalsePositiveWord(name=name, key=_KEY_OF[Decision("false_positive", (name,))]) for name in FALSE_POSITIVE_TYPES],
    actions={"smoke": "s", "false_positive": "f", "unsure": "u", "submit": "Enter", "help": "?"},
)
