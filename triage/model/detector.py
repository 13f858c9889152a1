"""The package's own YOLO, for frames whose boxes the annotator does not give. An extra: needs ultralytics (`triage[detector]`).

ultralytics unpickles the detector's file, which may run code: ask for it only with packages you trust. Everything else in this room loads
tensors only.
"""

from __future__ import annotations

import importlib
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from triage.crops import decode_rgb
from triage.errors import BadModel, BadSetting
from triage.model.package import Package
from triage.sequences import Box

__all__ = ["Detector"]


class Detector:
    """Finds boxes with the detector of a package. Raises BadSetting without ultralytics, BadModel when there is no detector inside."""

    def __init__(self, package: Package, device: str = "cpu") -> None:
        with zipfile.ZipFile(package.path) as archive:
            weights = archive.read(package.manifest["yolo_weights"])
        if not weights:
            raise BadModel(f"{package.path.name}: it has no detector; score with the annotator's boxes instead")
        try:
            ultralytics = importlib.import_module("ultralytics")
        except ModuleNotFoundError as error:
            raise BadSetting("ultralytics is not installed, so no detector can run; type: pip install 'triage[detector]'") from error
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "detector.pt"
            path.write_bytes(weights)
            self._model: Any = ultralytics.YOLO(str(path))  # an extra that is not there when types are checked
        infer: Mapping[str, Any] = package.raw_config.get("infer") or {}
        self._options = {
            "conf": float(infer.get("confidence_threshold", 0.1)),
            "iou": float(infer.get("iou_nms", 0.2)),
            "imgsz": int(infer.get("image_size", 1024)),
            "device": device,
            "verbose": False,
        }

    def boxes(self, data: bytes) -> tuple[Box, ...]:
        """The boxes in one image, as the detector orders them. Raises BadFrame when it does not decode."""
        found = self._model.predict(decode_rgb(data), **self._options)[0]
        rows = zip(found.boxes.xyxyn.tolist(), found.boxes.conf.tolist(), found.boxes.cls.tolist(), strict=True)
        return tuple(Box((x1, y1, x2, y2), confidence, str(found.names[int(kind)])) for (x1, y1, x2, y2), confidence, kind in rows)
