"""kill -9 at random moments of pack and unpack: no manifest names what is not there, and a re-run ends as an undisturbed run does."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shards.killer import TARGET
from tests.shards.worlds import VARIANT, add, add_report, world
from triage.config import Layout
from triage.shards.pack import pack
from triage.shards.unpack import unpack

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize(("processes", "kills"), [(0, 50), (2, 25)])
@pytest.mark.parametrize("what", ["pack", "unpack"])
def test_kills(tmp_path: Path, what: str, processes: int, kills: int) -> None:
    layout = world(tmp_path / "data", 8)
    pack(layout, target_bytes=TARGET)
    made = [add(layout, number, frames=4, organization="Org B") for number in range(7, 15)]
    shutil.rmtree(layout.reports / VARIANT)
    add_report(layout, made)
    # `packed`: shards behind their store and report; `data`: the same after an undisturbed run.
    shutil.copytree(layout.root, tmp_path / "packed")
    pack(layout, target_bytes=TARGET)
    if what == "pack":
        shutil.copytree(layout.shards, tmp_path / "expected-shards")
    else:
        unpack(Layout(tmp_path / "expected-data"), source=layout.shards)
    command = [sys.executable, "-m", "tests.shards.killer", what, str(tmp_path), str(kills), "7", str(processes)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=270)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["killed"] >= kills
