"""What a pull did, or would do: records, their JSON and their text. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from triage.pull.estimate import Estimate
from triage.pull.fetch import Fetched

__all__ = ["Preview", "PullSummary"]

_REASONS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class PullSummary:
    """What a pull did. listed = stored + already_there + failed + left + not_tried; stored = new + grown + updated.

    left: known when listed, gone from the queue when their frames were asked for. updated: as many frames as before, but
    names, labels or boxes changed, or images that were lost on disk came back.
    listing: see queue.json. failures: the first (sequence_id, reason). seconds: wall time. requests: sent, retries included.
    """

    stage: str
    listed: int
    stored: int
    already_there: int
    failed: int
    left: int
    not_tried: int
    new: int
    grown: int
    updated: int
    fetched: Fetched
    listing: dict[str, Any]
    failures: tuple[tuple[int | None, str], ...]
    requests: int
    seconds: float

    @property
    def clean(self) -> bool:
        """True when every listed sequence that is still in the queue is in the store, and the listing was complete."""
        return self.failed == 0 and not self.listing["why_incomplete"]

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            **asdict(self),
            "format": 1,
            "failures": [{"sequence_id": sequence_id, "reason": reason} for sequence_id, reason in self.failures],
            "seconds": round(self.seconds, 1),
        }

    def text(self) -> str:
        """For people."""
        moved = self.fetched
        lines = [
            f"listed {self.listed:,} in {self.stage} = stored {self.stored:,} + already there {self.already_there:,}"
            f" + failed {self.failed:,} + left the queue {self.left:,}",
            f"  stored: {self.new:,} new, {self.grown:,} grown, {self.updated:,} updated",
            f"  frames: {moved.frames:,} fetched ({megabytes(moved.size)}), {moved.shared:,} shared with another sequence,"
            f" {moved.reused:,} on disk already",
            f"  {self.requests:,} requests in {self.seconds:.1f} s",
            f"  {listing_text(self.listing)}",
        ]
        shown = self.failures[:_REASONS_SHOWN]
        lines += [f"  failed {'a row' if sequence_id is None else sequence_id}: {reason}" for sequence_id, reason in shown]
        if self.failed > len(shown):
            lines.append(f"  ... and {self.failed - len(shown):,} more, in queue.json")
        lines.append("next: triage score" if self.clean else "next: triage pull again, for what failed; triage score, for what is there")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a pull would do. in_store: listed sequences that are there already; whether they grew is found out when pulling."""

    stage: str
    listed: int
    in_store: int
    unreadable: int
    estimate: Estimate
    free_bytes: int
    listing: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {**asdict(self), "format": 1}

    def text(self) -> str:
        """For people."""
        guess = self.estimate
        sampled = f"frames counted in {guess.sampled} sequences" if guess.sampled else "nothing to sample"
        origin = "the store's average" if guess.bytes_from == "store" else "production's average"
        took = "" if guess.seconds is None else f", about {guess.seconds:,.0f} s at the latency of the sample"
        return "\n".join(
            [
                f"listed {self.listed:,} in {self.stage}: {self.in_store:,} in the store already, {guess.sequences:,} to fetch",
                f"  about {guess.frames:,} frames, {megabytes(guess.size)}{took}",
                f"  ({sampled}; {guess.frame_bytes:,} bytes a frame, {origin}); {megabytes(self.free_bytes)} are free",
                f"  {listing_text(self.listing)}",
                "nothing was fetched or written; next: triage pull",
            ]
        )


def megabytes(size: int) -> str:
    """10^6 bytes, one decimal."""
    return f"{size / 1e6:,.1f} MB"


def listing_text(facts: dict[str, Any]) -> str:
    """One line about how complete the listing is."""
    if facts["why_incomplete"]:
        return f"the listing is NOT complete: {'; '.join(facts['why_incomplete'])}"
    if facts["limited"]:
        return f"the listing stopped at the limit; the annotator counts {facts['total_first']:,}"
    counted = f"the annotator counted {facts['total_first']:,} at first, {facts['total_last']:,} at last"
    return f"the listing is complete ({counted}; {facts['repeats']:,} repeats dropped)"
