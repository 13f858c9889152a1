"""The static export: the same answers as the server's, as files."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner

from tests.server.conftest import VARIANT, jpeg, running
from triage.cli import cli
from triage.config import Layout
from triage.errors import BadSetting
from triage.server.export import Exported, export_page

ONE = "pyro-annotator_1"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    directory = tmp_path / "page"
    (directory / "assets").mkdir(parents=True)
    (directory / "index.html").write_text("<!doctype html><html><head><title>triage</title></head></html>")
    (directory / "assets" / "index-abc.js").write_text("export {}")
    return directory


@pytest.fixture
def exported(world: Layout, page: Path, tmp_path: Path) -> Exported:
    return export_page(world, tmp_path / "out", page=page)


def test_every_answer_is_the_servers_own(world: Layout, exported: Exported) -> None:
    data = exported.path / "data"
    with running(world) as client:
        live = f"/api/reports/{VARIANT}"
        assert json.loads((data / "reports.json").read_text()) == client.get("/api/reports").json()
        assert json.loads((data / "vocabulary.json").read_text()) == client.get("/api/vocabulary").json()
        assert json.loads((data / VARIANT / "model.json").read_text()) == client.get(f"{live}/model").json()
        rows = pa.ipc.open_stream((data / VARIANT / "rows.arrow").read_bytes()).read_all()
        assert rows.equals(pa.ipc.open_stream(client.get(f"{live}/rows.arrow").content).read_all())
        for key in rows["key"].to_pylist():
            directory, detail = data / VARIANT / "sequences" / key, client.get(f"{live}/sequences/{key}").json()
            assert json.loads((directory / "detail.json").read_text()) == detail
            frames = {f"{frame['index']}.jpg" for frame in detail["frames"] if frame["available"]}
            assert {path.name for path in (directory / "frames").iterdir()} == frames
            for tube in detail["tubes"]:
                for crop in tube["crops"]:
                    if not crop["padded"]:
                        name = f"{tube['tube_id']}-{crop['frame_idx']}.jpg"
                        url = f"{live}/sequences/{key}/tubes/{tube['tube_id']}/crops/{crop['frame_idx']}.jpg"
                        assert (directory / "crops" / name).read_bytes() == client.get(url).content
        assert (data / VARIANT / "sequences" / ONE / "strip.jpg").read_bytes() == client.get(
            f"{live}/sequences/{ONE}/strip?size=224"
        ).content
        assert (data / VARIANT / "sequences" / ONE / "frames" / "1.jpg").read_bytes() == jpeg(40)


def test_the_page_comes_with_it_and_knows_where_its_data_are(exported: Exported) -> None:
    index = (exported.path / "index.html").read_text()
    assert index.startswith(
        '<!doctype html><html><head><meta name="triage-data" content="exported" /><meta http-equiv="Content-Security-Policy"'
    )
    assert (exported.path / "assets" / "index-abc.js").read_text() == "export {}"
    files = [path for path in exported.path.rglob("*") if path.is_file()]
    assert (len(files), sum(path.stat().st_size for path in files)) == (exported.num_files, exported.num_bytes)


def test_what_is_not_selected_stays_behind(world: Layout, page: Path, tmp_path: Path) -> None:
    done = export_page(world, tmp_path / "out", page=page, select=lambda report: [ONE, "pyro-annotator_2"])
    data = tmp_path / "out" / "data"
    assert done.num_sequences == 2
    assert sorted(path.name for path in (data / VARIANT / "sequences").iterdir()) == [ONE, "pyro-annotator_2"]
    (summary,) = json.loads((data / "reports.json").read_text())
    assert (summary["num_rows"], summary["counts"]) == (2, {"review": 1, "unlabeled": 1, "hold": 0})
    assert pa.ipc.open_stream((data / VARIANT / "rows.arrow").read_bytes()).read_all()["key"].to_pylist() == [ONE, "pyro-annotator_2"]


def test_a_sequence_without_any_frame_is_named(own_world: Layout, page: Path, tmp_path: Path) -> None:
    for path in (own_world.sequences).rglob("seq_2/images/*.jpg"):
        path.unlink()
    done = export_page(own_world, tmp_path / "out", page=page)
    assert done.without_pictures == ("pyro-annotator_2",)
    assert not (tmp_path / "out" / "data" / VARIANT / "sequences" / "pyro-annotator_2" / "strip.jpg").exists()


def test_nothing_is_written_over(world: Layout, page: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(BadSetting, match="expected a new or empty directory, found something there; remove it or name another"):
        export_page(world, tmp_path / "out", page=page)


def test_a_report_that_is_not_there_is_refused(world: Layout, page: Path, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=rf"no report other under .*; there is {VARIANT}"):
        export_page(world, tmp_path / "out", page=page, variant="other")
    with pytest.raises(BadSetting, match="there is none; `triage score` writes one"):
        export_page(Layout(tmp_path / "nothing"), tmp_path / "out", page=page)
    assert not (tmp_path / "out").exists()


def test_the_command_exports_what_an_expression_selects(world: Layout, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triage.server.static.built_page", lambda: page)
    out = tmp_path / "out"
    words = ["view", "--data", str(world.root), "--export", str(out), "--where", "bucket = review and score > 0.7", "--json"]
    answer = CliRunner().invoke(cli, words)
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["sequences"] == 1
    assert (out / "data" / VARIANT / "sequences" / ONE / "detail.json").is_file()


def test_an_expression_without_an_export_is_refused(world: Layout) -> None:
    with pytest.raises(BadSetting, match="--where: expected with --export only; the page itself filters what it shows"):
        CliRunner().invoke(cli, ["view", "--data", str(world.root), "--where", "all"], catch_exceptions=False)
