"""A decision about a sequence, in the annotator's own words and with the annotators' own letters. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from triage.errors import BadSetting
from triage.sequences import FALSE_POSITIVE_TYPES, SMOKE_TYPES

__all__ = ["KEYS", "VERDICTS", "Decision", "Verdict", "parse_decision"]

Verdict = Literal["smoke", "false_positive", "unsure", "later", "none"]

#: "later" = keep for later; "none" = take the decision back without undoing the event (it is a decision of its own).
VERDICTS: tuple[Verdict, ...] = ("smoke", "false_positive", "unsure", "later", "none")

#: One key = one decision. The letters annotators have in their fingers; words as `parse_decision` reads them.
KEYS: dict[str, str] = {
    "1": "smoke:wildfire", "2": "smoke:industrial", "3": "smoke:other", "u": "unsure",
    "a": "antenna", "b": "building", "c": "cliff", "v": "combine_harvester", "d": "dark", "j": "dust", "h": "high_cloud",
    "l": "low_cloud", "g": "lens_flare", "p": "lens_droplet", "i": "light", "r": "rain", "t": "trail", "o": "road", "k": "sky",
    "e": "tree", "w": "water_body", "x": "false_positive:other", "m": "unlabeled",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decision:
    """What a reviewer said. types: one smoke type, or one or more false-positive types, else empty. note, tags: free text, optional."""

    verdict: Verdict
    types: tuple[str, ...] = ()
    note: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Only the annotator's vocabulary can be built."""
        if self.verdict not in VERDICTS:
            raise BadSetting(f"decision: expected one of {', '.join(VERDICTS)}, found {self.verdict!r}{_near(self.verdict, VERDICTS)}")
        allowed = {"smoke": SMOKE_TYPES, "false_positive": FALSE_POSITIVE_TYPES}.get(self.verdict, ())
        for name in self.types:
            if name not in allowed:
                raise BadSetting(
                    f"decision {self.verdict}: expected a type of {', '.join(allowed) or 'nothing'}, found {name!r}{_near(name, allowed)}"
                )
        if self.verdict == "smoke" and len(self.types) != 1:
            raise BadSetting(f"decision smoke: expected one of {', '.join(SMOKE_TYPES)}, found {len(self.types)} types")
        if self.verdict == "false_positive" and (not self.types or len(set(self.types)) != len(self.types)):
            raise BadSetting("decision false_positive: expected one or more different types")

    @property
    def words(self) -> str:
        """The decision as it is typed: "smoke:wildfire", "antenna", "antenna+tree", "unsure"."""
        if self.verdict == "smoke":
            return f"smoke:{self.types[0]}"
        if self.verdict == "false_positive":
            return "false_positive:other" if self.types == ("other",) else "+".join(self.types)
        return self.verdict

    @property
    def says(self) -> tuple[Verdict, tuple[str, ...]]:
        """What two reviewers must agree in: verdict and types, without note and tags."""
        return self.verdict, tuple(sorted(self.types))


def parse_decision(words: str, *, note: str = "", tags: Iterable[str] = ()) -> Decision:
    """Read "smoke:wildfire", "smoke" (= wildfire), "antenna", "antenna+tree", "false_positive:other", "unsure", "later", "none".

    Raises BadSetting with the nearest word when it is not in the vocabulary.
    """
    head, _, rest = words.strip().partition(":")
    head = head.strip()
    given = (note, tuple(sorted(set(tags))))
    if head == "smoke":
        return Decision("smoke", ((rest.strip() or SMOKE_TYPES[0]),), *given)
    for verdict in VERDICTS:
        if head == verdict and not rest and verdict != "false_positive":
            return Decision(verdict, (), *given)
    if head == "other" and not rest:
        raise BadSetting("decision 'other': is it 'smoke:other' or 'false_positive:other'?")
    types = rest if head in ("false_positive", "fp") else words
    names = tuple(name.strip() for name in types.split("+"))
    known = {*FALSE_POSITIVE_TYPES, *(name for name in VERDICTS if name != "false_positive")}
    for name in names:
        if name not in FALSE_POSITIVE_TYPES:
            raise BadSetting(
                f"decision {words!r}: expected smoke:<type>, unsure, later, none or false-positive types, "
                f"found {name!r}{_near(name, known)}"
            )
    return Decision("false_positive", names, *given)


def _near(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
