"""A whole run: labels in, a package that scoring accepts out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.train.builders import write_sequence
from triage.errors import BadInput, BadModel, BadSetting
from triage.evaluation import fingerprint, unpack_fingerprints
from triage.model import Package, Predictor, Scored, SequenceInput, load_package
from triage.model.predictor import FrameInput
from triage.store import Store
from triage.train import Request, Result, train


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def labels_at(root: Path) -> Path:
    """24 labels of 6 cameras, every third one smoke."""
    for at in range(24):
        write_sequence(root, 1 + at, "smoke" if at % 3 == 0 else "fp", f"cam-{(at // 3) % 6}")
    return root


@pytest.fixture
def request_for(tmp_path: Path) -> Callable[..., Request]:
    """A request over small sequences that is done in a second."""

    def make(**options: object) -> Request:
        store = tmp_path / "labels"
        stores = (store if store.exists() else labels_at(store),)
        plain = Request(stores, tmp_path / "out.zip", held_out=0.33, epochs=1, threads=1, minimum=8, resamples=20)
        return replace(plain, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Request, Result]:
    """One package from scratch that has learnt what there is to learn."""
    root = tmp_path_factory.mktemp("trained")
    request = Request((labels_at(root / "labels"),), root / "out.zip", held_out=0.33, epochs=16, threads=1, minimum=8, resamples=20)
    return request, train(request)


def backbone(package: Package) -> dict[str, torch.Tensor]:
    return package.classifier.backbone.state_dict()


def head(package: Package) -> dict[str, torch.Tensor]:
    return package.classifier.head.state_dict()


def score(package: Package, store: Path) -> dict[str, float | None]:
    source = Store(store)

    def load(key: str, at: int) -> Callable[[], bytes]:
        return lambda: source.frame(key, at)

    inputs = []
    for key in source.keys():  # noqa: SIM118  a store is no mapping
        frames = source.sequence(key).frames
        inputs.append(SequenceInput(key, tuple(FrameInput(f.file, load(key, at), f.boxes or ()) for at, f in enumerate(frames))))
    outcomes = Predictor(package, device="cpu", threads=1).predict_many(inputs)
    return {key: outcome.prediction.probability if isinstance(outcome, Scored) else None for key, outcome in outcomes}


def test_from_scratch_it_writes_a_package_that_scores_a_card_and_a_report(trained: tuple[Request, Result]) -> None:
    request, result = trained
    package = load_package(result.package)
    assert package.calibrated
    assert result.package.stat().st_size < 3_000_000
    assert package.variant == "small"
    assert package.model_version == result.model_version
    scores = score(package, request.stores[0])
    smoke = [scores[f"pyro-annotator_{1 + at}"] for at in range(24) if at % 3 == 0]
    other = [scores[f"pyro-annotator_{1 + at}"] for at in range(24) if at % 3]
    assert min(one for one in smoke if one is not None) > max(one for one in other if one is not None)
    assert json.loads(result.written.json.read_bytes())["metrics"]["roc_auc"]["value"] == 1.0
    assert "| held out for the report |" in result.card.read_text()


def test_the_report_scores_as_scoring_does(trained: tuple[Request, Result]) -> None:
    request, result = trained
    evaluation = result.written.evaluation
    scores = score(load_package(result.package), request.stores[0])
    # Every held-out sequence is in one bin of the reliability diagram, whose mean score scoring must give as well.
    held_out = {group.name for group in evaluation.camera_groups}
    source = Store(request.stores[0])
    again = [value for key, value in scores.items() if f"sdis/{source.sequence(key).camera_name}" in held_out and value is not None]
    told = [one.count * one.mean_score for one in evaluation.reliability if one.mean_score is not None]
    assert len(again) == evaluation.confusion.total
    assert sum(again) == pytest.approx(sum(told), abs=1e-4)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_weights(request_for: Callable[..., Request], tmp_path: Path) -> None:
    first, again = train(request_for(epochs=4)), train(request_for(epochs=4, output=tmp_path / "again.zip"))
    assert first.package.read_bytes() == again.package.read_bytes()
    assert first.card.read_bytes() == again.card.read_bytes()
    other = train(request_for(epochs=4, output=tmp_path / "other.zip", seed=1))
    assert not torch.equal(head(load_package(other.package))["classifier.weight"], head(load_package(first.package))["classifier.weight"])


def test_a_refit_keeps_the_backbone_so_that_old_features_serve(trained: tuple[Request, Result], tmp_path: Path) -> None:
    request, result = trained
    start = load_package(result.package)
    refit = load_package(train(replace(request, start=result.package, output=tmp_path / "refit.zip", seed=3)).package)
    assert refit.backbone_digest == start.backbone_digest
    assert refit.digest != start.digest
    assert refit.variant == "small-refit"
    assert refit.calibrator != start.calibrator


def test_finetuning_moves_the_last_blocks_only(trained: tuple[Request, Result], tmp_path: Path) -> None:
    request, result = trained
    start = backbone(load_package(result.package))
    tuned = backbone(load_package(train(replace(request, start=result.package, blocks=1, output=tmp_path / "tuned.zip", epochs=1)).package))
    changed = {key.split("blocks.")[-1][0] for key, value in tuned.items() if "blocks." in key and not torch.equal(value, start[key])}
    assert changed == {"0"}  # the small network has one block


def test_the_package_names_what_it_learnt_from(trained: tuple[Request, Result]) -> None:
    request, result = trained
    package = load_package(result.package)
    store = Store(request.stores[0])
    assert unpack_fingerprints(package.model_config()) == {fingerprint(store.sequence(key)) for key in store.keys()}  # noqa: SIM118
    assert package.manifest["provenance"]["training"]["seed"] == 0
    assert "train_git_sha" not in package.manifest["provenance"]


def test_variant_and_version_can_be_given(request_for: Callable[..., Request]) -> None:
    package = load_package(train(request_for(version="9.9.9", variant="mine")).package)
    assert (package.variant, package.model_version) == ("mine", "9.9.9")


def test_unreadable_frames_are_left_out_and_named(request_for: Callable[..., Request]) -> None:
    request = request_for()
    next(request.stores[0].glob("*/*/seq_5/images/*.jpg")).write_bytes(b"\xff\xd8\xff broken")
    result = train(request)
    assert set(result.problems) == {"pyro-annotator_5"}
    assert "1 with frames that cannot be read" in result.card.read_text()


def test_labels_whose_frames_cannot_be_read_do_not_suffice(request_for: Callable[..., Request]) -> None:
    request = request_for()
    for path in request.stores[0].glob("*/*/*/images/*.jpg"):
        path.write_bytes(b"broken")
    with pytest.raises(BadInput, match=r"0 tubes of smoke and 0 of false positives could be cut.*24 sequences cannot be read"):
        train(request)


def test_a_sequence_without_a_tube_is_held_in_the_report(request_for: Callable[..., Request]) -> None:
    request = request_for()
    for number in range(100, 106):
        sequence = write_sequence(request.stores[0], number, "fp", f"cam-{number % 6}")
        meta = request.stores[0] / sequence.directory / "meta.json"
        content = json.loads(meta.read_bytes())
        for frame in content["frames"]:
            frame["boxes"] = []
        meta.write_text(json.dumps(content))
    result = train(request)
    assert result.written.evaluation.fp.hold >= 1
    assert "6 without any tube" in result.card.read_text()


def test_what_will_be_evaluated_is_refused(request_for: Callable[..., Request], make_store: Callable[..., Path]) -> None:
    request = request_for()
    with pytest.raises(BadInput, match="among those of the evaluation"):
        train(replace(request, evaluation=(make_store(2, name="later"),)))
    assert not request.output.exists()


def test_wrong_starts_are_refused_before_any_work(request_for: Callable[..., Request], tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="--finetune chooses blocks of a package's backbone; give one with --from"):
        train(request_for(blocks=1))
    (tmp_path / "no.zip").write_bytes(b"PK")
    with pytest.raises(BadModel, match="expected a zip archive, found damage"):
        train(request_for(start=tmp_path / "no.zip"))
