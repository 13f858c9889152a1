"""`triage demo` from the outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner, Result

from tests.model.small import write_small
from triage.cli import cli
from triage.demo.world import plain_jpeg, plain_world, write_world


@pytest.fixture
def store(tmp_path: Path) -> Path:
    write_world(plain_world(4, frames=4, image=plain_jpeg((96, 64))), tmp_path / "store")
    write_small(tmp_path / "model.zip")
    return tmp_path / "store"


def demo(store: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        cli, ["demo", "--no-view", "--replay", str(store), "--model", str(store.parent / "model.zip"), *arguments], catch_exceptions=False
    )


def test_it_ends_with_a_table_that_adds_up_an_auc_and_what_comes_next(store: Path) -> None:
    result = demo(store, "--data", str(store.parent / "data"))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert any(line.endswith("adds up") for line in lines)
    assert any("ROC AUC" in line for line in lines)
    assert any(line.startswith("next: triage view") for line in lines)


def test_json_has_the_same_numbers(store: Path) -> None:
    result = demo(store, "--data", str(store.parent / "data"), "--json")
    content = json.loads(result.stdout)
    assert (content["clean"], content["pull"]["listed"], content["outcomes"]["adds_up"]) == (True, 4, True)
    assert content["round_trip"]["differing"] == []


def test_without_data_it_writes_into_demo_data_and_not_among_real_work(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(store.parent)
    monkeypatch.delenv("TRIAGE_DATA", raising=False)
    assert demo(store).exit_code == 0
    assert (store.parent / "demo-data" / "02_shards").is_dir()
    assert not (store.parent / "data").exists()


def test_the_variable_names_the_data_directory(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIAGE_DATA", str(store.parent / "elsewhere"))
    assert demo(store, "--quiet").exit_code == 0
    assert (store.parent / "elsewhere" / "02_shards").is_dir()


def test_serve_answers_until_it_is_interrupted(store: Path) -> None:
    command = [sys.executable, "-m", "triage", "demo", "--serve", "--json", "--replay", str(store), "--data", str(store.parent / "d")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as process:
        assert process.stdout is not None
        try:
            said = b""
            while not said.rstrip().endswith(b"}"):
                line = process.stdout.readline()
                assert line, "the server ended before it said where it listens"
                said += line
            where = json.loads(said)
            credentials = {"username": where["ANNOTATOR_API_LOGIN"], "password": where["ANNOTATOR_API_PASSWORD"]}
            answer = requests.post(f"{where['ANNOTATOR_API_URL']}/api/v1/auth/login", json=credentials, timeout=10)
            assert answer.json()["token_type"] == "bearer"
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=20) == 130
        finally:
            process.kill()
