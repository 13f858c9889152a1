"""Which sequences training may learn from: labelled, readable, and none that the model will be evaluated on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from triage.errors import BadFile, BadInput
from triage.evaluation import fingerprint
from triage.sequences import Sequence, SequenceSource, key_of
from triage.store import Store

__all__ = ["MINIMUM_PER_CLASS", "Labelled", "LabelledSet", "gather", "named_sequences"]

#: Fewer smokes or false positives than this cannot be split into training, validation and held-out cameras in any useful way.
MINIMUM_PER_CLASS = 10


@dataclass(frozen=True, slots=True)
class Labelled:
    """One sequence to learn from. camera: "organization/camera", what splits keep together."""

    store: Store
    sequence: Sequence
    smoke: bool

    @property
    def camera(self) -> str:
        """The name by which cameras are kept apart."""
        return f"{self.sequence.organization_name or 'unknown'}/{self.sequence.camera_name or 'unknown'}"


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """What was gathered, ascending by store and id, and what was left out: unlabelled, excluded, without known boxes, damaged."""

    items: tuple[Labelled, ...]
    unlabelled: int
    excluded: int
    without_boxes: int
    damaged: tuple[str, ...]

    @property
    def smokes(self) -> int:
        """Sequences with smoke."""
        return sum(one.smoke for one in self.items)


def gather(
    stores: Iterable[Path],
    *,
    labels: Mapping[str, str] | None = None,
    exclude: Iterable[Path] = (),
    evaluation: Iterable[Path] = (),
    minimum: int = MINIMUM_PER_CLASS,
) -> LabelledSet:
    """Read the labels of one or more stores.

    labels: key -> smoke, fp or unknown, overriding the stores' own. exclude: stores or files of keys whose sequences are left out.
    evaluation: the same for what the model will be evaluated on: any of them among the labels is refused. minimum: per class.
    Raises BadInput for that, for a single class, or for too few; BadFile for a store that is not there.
    """
    excluded, later = named_sequences(exclude), named_sequences(evaluation)
    items: list[Labelled] = []
    unlabelled = left_out = without_boxes = 0
    damaged: list[str] = []
    overlap: list[str] = []
    for root in stores:
        if not root.is_dir():
            raise BadFile(f"{root}: expected a store of sequences, found nothing; pull labelled ones with 'triage pull --stage annotated'")
        store = Store(root)
        for key in _keys(store):
            try:
                sequence = store.sequence(key)
            except BadFile as error:
                damaged.append(str(error))
                continue
            label = (labels or {}).get(key, sequence.label)
            if label == "unknown":
                unlabelled += 1
            elif _in(sequence, excluded):
                left_out += 1
            elif _in(sequence, later):
                overlap.append(key)
            elif any(frame.boxes is None for frame in sequence.frames):
                without_boxes += 1
            else:
                items.append(Labelled(store, sequence, label == "smoke"))
    if overlap:
        raise BadInput(
            f"{len(overlap)} of the labelled sequences are among those of the evaluation (first: {overlap[0]}); training on them would"
            " flatter the model; leave them out with --exclude"
        )
    found = LabelledSet(tuple(items), unlabelled, left_out, without_boxes, tuple(damaged))
    _insist(found, minimum)
    return found


def named_sequences(places: Iterable[Path]) -> frozenset[str]:
    """Fingerprints of stores' sequences, and keys of text files (one key or id per line; a CSV's first column; # begins a comment)."""
    found: set[str] = set()
    for place in places:
        if place.is_dir():
            store = Store(place)
            found |= {fingerprint(store.sequence(key)) for key in _keys(store)}
            continue
        try:
            lines = place.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BadFile(f"{place}: expected a store, or a text file with one key or id per line ({error})") from error
        for line in lines:
            name = line.split("#")[0].split(",")[0].strip()
            if name and name != "key":
                found.add(key_of(int(name)) if name.isascii() and name.isdigit() else name)
    return frozenset(found)


def _keys(source: SequenceSource) -> Iterable[str]:
    return source.keys()


def _in(sequence: Sequence, named: frozenset[str]) -> bool:
    return sequence.key in named or fingerprint(sequence) in named


def _insist(found: LabelledSet, minimum: int) -> None:
    smokes, others = found.smokes, len(found.items) - found.smokes
    if min(smokes, others) == 0:
        raise BadInput(
            f"expected sequences labelled smoke and fp, found {smokes} smoke and {others} fp ({found.unlabelled} unlabelled,"
            f" {found.excluded} excluded, {found.without_boxes} without boxes, {len(found.damaged)} damaged); nothing can be learnt from"
            " one class, pull labelled ones with 'triage pull --stage annotated'"
        )
    if min(smokes, others) < minimum:
        raise BadInput(f"expected at least {minimum} sequences of each class, found {smokes} smoke and {others} fp; label more first")
