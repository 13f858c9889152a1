"""`triage unpack` from the outside."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.shards.worlds import tree, world
from triage.cli import cli
from triage.config import Layout
from triage.shards.pack import pack


@pytest.fixture
def packed(tmp_path: Path) -> Layout:
    layout = world(tmp_path / "here")
    pack(layout, target_bytes=20_000)
    return layout


def test_it_restores_store_and_report_and_counts(packed: Layout, tmp_path: Path) -> None:
    there = tmp_path / "there"
    result = CliRunner().invoke(cli, ["unpack", "--data", str(there), "--from", str(packed.shards)])
    assert result.exit_code == 0
    assert "frames: 6 sequences = 6 restored + 0 right already + 0 failed" in result.stdout
    assert tree(Layout(there).sequences) == tree(packed.sequences)
    again = CliRunner().invoke(cli, ["unpack", "--data", str(there), "--from", str(packed.shards), "--json"])
    assert json.loads(again.stdout)["frames"] == {"restored": 0, "right": 6, "newer": 0, "failed": []}


def test_what_is_not_whole_is_listed_and_the_exit_code_is_3(packed: Layout, tmp_path: Path) -> None:
    os.truncate(packed.shards / "frames" / "shard_0001.tar", 100)
    result = CliRunner().invoke(cli, ["unpack", "--data", str(tmp_path / "there"), "--from", str(packed.shards)])
    assert result.exit_code == 3
    assert "not restored:" in result.stdout
    assert "it was cut; fetch it again" in result.stdout


def test_one_organization(packed: Layout, tmp_path: Path) -> None:
    there = tmp_path / "there"
    result = CliRunner().invoke(cli, ["unpack", "--data", str(there), "--from", str(packed.shards), "--organization", "Org A"])
    assert "frames: 3 sequences = 3 restored" in result.stdout
