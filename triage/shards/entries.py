"""A sequence in a shard: its files, and where they lie. Who makes one has judged every name (see `located`)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Entry", "Piece"]


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of a sequence. file: relative to the sequence's directory. offset: in the shard. sha256: "" = not known."""

    file: str
    offset: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One sequence in one shard. directory: `<org>/<camera>/seq_<id>`, "" in a report. start, stop: the bytes that hold all of it."""

    sequence_id: int
    shard: str
    directory: str
    pieces: tuple[Piece, ...]

    @property
    def start(self) -> int:
        """Where its first byte lies."""
        return min(piece.offset for piece in self.pieces)

    @property
    def stop(self) -> int:
        """Behind its last byte."""
        return max(piece.offset + piece.size for piece in self.pieces)
