"""A package is refused with one line that names what is wrong, or it loads; what we write is reproducible."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from tests.model import oracle, small
from triage.errors import BadModel
from triage.model import build_classifier, checked_config, load_package, package


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.write_small(tmp_path_factory.mktemp("good") / "model.zip")


def changed(good: Path, tmp_path: Path, **members: bytes | None) -> Path:
    """`config="..."` replaces config.yaml, and so on; None leaves the member out."""
    names = {
        "manifest": "manifest.yaml",
        "config": "config.yaml",
        "calibrator": "logistic_calibrator.json",
        "checkpoint": "classifier.ckpt",
    }
    return oracle.rewritten(good, tmp_path / "changed.zip", {names[name]: data for name, data in members.items()})


def manifest(**changes: Any) -> bytes:
    base = {
        "format_version": 1,
        "yolo_weights": "yolo_weights.pt",
        "classifier_checkpoint": "classifier.ckpt",
        "config": "config.yaml",
        "logistic_calibrator": "logistic_calibrator.json",
        "variant": "small",
    }
    return yaml.safe_dump({key: value for key, value in {**base, **changes}.items() if value != "drop"}).encode()


def calibrator(**changes: Any) -> bytes:
    return json.dumps({**small.CALIBRATOR, **changes}).encode()


def config(**blocks: Any) -> bytes:
    return yaml.safe_dump(small.config(**blocks)).encode()


def checkpoint(change: Callable[[dict[str, Any]], Any]) -> bytes:
    state = build_classifier(checked_config(small.CONFIG, "test")).state_dict()
    buffer = io.BytesIO()
    torch.save({"state_dict": change({f"model.{key}": value for key, value in state.items()})}, buffer)
    return buffer.getvalue()


def test_a_good_package_says_what_it_is(good: Path) -> None:
    loaded = load_package(good)
    assert (loaded.model_version, loaded.variant, loaded.calibrated) == ("1.2.3", "small", True)
    assert (loaded.aggregation, loaded.threshold, loaded.feature_width) == ("logistic", 0.4, 48)
    assert loaded.model_config()["manifest"]["variant"] == "small"
    assert loaded.model_config()["config"] == small.CONFIG


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"manifest": None}, "no member manifest.yaml; this is not a model package of format 1"),
        ({"manifest": manifest(format_version=2)}, "expected format_version 1, found 2"),
        ({"manifest": manifest(format_version="1")}, "expected format_version 1, found '1'"),
        ({"manifest": manifest(format_version=True)}, "expected format_version 1, found True"),
        ({"manifest": manifest(config="drop")}, "manifest.yaml: config: field required"),
        ({"manifest": manifest(classifier_checkpoint="other.ckpt")}, "names a member 'other.ckpt' that is not there"),
        ({"manifest": manifest(logistic_calibrator="cal.json")}, "names a member 'cal.json' that is not there"),
        ({"manifest": manifest(logistic_calibrator=None)}, "logistic_calibrator must name a member"),
        ({"manifest": b"- a list"}, "expected a mapping, found list"),
        ({"manifest": b"{unclosed"}, "expected YAML, found damage"),
        ({"manifest": manifest(logistic_calibrator="drop")}, "uncalibrated (it has no calibrator)"),
        ({"config": config(decision={"aggregation": "max_logit"})}, "uncalibrated (its decision.aggregation is max_logit"),
        ({"config": config(decision={"logistic_threshold": None})}, "aggregation logistic needs decision.logistic_threshold"),
        ({"config": config(classifier={"backbone": "resnet50"})}, "unknown classifier.backbone 'resnet50'; known are vit_tiny"),
        ({"config": config(classifier={"yolo_roi_dim": 64})}, "classifier.yolo_roi_dim belongs to a later kind of package"),
        ({"config": config(classifier={"arch": "gru"})}, "expected classifier.arch transformer, found 'gru'"),
        ({"config": config(classifier={"embed_dim": None})}, "backbone vit needs classifier.embed_dim"),
        ({"config": config(classifier={"transformer_num_heads": 5})}, "must be a multiple of classifier.transformer_num_heads 5"),
        ({"config": config(classifier={"img_size": 64})}, "img_size 64 and model_input.patch_size 32 must be equal"),
        ({"config": config(classifier={"embed_dim": 96})}, "blocks.0.attn.proj.bias has shape [48], the config asks for [96]"),
        ({"config": config(classifier={"depth": 3})}, "tensor backbone.backbone.blocks.2.attn.proj.bias is missing"),
        ({"config": config(classifier={"depth": 1})}, "tensor backbone.backbone.blocks.1.attn.proj.bias is not expected"),
        ({"config": config(classifier={"global_pool": "avg"})}, "tensor backbone.backbone.fc_norm.bias is missing"),
        ({"config": config(tubes={"iou_threshold": "many"})}, "tubes.iou_threshold: input should be a valid number"),
        ({"config": config(tubes={"iou_threshold": float("nan")})}, "tubes.iou_threshold: input should be a finite number"),
        ({"config": config(model_input={"normalization": {"mean": [0, 0, 0], "std": [1, 0, 1]}})}, "std must be positive"),
        ({"calibrator": b"{"}, "logistic_calibrator.json: expected JSON, found damage"),
        ({"calibrator": calibrator(features=["logit", "mean_conf", "log_len", "n_tubes"])}, "expected features ['logit', 'log_len'"),
        ({"calibrator": calibrator(coefficients=[1.0, 2.0])}, "expected 4 coefficients, found 2"),
        ({"calibrator": calibrator(coefficients=[1.0, 0.5, 0.25, float("nan")])}, "coefficients.3: input should be a finite number"),
        ({"calibrator": calibrator(intercept=-0.499)}, "sanity check 0 expects probability 0.500000, the coefficients give 0.500250"),
        ({"checkpoint": b"not a zip"}, "classifier.ckpt: expected a torch checkpoint, found damage"),
        ({"checkpoint": checkpoint(lambda state: {**state, "model.head.cls_token": "text"})}, "'head.cls_token' is not a tensor"),
        (
            {"checkpoint": checkpoint(lambda state: {**state, "model.head.cls_token": torch.full((1, 1, 48), float("nan"))})},
            "tensor head.cls_token holds numbers that are not finite",
        ),
        (
            {"checkpoint": checkpoint(lambda state: {**state, "model.yolo_roi_proj.weight": torch.zeros(1)})},
            "tensor yolo_roi_proj.weight belongs to a later kind of package",
        ),
        ({"checkpoint": checkpoint(lambda state: {})}, "expected a state dict"),
    ],
)
def test_what_must_not_be_scored_with_is_refused(good: Path, tmp_path: Path, changes: dict[str, bytes | None], message: str) -> None:
    with pytest.raises(BadModel) as caught:
        load_package(changed(good, tmp_path, **changes))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("/tmp/model-was-executed"),))


def test_a_checkpoint_that_runs_code_is_refused_unrun(good: Path, tmp_path: Path) -> None:
    target = Path("/tmp/model-was-executed")
    buffer = io.BytesIO()
    torch.save({"state_dict": {"model.head.cls_token": _Evil()}}, buffer)
    with pytest.raises(BadModel, match="does not load as tensors only"):
        load_package(changed(good, tmp_path, checkpoint=buffer.getvalue()))
    assert not target.exists()
    assert pickle  # what such a file is made with


def test_keys_without_the_prefix_are_dropped_and_plain_state_dicts_load(good: Path, tmp_path: Path) -> None:
    with_loss = changed(good, tmp_path, checkpoint=checkpoint(lambda state: {**state, "loss_fn.pos_weight": torch.ones(1)}))
    assert load_package(with_loss).feature_width == 48
    buffer = io.BytesIO()
    torch.save(build_classifier(checked_config(small.CONFIG, "test")).state_dict(), buffer)
    assert load_package(changed(good, tmp_path, checkpoint=buffer.getvalue())).feature_width == 48


def test_an_uncalibrated_package_loads_only_when_allowed(tmp_path: Path) -> None:
    path = small.write_small(tmp_path / "raw.zip", small.config(decision={"aggregation": "max_logit"}), calibrator=None)
    with pytest.raises(BadModel, match="uncalibrated"):
        load_package(path)
    loaded = load_package(path, allow_uncalibrated=True)
    assert (loaded.calibrated, loaded.threshold) == (False, 0.0)


@pytest.mark.parametrize("keep", [0, 10, 1000, -30])
def test_a_cut_file_is_refused(good: Path, tmp_path: Path, keep: int) -> None:
    cut = tmp_path / "cut.zip"
    cut.write_bytes(good.read_bytes()[:keep])
    with pytest.raises(BadModel, match=r"expected a zip archive, found damage|no member manifest\.yaml"):
        load_package(cut)


def test_a_flipped_byte_is_noticed(good: Path, tmp_path: Path) -> None:
    data = bytearray(good.read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "flipped.zip").write_bytes(data)
    with pytest.raises(BadModel, match="Bad CRC-32"):
        load_package(tmp_path / "flipped.zip")


def test_a_missing_file_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=r"no such file; give the path of a model\.zip with --model"):
        load_package(tmp_path / "nowhere.zip")


def test_a_zip_bomb_is_refused_before_it_unpacks(good: Path, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.yaml", b"#" * (package.MAX_TEXT_BYTES + 1))
    with pytest.raises(BadModel, match=r"'config\.yaml' has 1000001 bytes, more than 1000000 allowed"):
        load_package(bomb)
    data = bytearray(good.read_bytes())
    (entry,) = struct.unpack("<I", data[-6:-2])  # where the central directory begins
    data[entry + 24 : entry + 28] = struct.pack("<I", 4_000_000_000)  # the uncompressed size in the central directory
    bomb.write_bytes(data)
    with pytest.raises(BadModel, match=r"unpacks to 4000.* bytes, more than 2000000000 allowed"):
        load_package(bomb)


def test_a_yaml_bomb_is_refused(good: Path, tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 10)]
    with pytest.raises(BadModel, match="more than 10000 values"):
        load_package(changed(good, tmp_path, config="\n".join([*lines, "tubes: *a9"]).encode()))


def test_a_member_that_is_there_twice_is_refused(good: Path, tmp_path: Path) -> None:
    twice = tmp_path / "twice.zip"
    twice.write_bytes(good.read_bytes())
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(twice, "a") as archive:
        archive.writestr("config.yaml", b"{}")
    with pytest.raises(BadModel, match=r"member 'config\.yaml' is there twice"):
        load_package(twice)


def test_same_content_same_bytes(good: Path, tmp_path: Path) -> None:
    assert small.write_small(tmp_path / "again.zip").read_bytes() == good.read_bytes()
    assert small.write_small(tmp_path / "other.zip", seed=1).read_bytes() != good.read_bytes()


def test_zeros_take_no_room(good: Path, tmp_path: Path) -> None:
    zeros = {key: torch.zeros_like(value) for key, value in load_package(good).classifier.state_dict().items()}
    empty = small.write_small(tmp_path / "empty.zip", state_dict=zeros)
    assert empty.stat().st_size < 0.2 * good.stat().st_size
    assert not any(bool(value.any()) for value in load_package(empty).classifier.state_dict().values())


def test_digests_tell_what_changed(good: Path, tmp_path: Path) -> None:
    base = load_package(good)
    new_calibrator = load_package(changed(good, tmp_path, calibrator=calibrator(sanity_checks=[], intercept=0.0)))
    new_threshold = load_package(changed(good, tmp_path, config=config(decision={"logistic_threshold": 0.5})))
    new_crop = load_package(changed(good, tmp_path, config=config(model_input={"context_factor": 2.0})))
    new_padding = load_package(changed(good, tmp_path, config=config(infer={"pad_to_min_frames": 8})))
    new_backbone = load_package(
        changed(good, tmp_path, checkpoint=checkpoint(lambda state: {key: value + 0.01 for key, value in state.items()}))
    )
    deflated = tmp_path / "deflated.zip"
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(deflated, "w", zipfile.ZIP_DEFLATED) as new:
        for name in reversed(old.namelist()):
            new.writestr(name, old.read(name))
    assert load_package(deflated).digest == base.digest
    loaded = [base, new_calibrator, new_threshold, new_crop, new_padding, new_backbone]
    assert len({one.digest for one in loaded}) == len(loaded)
    assert base.backbone_digest == new_calibrator.backbone_digest == new_threshold.backbone_digest
    assert len({base.backbone_digest, new_crop.backbone_digest, new_padding.backbone_digest, new_backbone.backbone_digest}) == 4


@pytest.mark.parametrize(
    ("changes", "version"),
    [
        ({"model_version": "0.2.0", "provenance": {"train_git_sha": "0123456789abcdef"}}, "0.2.0"),
        ({"provenance": {"train_git_sha": "0123456789abcdef"}}, "small@01234567"),
        ({"provenance": {"train_git_sha": "unknown"}}, "small"),
        ({"provenance": None}, "small"),
        ({"model_version": 0.2}, "0.2"),
        ({}, "small"),
    ],
)
def test_the_version_is_the_release_else_the_commit_else_the_variant(
    good: Path, tmp_path: Path, changes: dict[str, Any], version: str
) -> None:
    assert load_package(changed(good, tmp_path, manifest=manifest(**changes))).model_version == version
