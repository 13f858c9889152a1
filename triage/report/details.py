"""What the two JSON files of each row say: `details/<key>.json` (how the score came about) and `sequences/<key>.json`. Pure.

Neither depends on the threshold, so that a new one rewrites none of them.
"""

from __future__ import annotations

from typing import Any

from triage.predictions import KeptTube, Prediction, TubeEntry
from triage.report.rows import Scored, finite
from triage.sequences import Sequence

__all__ = ["FORMAT", "details_of", "files_of", "sequence_of"]

FORMAT = 1


def details_of(prediction: Prediction) -> dict[str, Any]:
    """`details/<key>.json`. Frame indices are 0-based in the truncated and padded sequence; `slots` leads back to the input frames.

    A number that is not finite is null. `empty_crops` names the frames whose crop lay outside the image and was black.
    """
    return {
        "format": FORMAT,
        "preprocessing": {
            "num_frames_input": prediction.num_frames_input,
            "num_truncated": prediction.num_truncated,
            "padded_frame_indices": list(prediction.padded_frame_indices),
            "slots": list(prediction.slots),
        },
        "tubes": {
            "num_candidates": prediction.num_candidates,
            "num_outside_roi": prediction.num_outside_roi,
            "kept": [_tube(tube) for tube in prediction.kept],
        },
        "decision": {
            "aggregation": prediction.aggregation,
            "threshold": prediction.threshold,
            "trigger_tube_id": prediction.trigger_tube_id,
        },
    }


def _tube(tube: KeptTube) -> dict[str, Any]:
    return {
        "tube_id": tube.tube_id,
        "start_frame": tube.start_frame,
        "end_frame": tube.end_frame,
        "logit": finite(tube.logit),
        "probability": finite(tube.probability),
        "first_crossing_frame": tube.first_crossing_frame,
        "stabilized_window": None if tube.stabilized_window is None else list(tube.stabilized_window),
        "empty_crops": list(tube.empty_crops),
        "entries": [_entry(entry) for entry in tube.entries],
    }


def _entry(entry: TubeEntry) -> dict[str, Any]:
    return {
        "frame_idx": entry.frame_idx,
        "bbox": None if entry.bbox is None else list(entry.bbox),
        "is_gap": entry.is_gap,
        "confidence": finite(entry.confidence),
    }


def sequence_of(sequence: Sequence, directory: str, data_name: str) -> dict[str, Any]:
    """`sequences/<key>.json`. `frames` are paths relative to the parent of the data directory, whose name is `data_name`.

    directory: of the sequence, relative to the store.
    """
    return {
        "format": FORMAT,
        "key": sequence.key,
        "source": sequence.source,
        "label": sequence.label,
        "organization_name": sequence.organization_name,
        "camera_name": sequence.camera_name,
        "started_at": sequence.started_at,
        "frames": [f"{data_name}/01_raw/sequences/{directory}/{frame.file}" for frame in sequence.frames],
    }


def files_of(entry: Scored, data_name: str) -> dict[str, dict[str, Any]]:
    """Both files by their path relative to the report; a failure has no details."""
    key = entry.sequence.key
    files = {f"sequences/{key}.json": sequence_of(entry.sequence, entry.directory, data_name)}
    if isinstance(entry.result, Prediction):
        files[f"details/{key}.json"] = details_of(entry.result)
    return files
