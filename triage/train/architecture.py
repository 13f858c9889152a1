"""The small network that is trained from scratch, and the rules it is used with: the bundled package's `config.yaml`.

Wide enough for `triage.model.initial` to write a sketch down in it: most of its numbers are zeros, which a package's compression takes
away (a package must fit into 3 MB). Patches of 32 pixels are cut with as much around a box as the box is wide, because what tells smoke
from a bright ridge is where it stands and whether it changes.
"""

from __future__ import annotations

from typing import Any

__all__ = ["LEARNT_LAYERS", "small_config"]

#: The key under `classifier` by which a package says how many layers of its head learn, counted from the end; absent = all.
LEARNT_LAYERS = "learnt_head_layers"


def small_config() -> dict[str, Any]:
    """A fresh `config.yaml`. The threshold is triage's own default, on the calibrated probability."""
    return {
        "infer": {"pad_to_min_frames": 6, "pad_strategy": "symmetric"},
        "tubes": {
            "iou_threshold": 0.2,
            "max_misses": 2,
            "infer_min_tube_length": 2,
            "min_detected_entries": 2,
            "interpolate_gaps": True,
            "merge_iomin": 0.3,
            "merge_prox_factor": 1.0,
            "merge_max_gap": 10,
        },
        "model_input": {
            "context_factor": 2.0,
            "patch_size": 32,
            "stabilize": True,
            "normalization": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
        },
        "classifier": {
            "backbone": "vit",
            "embed_dim": 224,
            "depth": 1,
            "num_heads": 4,
            "patch_stride": 8,
            "mlp_ratio": 1.43,
            "img_size": 32,
            "max_frames": 20,
            "global_pool": "avg",
            "transformer_num_layers": 2,
            "transformer_num_heads": 4,
            "transformer_ffn_dim": 1760,
            "transformer_dropout": 0.0,
            # The first layer takes differences that small steps of learning would blur (see triage.model.sketch).
            LEARNT_LAYERS: 1,
        },
        "decision": {"aggregation": "logistic", "logistic_threshold": 0.35, "threshold": 0.0},
    }
