"""`triage fetch` where there is nothing to fetch; tests/sharing fetches from a real endpoint."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from triage.cli import cli
from triage.errors import BadInput, BadSetting


def test_without_a_publication_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"02_shards.dvc: expected what a producer commits, found none; `git pull`"):
        CliRunner().invoke(cli, ["fetch", "--data", str(tmp_path)], catch_exceptions=False)


def test_previews_and_an_organization_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="expected one of them, found both"):
        CliRunner().invoke(cli, ["fetch", "--data", str(tmp_path), "--previews", "--organization", "x"], catch_exceptions=False)


def test_dvc_s_own_words_come_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_NO_ANALYTICS", "true")
    monkeypatch.setenv("CI", "true")  # DVC looks for no newer release of itself
    (tmp_path / "02_shards.dvc").write_text("outs: []\n")
    with pytest.raises(BadInput, match=r"dvc pull: .*not inside of a DVC repository.*; check the remote"):
        CliRunner().invoke(cli, ["fetch", "--data", str(tmp_path)], catch_exceptions=False)
