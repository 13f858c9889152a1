"""What a prediction depends on besides the model: the frames and boxes of its sequence, as one digest. Pure.

Equal digests give equal predictions, so names, labels and times are left out: a camera that is renamed is not scored again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence as Seq

from triage.sequences import Sequence

__all__ = ["content_digest"]


def content_digest(sequence: Sequence, hashes: Seq[str], *, with_boxes: bool = True) -> str:
    """Hex SHA-256 over the frames in order: the hash of each image's bytes, and its boxes in their order (which decides ties).

    hashes: one hex SHA-256 per frame. Boxes that are not numbers count as they are written (NaN is a value like any other here).
    with_boxes: False = the boxes play no part, because a detector finds its own.
    """
    content = [
        [image, [[*box.xyxyn, box.confidence] for box in frame.boxes or ()] if with_boxes else None]
        for image, frame in zip(hashes, sequence.frames, strict=True)
    ]
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()
