"""The texts of a package (manifest, config, calibrator) as typed records: what matters is checked, every other key is ignored.

No file is opened here; `triage.model.package` does that.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from triage.errors import BadFile, BadModel
from triage.files import parse_json

__all__ = [
    "CalibratorText",
    "ClassifierConfig",
    "DecisionConfig",
    "InferConfig",
    "Manifest",
    "ModelConfig",
    "ModelInputConfig",
    "Normalization",
    "SanityCheck",
    "TubesConfig",
    "checked_config",
    "parse_calibrator",
    "parse_manifest",
    "parse_model_config",
]

FORMAT_VERSION = 1
_MAX_VALUES = 10_000


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, coerce_numbers_to_str=True, protected_namespaces=())


class Provenance(_Record):
    """Where a package comes from. Only the commit is used, for naming it."""

    train_git_sha: str | None = None


class Manifest(_Record):
    """`manifest.yaml`: names of the members, and of the package itself."""

    yolo_weights: str
    classifier_checkpoint: str
    config: str
    logistic_calibrator: str | None = None
    model_version: str | None = None
    variant: str | None = None
    provenance: Provenance | None = None


class InferConfig(_Record):
    """How short sequences are padded. pad_to_min_frames: 0 = off. pad_strategy: checked only when padding is needed."""

    pad_to_min_frames: int = Field(0, ge=0, le=10_000)
    pad_strategy: str = "symmetric"


class TubesConfig(_Record):
    """How boxes become tubes. The merge is off unless its three keys are all there."""

    iou_threshold: float
    max_misses: int = Field(ge=0)
    infer_min_tube_length: int = Field(ge=1)
    min_detected_entries: int = Field(ge=0)
    interpolate_gaps: bool
    merge_iomin: float | None = None
    merge_prox_factor: float | None = None
    merge_max_gap: float | None = None


class Normalization(_Record):
    """Per channel, RGB, of values in [0, 1]."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class ModelInputConfig(_Record):
    """How a box becomes a patch. stabilize: one fixed window per tube (also when the key is absent)."""

    context_factor: float = Field(gt=0, le=100)
    patch_size: int = Field(gt=0, le=2048)
    normalization: Normalization
    stabilize: bool = True


class ClassifierConfig(_Record):
    """The network. embed_dim ... mlp_ratio describe `backbone: vit` and are ignored for every other name."""

    backbone: str
    max_frames: int = Field(gt=0, le=1000)
    global_pool: Literal["token", "avg"] = "token"
    img_size: int | None = Field(None, gt=0, le=2048)
    transformer_num_layers: int = Field(2, gt=0, le=64)
    transformer_num_heads: int = Field(6, gt=0)
    transformer_ffn_dim: int = Field(1536, gt=0, le=65536)
    transformer_dropout: float = Field(0.1, ge=0, lt=1)
    embed_dim: int | None = Field(None, gt=0, le=8192)
    depth: int | None = Field(None, gt=0, le=128)
    num_heads: int | None = Field(None, gt=0)
    patch_stride: int | None = Field(None, gt=0, le=512)
    mlp_ratio: float | None = Field(None, gt=0, le=64)


class DecisionConfig(_Record):
    """The package's own rule. threshold: of the raw logit. logistic_threshold: of the probability."""

    aggregation: Literal["logistic", "max_logit"] = "max_logit"
    logistic_threshold: float | None = None
    threshold: float | None = None


class ModelConfig(_Record):
    """`config.yaml`."""

    infer: InferConfig = InferConfig(pad_to_min_frames=0)
    tubes: TubesConfig
    model_input: ModelInputConfig
    classifier: ClassifierConfig
    decision: DecisionConfig = DecisionConfig()

    @property
    def threshold(self) -> float:
        """The threshold in force: of the probability (logistic) or of the logit (max_logit)."""
        value = self.decision.logistic_threshold if self.decision.aggregation == "logistic" else self.decision.threshold
        assert value is not None  # parse_model_config has seen to it
        return value


class SanityCheck(_Record):
    """Features in the calibrator's order, and the probability they must give."""

    features: tuple[float, ...]
    prob: float


class CalibratorText(_Record):
    """`logistic_calibrator.json`."""

    features: tuple[str, ...]
    coefficients: tuple[float, ...]
    intercept: float
    sanity_checks: tuple[SanityCheck, ...] = ()


