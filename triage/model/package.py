"""A model package on disk (`model.zip`, format 1): read it with suspicion, write it so that the same content gives the same bytes.

What the members say is parsed by `triage.model.config`; the numbers are proved by `triage.model.calibrator` and `triage.model.classifier`.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from torch import Tensor

from triage.errors import BadModel
from triage.files import dump_json, write_bytes
from triage.model.calibrator import Calibrator, calibrator_from
from triage.model.classifier import Classifier, build_classifier, checkpoint_bytes, load_weights, read_checkpoint
from triage.model.config import Manifest, ModelConfig, checked_config, parse_calibrator, parse_manifest, parse_model_config

__all__ = ["MAX_PACKAGE_BYTES", "Package", "bundled_package", "load_package", "write_package"]

#: A package may unpack to this much (a ViT-B with its detector and an optimizer takes half of it), a text member to MAX_TEXT_BYTES.
MAX_PACKAGE_BYTES = 2_000_000_000
MAX_TEXT_BYTES = 1_000_000
_MANIFEST = "manifest.yaml"
#: The clock of every member we write: the earliest a zip can say.
_EPOCH = (1980, 1, 1, 0, 0, 0)
#: Part of `backbone_digest`: raise it when the way from image to feature changes.
_FEATURE_RULES = "1"


@dataclass(frozen=True, slots=True, eq=False)
class Package:
    """A package that passed every check, ready to score.

    manifest, raw_config: as they were written. config: what matters of it. calibrator: None = the package has none.
    digest: SHA-256 over names and content of all members. backbone_digest: SHA-256 over everything that decides the features of a tube
    (backbone weights, preprocessing, padding, tube rules): equal digests, equal features, so that a new head may score old features.
    """

    path: Path
    manifest: Mapping[str, Any]
    raw_config: Mapping[str, Any]
    config: ModelConfig
    classifier: Classifier
    calibrator: Calibrator | None
    model_version: str
    variant: str
    digest: str
    backbone_digest: str

    @property
    def calibrated(self) -> bool:
        """There is a calibrator, and the decision uses it."""
        return self.calibrator is not None and self.aggregation == "logistic"

    @property
    def aggregation(self) -> str:
        """`logistic` or `max_logit`."""
        return self.config.decision.aggregation

    @property
    def threshold(self) -> float:
        """The package's own threshold, of the probability (logistic) or the logit (max_logit); not triage's."""
        return self.config.threshold

    @property
    def feature_width(self) -> int:
        """D: numbers per feature."""
        return self.classifier.backbone.shape.width

    def model_config(self) -> dict[str, Any]:
        """Manifest, config and digests: plain data for the report's `model_config.json`."""
        return {
            "manifest": dict(self.manifest),
            "config": dict(self.raw_config),
            "model_version": self.model_version,
            "variant": self.variant,
            "digest": self.digest,
            "backbone_digest": self.backbone_digest,
            "calibrated": self.calibrated,
        }


def bundled_package() -> Path:
    """The small package that comes with triage, for trying it out."""
    return Path(__file__).with_name("demo.zip")


def load_package(path: Path, *, allow_uncalibrated: bool = False) -> Package:
    """Read and check a package. Raises BadModel, one line, for anything that must not be scored with.

    allow_uncalibrated: accept a package without calibrator or with a decision on raw logits; its scores must not be bucketed.
    """
    members = _read_members(path)
    where = path.name
    if _MANIFEST not in members:
        raise BadModel(f"{path}: no member {_MANIFEST}; this is not a model package of format 1")
    manifest, raw_manifest = parse_manifest(members[_MANIFEST], f"{where}: {_MANIFEST}")
    wanted = [manifest.yolo_weights, manifest.classifier_checkpoint, manifest.config]
    for name in [*wanted, *([manifest.logistic_calibrator] if manifest.logistic_calibrator else [])]:
        if name not in members:
            raise BadModel(f"{where}: the manifest names a member {name!r} that is not there; export the package again")
    config, raw_config = parse_model_config(members[manifest.config], f"{where}: {manifest.config}")
    calibrator = None
    if manifest.logistic_calibrator:
        place = f"{where}: {manifest.logistic_calibrator}"
        calibrator = calibrator_from(parse_calibrator(members[manifest.logistic_calibrator], place), place)
    if not allow_uncalibrated:
        _insist_on_calibration(where, calibrator, config)
    classifier = build_classifier(config)
    place = f"{where}: {manifest.classifier_checkpoint}"
    load_weights(classifier, read_checkpoint(members[manifest.classifier_checkpoint], place, limit=MAX_PACKAGE_BYTES), place)
    classifier.eval().requires_grad_(False)
    return Package(
        path=path,
        manifest=raw_manifest,
        raw_config=raw_config,
        config=config,
        classifier=classifier,
        calibrator=calibrator,
        model_version=_model_version(manifest),
        variant=manifest.variant or "model",
        digest=_digest(members),
        backbone_digest=_backbone_digest(config, classifier),
    )


