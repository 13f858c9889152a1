"""`triage evaluate` from the outside."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from triage.cli import cli
from triage.errors import BadInput


def write_data(data: Path) -> None:
    report = data / "08_reporting" / "pyro-annotator" / "demo-1"
    report.mkdir(parents=True)
    n = 20
    columns = {
        "key": [f"pyro-annotator_{i}" for i in range(n)],
        "label": ["smoke" if i < 8 else "fp" for i in range(n)],
        "triage_score": [0.9 - i / 40 for i in range(n)],
        "organization_name": ["sdis"] * n,
        "camera_name": [f"cam-{i % 4}" for i in range(n)],
    }
    pq.write_table(pa.table(columns), report / "results.parquet")
    (report / "model_config.json").write_text('{"threshold": 0.6, "model_version": "1"}')
    (report.parent / "latest.json").write_text('{"format": 1, "variant": "demo-1"}')


def test_it_prints_a_table_and_names_the_page(tmp_path: Path) -> None:
    write_data(tmp_path)
    result = CliRunner().invoke(cli, ["evaluate", "--data", str(tmp_path), "--resamples", "20"])
    assert result.exit_code == 0
    assert "ROC AUC                            1.000" in result.stdout
    assert str(tmp_path / "09_evaluation" / "demo-1" / "evaluation.html") in result.stdout


def test_json_is_the_evaluation_and_the_threshold_can_be_chosen(tmp_path: Path) -> None:
    write_data(tmp_path)
    result = CliRunner().invoke(cli, ["evaluate", "--data", str(tmp_path), "--resamples", "0", "--threshold", "0.8", "--json"])
    content = json.loads(result.stdout)
    assert content["threshold"] == 0.8
    assert content["confusion"] == {"true_positive": 5, "false_positive": 0, "true_negative": 12, "false_negative": 3}
    assert len(content["lost"]) == 3


def test_labels_of_a_file_take_part(tmp_path: Path) -> None:
    write_data(tmp_path)
    (tmp_path / "labels.csv").write_text("key,label\n19,smoke\n")
    command = ["evaluate", "--data", str(tmp_path), "--resamples", "0", "--labels", str(tmp_path / "labels.csv"), "--json"]
    content = json.loads(CliRunner().invoke(cli, command).stdout)
    assert content["smoke"]["unlabeled"] == 1
    assert content["coverage"]["labels_overriding"] == ["pyro-annotator_19"]


def test_an_error_is_one_of_ours(tmp_path: Path) -> None:
    write_data(tmp_path)
    (tmp_path / "labels.csv").write_text("key,label\n" + "".join(f"{i},unknown\n" for i in range(20)))
    command = ["evaluate", "--data", str(tmp_path), "--labels", str(tmp_path / "labels.csv")]
    with pytest.raises(BadInput, match="none labelled"):
        CliRunner().invoke(cli, command, catch_exceptions=False)