_T = TypeVar("_T", bound=BaseModel)
#: Keys of packages made since autumn 2026, whose classifier reads more than patches.
_LATER_KEYS = ("yolo_levels", "yolo_roi_dim", "yolo_ctx_dim", "head_dim")


def parse_manifest(data: bytes, where: str) -> tuple[Manifest, dict[str, Any]]:
    """The manifest, typed and as it was written. `where` names the member in errors. Raises BadModel."""
    raw = _yaml(data, where)
    found = raw.get("format_version")
    if type(found) is not int or found != FORMAT_VERSION:
        raise BadModel(f"{where}: expected format_version {FORMAT_VERSION}, found {found!r}; use a package of format {FORMAT_VERSION}")
    manifest = _validated(Manifest, raw, where)
    if "logistic_calibrator" in raw and not manifest.logistic_calibrator:
        raise BadModel(f"{where}: logistic_calibrator must name a member, found {raw['logistic_calibrator']!r}; export the package again")
    return manifest, raw


def parse_model_config(data: bytes, where: str) -> tuple[ModelConfig, dict[str, Any]]:
    """The config, typed and as it was written. Raises BadModel, also for the later kinds of classifier we cannot run."""
    raw = _yaml(data, where)
    return checked_config(raw, where), raw


def checked_config(raw: dict[str, Any], where: str) -> ModelConfig:
    """A config that is already a mapping. Raises BadModel."""
    classifier = raw.get("classifier")
    if isinstance(classifier, dict):
        later = [key for key in _LATER_KEYS if classifier.get(key)]
        if later:
            raise BadModel(
                f"{where}: classifier.{later[0]} belongs to a later kind of package, with YOLO embeddings; use one that reads patches only"
            )
        arch = classifier.get("arch")
        if arch not in (None, "transformer"):
            raise BadModel(f"{where}: expected classifier.arch transformer, found {arch!r}; use a package with a transformer head")
    config = _validated(ModelConfig, raw, where)
    decision, model_input, pool = config.decision, config.model_input, config.classifier
    needed = "logistic_threshold" if decision.aggregation == "logistic" else "threshold"
    if getattr(decision, needed) is None:
        raise BadModel(f"{where}: decision.aggregation {decision.aggregation} needs decision.{needed}; export the package again")
    if any(value <= 0 for value in model_input.normalization.std):
        raise BadModel(f"{where}: model_input.normalization.std must be positive, found {list(model_input.normalization.std)}")
    if pool.img_size is not None and pool.img_size != model_input.patch_size:
        raise BadModel(
            f"{where}: classifier.img_size {pool.img_size} and model_input.patch_size {model_input.patch_size} must be equal; "
            "export the package again"
        )
    return config


def parse_calibrator(data: bytes, where: str) -> CalibratorText:
    """The calibrator's text; its numbers are proved by `triage.model.calibrator`. Raises BadModel."""
    try:
        raw = parse_json(data, where)
    except BadFile as error:
        raise BadModel(f"{where}: expected JSON, found damage; export the package again") from error
    if not isinstance(raw, dict):
        raise BadModel(f"{where}: expected a JSON object, found {type(raw).__name__}; export the package again")
    return _validated(CalibratorText, raw, where)


def _yaml(data: bytes, where: str) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadModel(f"{where}: expected YAML, found damage; export the package again") from error
    if _more_values_than(raw, _MAX_VALUES):
        raise BadModel(f"{where}: more than {_MAX_VALUES} values; this is not a package's text")
    if not isinstance(raw, dict):
        raise BadModel(f"{where}: expected a mapping, found {type(raw).__name__}; export the package again")
    return raw


def _more_values_than(content: Any, limit: int) -> bool:
    """Count with aliases expanded, but no further than the limit: a few lines of YAML may stand for billions of values."""
    waiting, count = [content], 0
    while waiting and count <= limit:
        value = waiting.pop()
        count += 1
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return count > limit


def _validated(kind: type[_T], raw: dict[str, Any], where: str) -> _T:
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        found = "" if first["type"] == "missing" else f", found {first['input']!r}"
        raise BadModel(f"{where}: {place}: {first['msg'].lower()}{found[:200]}; export the package again") from error
