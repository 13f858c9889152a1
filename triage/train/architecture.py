"""The small network that is trained from scratch, and the rules it is used with: the bundled package's `config.yaml`.

566,000 numbers, 2.3 MB as float32: a package must fit into 3 MB. Patches of 64 pixels are cut with as much around a box as the box is
wide, because what tells smoke from a bright ridge is where it stands; tokens of 8 pixels still see its texture.
"""

from __future__ import annotations

from typing import Any

__all__ = ["small_config"]


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
            "patch_size": 64,
            "stabilize": True,
            "normalization": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
        },
        "classifier": {
            "backbone": "vit",
            "embed_dim": 128,
            "depth": 3,
            "num_heads": 4,
            "patch_stride": 8,
            "mlp_ratio": 2.0,
            "img_size": 64,
            "max_frames": 20,
            "global_pool": "avg",
            "transformer_num_layers": 1,
            "transformer_num_heads": 4,
            "transformer_ffn_dim": 256,
            "transformer_dropout": 0.1,
        },
        "decision": {"aggregation": "logistic", "logistic_threshold": 0.35, "threshold": 0.0},
    }
