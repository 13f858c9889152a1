"""The model room: a package (`model.zip`) turns frames with boxes into tubes, patches, logits, probabilities and a score.

The only room that imports torch. It knows nothing of the annotator, the store or reports. `triage.score` and `triage.train` call it; crop
geometry for previews lies in `triage.crops`, which needs no torch.
"""

from __future__ import annotations

from triage.errors import BadSetting

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError as error:
    raise BadSetting("torch is not installed, so no model can run; type: pip install 'triage[model]'") from error

from triage.model.calibrator import FEATURES, Calibrator
from triage.model.classifier import Classifier, build_classifier
from triage.model.config import ModelConfig, checked_config
from triage.model.decision import NotFiniteError
from triage.model.features import MASKED, TubeFeatures, rescore, rescore_many
from triage.model.package import Package, bundled_package, load_package, write_package
from triage.model.patches import FramePatches, cut_frame
from triage.model.plan import PlannedTube, SequencePlan, plan_sequence
from triage.model.predictor import Failed, FrameInput, Outcome, Predictor, Scored, SequenceInput, device_named
from triage.model.tubes import Detection

__all__ = [
    "FEATURES",
    "MASKED",
    "Calibrator",
    "Classifier",
    "Detection",
    "Failed",
    "FrameInput",
    "FramePatches",
    "ModelConfig",
    "NotFiniteError",
    "Outcome",
    "Package",
    "PlannedTube",
    "Predictor",
    "Scored",
    "SequenceInput",
    "SequencePlan",
    "TubeFeatures",
    "build_classifier",
    "bundled_package",
    "checked_config",
    "cut_frame",
    "device_named",
    "load_package",
    "plan_sequence",
    "rescore",
    "rescore_many",
    "write_package",
]