def write_package(
    path: Path,
    *,
    manifest: Mapping[str, Any],
    config: Mapping[str, Any],
    state_dict: Mapping[str, Tensor],
    calibrator: Mapping[str, Any] | None,
    yolo_weights: bytes = b"",
    extra: Mapping[str, bytes] | None = None,
) -> None:
    """Write a package atomically; the same content and zlib give the same bytes. The names of the members are put into the manifest here.

    manifest: `variant`, `model_version`, `provenance` and what else is to be kept. config: as in `config.yaml`. state_dict: the
    classifier's, keys without prefix. calibrator: `features`, `coefficients`, `intercept`, `sanity_checks`; None = uncalibrated.
    yolo_weights: the detector's file; empty = no detector. extra: further members, such as a model card. Raises BadModel for a config
    that `load_package` would refuse.
    """
    checked_config(dict(config), f"{path.name}: config")
    names = {"yolo_weights": "yolo_weights.pt", "classifier_checkpoint": "classifier.ckpt", "config": "config.yaml"}
    members = {
        names["yolo_weights"]: yolo_weights,
        names["classifier_checkpoint"]: checkpoint_bytes(state_dict),
        names["config"]: _dump_yaml(config),
        **(extra or {}),
    }
    written = {key: value for key, value in manifest.items() if key != "logistic_calibrator"}
    if calibrator is not None:
        names["logistic_calibrator"] = "logistic_calibrator.json"
        members[names["logistic_calibrator"]] = dump_json(dict(calibrator))
    members[_MANIFEST] = _dump_yaml({**written, **names, "format_version": 1})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = 0o644 << 16
            info.create_system = 3  # Unix, wherever it is written
            archive.writestr(info, members[name], zipfile.ZIP_DEFLATED if name == names["classifier_checkpoint"] else zipfile.ZIP_STORED)
    write_bytes(path, buffer.getvalue())


def _dump_yaml(content: Mapping[str, Any]) -> bytes:
    text: str = yaml.safe_dump(json.loads(json.dumps(content)), sort_keys=True, allow_unicode=True)
    return text.encode()


def _read_members(path: Path) -> dict[str, bytes]:
    """All members, by name. Nothing is believed: neither the sizes that the archive states nor that they are true."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            total = sum(info.file_size for info in infos)
            if total > MAX_PACKAGE_BYTES:
                raise BadModel(f"{path}: unpacks to {total} bytes, more than {MAX_PACKAGE_BYTES} allowed; this is not a model package")
            members: dict[str, bytes] = {}
            for info in infos:
                if info.filename in members:
                    raise BadModel(f"{path}: member {info.filename!r} is there twice; export the package again")
                limit = MAX_TEXT_BYTES if Path(info.filename).suffix in (".yaml", ".yml", ".json") else MAX_PACKAGE_BYTES
                if info.file_size > limit:
                    raise BadModel(f"{path}: member {info.filename!r} has {info.file_size} bytes, more than {limit} allowed")
                with archive.open(info) as member:
                    members[info.filename] = member.read(info.file_size + 1)  # and no more than it stated
            return members
    except FileNotFoundError as error:
        raise BadModel(f"{path}: no such file; give the path of a model.zip with --model") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise BadModel(f"{path}: expected a zip archive, found damage ({error}); fetch the package again") from error


def _insist_on_calibration(where: str, calibrator: Calibrator | None, config: ModelConfig) -> None:
    if calibrator is None:
        reason = "it has no calibrator"
    elif config.decision.aggregation != "logistic":
        reason = f"its decision.aggregation is {config.decision.aggregation}, not logistic"
    else:
        return
    raise BadModel(f"{where}: uncalibrated ({reason}): its scores are no probabilities; --allow-uncalibrated holds all it scores")


def _model_version(manifest: Manifest) -> str:
    """The release; else `<variant>@<first 8 of the commit>`; else the variant."""
    if manifest.model_version:
        return manifest.model_version
    variant = manifest.variant or "model"
    commit = (manifest.provenance.train_git_sha if manifest.provenance else None) or ""
    return f"{variant}@{commit[:8]}" if re.fullmatch(r"[0-9a-f]{8,64}", commit) else variant


def _digest(members: Mapping[str, bytes]) -> str:
    total = hashlib.sha256()
    for name in sorted(members):
        total.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(members[name]).digest())
    return total.hexdigest()


def _backbone_digest(config: ModelConfig, classifier: Classifier) -> str:
    shape = classifier.backbone.shape
    rules = {
        "rules": _FEATURE_RULES,
        "infer": config.infer.model_dump(),
        "tubes": config.tubes.model_dump(),
        "model_input": config.model_input.model_dump(),
        "max_frames": config.classifier.max_frames,
        "backbone": {name: getattr(shape, name) for name in type(shape).__dataclass_fields__},
    }
    total = hashlib.sha256(json.dumps(rules, sort_keys=True).encode())
    for key, tensor in sorted(classifier.backbone.state_dict().items()):
        total.update(f"{key} {list(tensor.shape)}".encode())
        total.update(tensor.contiguous().numpy().tobytes())
    return total.hexdigest()
