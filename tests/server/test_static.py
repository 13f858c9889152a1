"""The built page: files by exact name, nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.conftest import running
from tests.server.test_security import raw
from triage.config import Layout
from triage.errors import BadFile
from triage.server.static import Page


@pytest.fixture
def page(tmp_path: Path) -> Path:
    directory = tmp_path / "page"
    (directory / "assets").mkdir(parents=True)
    (directory / "index.html").write_text("<!doctype html><title>triage</title>")
    (directory / "assets" / "index-abc.js").write_text("export {}")
    (tmp_path / "secret.txt").write_text("secret")
    (directory / "link.txt").symlink_to(tmp_path / "secret.txt")
    return directory


def test_the_page_its_assets_and_the_api_live_side_by_side(world: Layout, page: Path) -> None:
    with running(world, page=page) as client:
        index = client.get("/")
        assert index.headers["content-type"].startswith("text/html")
        assert index.headers["cache-control"] == "no-cache"
        asset = client.get("/assets/index-abc.js")
        assert asset.headers["content-type"].startswith("text/javascript")
        assert "immutable" in asset.headers["cache-control"]
        assert client.get("/api/reports").json()[0]["num_rows"] == 7
        assert client.head("/").status_code == 200


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/%2e%2e/secret.txt", "/link.txt", "/assets", "/assets/../../secret.txt", "/api/none", "//"]
)
def test_only_listed_files_are_served(world: Layout, page: Path, path: str) -> None:
    with running(world, page=page) as client:
        status, body = raw(client, "GET", path)
        assert b"secret" not in body or b'"error"' in body
        assert status in (200, 404)
        assert status == 404 or body.startswith(b"<!doctype html>")


def test_a_page_built_again_is_served_without_a_restart(world: Layout, page: Path) -> None:
    with running(world, page=page) as client:
        assert client.get("/assets/index-abc.js").status_code == 200
        (page / "assets" / "index-abc.js").unlink()
        (page / "assets" / "index-def.js").write_text("export const built = 2")
        (page / "index.html").write_text("<!doctype html><title>built again</title>")
        assert "built again" in client.get("/").text
        assert client.get("/assets/index-def.js").text == "export const built = 2"
        assert client.get("/assets/index-abc.js").status_code == 404


def test_a_page_without_an_index_is_said_to_be_unbuilt(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"expected the built page, found no index\.html; `make view` builds it"):
        Page(tmp_path)
