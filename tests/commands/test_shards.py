"""`triage shards merge` from the outside."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from click.testing import CliRunner

from tests.shards.worlds import add, world
from triage.cli import cli
from triage.config import Layout
from triage.shards.pack import pack


def test_it_merges_and_says_whose_the_shards_are(tmp_path: Path) -> None:
    one = world(tmp_path / "one", 3)
    pack(one, target_bytes=20_000_000)
    shutil.copytree(one.root, tmp_path / "other")
    other = Layout(tmp_path / "other")
    add(other, 30)
    pack(other, target_bytes=20_000_000)
    out = tmp_path / "merged"
    result = CliRunner().invoke(cli, ["shards", "merge", str(one.shards), str(other.shards), str(out)])
    assert result.exit_code == 0
    assert "4 sequences; 1 shards of the common base, 0 of the first set, 1 of the second; 0 sequences were packed by both" in result.stdout
    shutil.rmtree(out)
    result = CliRunner().invoke(cli, ["shards", "merge", str(one.shards), str(other.shards), str(out), "--json"])
    assert json.loads(result.stdout)["sequences"] == 4
