"""Who is answered, what every answer carries, and that no request names a file."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers

from tests.server.conftest import VARIANT, jpeg, running, write_world
from triage.config import Layout
from triage.server import create_app
from triage.server.problems import Refused
from triage.server.security import allowed_hosts, check_request, is_loopback
from triage.store import Store

ONE = f"/api/reports/{VARIANT}/sequences/pyro-annotator_1"
SECRET = "outside the data directory"


def raw(client: httpx.Client, method: str, path: str, **headers: str) -> tuple[int, bytes]:
    """A request whose path and headers arrive exactly as written: httpx would tidy them."""
    port = client.base_url.port
    assert port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


# -- who is answered


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8765",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "192.168.1.9",
        "a@localhost",
        "",
        "localhost:x",
    ],
)
def test_a_foreign_host_is_refused(client: httpx.Client, host: str) -> None:
    status, body = raw(client, "GET", "/api/reports", Host=host)
    assert status == 403
    assert json.loads(body)["expected"] == "localhost or an address of this machine"


@pytest.mark.parametrize("host", ["localhost", "localhost:9000", "LOCALHOST", "127.0.0.1:1", "[::1]:8765"])
def test_every_name_of_this_machine_is_answered_on_any_forwarded_port(client: httpx.Client, host: str) -> None:
    assert raw(client, "GET", "/api/health", Host=host)[0] == 200


def test_a_cross_origin_post_is_refused(client: httpx.Client) -> None:
    for headers in (
        {"Origin": "http://evil.example", "Content-Type": "application/json"},
        {"Origin": "null", "Content-Type": "application/json"},
        {"Origin": "http://localhost:1", "Content-Type": "application/json"},
        {"Sec-Fetch-Site": "cross-site", "Content-Type": "application/json"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {},
    ):
        answer = client.post("/api/reports", headers=headers, content=b"{}")
        assert answer.status_code == 403, headers


def test_a_write_of_the_page_itself_passes_the_guard(client: httpx.Client) -> None:
    origin = f"http://127.0.0.1:{client.base_url.port}"
    answer = client.post("/api/reports", headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"}, json={})
    assert answer.status_code == 405  # nothing takes a write here yet, but it was not the guard that refused


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_site_started_is_refused_even_to_read(client: httpx.Client, site: str) -> None:
    assert client.get(f"{ONE}/frames/0.jpg", headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}).status_code == 403


def test_following_a_link_to_the_viewer_is_allowed(client: httpx.Client) -> None:
    assert client.get("/api/health", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}).status_code == 200


@given(st.text(max_size=60))
def test_only_names_of_this_machine_pass(host: str) -> None:
    try:
        headers = Headers(raw=[(b"host", host.encode("latin-1"))])
    except UnicodeEncodeError:
        return
    try:
        check_request("GET", headers, allowed_hosts("127.0.0.1"), loopback_only=True)
    except Refused:
        return
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    assert is_loopback(name.lower().strip("[]"))


def test_other_machines_need_the_token(world: Layout) -> None:
    with pytest.raises(ValueError, match="needs a token"):
        create_app(world, host="0.0.0.0", port=1, page=None)


def test_the_token_url_becomes_a_cookie_and_leaves_the_address_bar(world: Layout) -> None:
    with running(world, host="0.0.0.0", token="s3cret") as client:
        refused = client.get("/api/reports")
        assert refused.status_code == 403
        assert "open the URL that `triage view` printed" in refused.json()["next"]
        assert client.get("/?token=wrong").status_code == 403
        answer = client.get("/?token=s3cret")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert {"HttpOnly", "SameSite=lax"} <= {part.strip() for part in answer.headers["set-cookie"].split(";")}
        assert client.get("/api/reports").status_code == 200  # httpx kept the cookie
        assert httpx.get(f"{client.base_url}/api/reports", headers={"Authorization": "Bearer s3cret"}).status_code == 200
        assert httpx.get(f"{client.base_url}/api/reports", headers={"Authorization": "Bearer s3cre"}).status_code == 403
        assert httpx.get(f"{client.base_url}/api/reports", headers={"Cookie": 'triage-token="'}).status_code == 403


def test_every_answer_carries_the_headers(client: httpx.Client) -> None:
    for path in ("/api/reports", f"{ONE}/frames/0.jpg", "/nothing", f"{ONE}/frames/x.jpg"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in headers


# -- no request names a file


@pytest.fixture(scope="module")
def beside_a_secret(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Files that a traversal would find: beside the report, above the data directory, and in every format that is served."""

    root = tmp_path_factory.mktemp("secret")
    layout = write_world(root / "data")
    for place in (root, layout.root, layout.reports, layout.reports / VARIANT, layout.sequences):
        (place / "secret.json").write_text(json.dumps({"format": 1, "secret": SECRET}))
        (place / "secret.jpg").write_bytes(jpeg(1) + SECRET.encode() + b"\xff\xd9")
    with running(layout) as made:
        yield made


PARTS = st.one_of(
    st.sampled_from(
        [
            "..",
            ".",
            "",
            "%2e%2e",
            "%2f",
            "..%2f..%2fsecret",
            "..%5csecret",
            "secret",
            "secret.json",
            "secret.jpg",
            "~",
            "%00",
            "details",
            "data",
        ]
    ),
    st.sampled_from(
        ["pyro-annotator_1", "pyro-annotator_1/../../secret", "pyro-annotator_", "pyro-annotator_-1", "pyro-annotator_1.json", VARIANT]
    ),
    st.text(min_size=0, max_size=20).map(lambda text: quote(text, safe="")),
)
SHAPES = ["/{}", "/api/{}", "/api/reports/{}/model", "/api/reports/{}/rows.arrow", f"/api/reports/{VARIANT}/sequences/{{}}",
          f"/api/reports/{VARIANT}/sequences/{{}}/frames/0.jpg", f"{ONE}/frames/{{}}.jpg", f"{ONE}/tubes/{{}}/crops/0.jpg",
          f"{ONE}/tubes/1/crops/{{}}.jpg", "/api/reports/{}/sequences/pyro-annotator_1/strip"]  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shape=st.sampled_from(SHAPES), parts=st.lists(PARTS, min_size=1, max_size=5))
def test_no_path_reaches_a_file_that_is_not_of_the_api(beside_a_secret: httpx.Client, shape: str, parts: list[str]) -> None:
    status, body = raw(beside_a_secret, "GET", shape.format("/".join(parts)))
    assert SECRET.encode() not in body
    assert status in (200, 400, 404, 422), (status, body)
    if status in (404, 422):
        assert set(json.loads(body)) == {"error", "expected", "found", "next"}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.one_of(st.text(max_size=40), st.integers().map(lambda number: f"pyro-annotator_{number}")))
def test_an_odd_key_is_404_with_a_body(beside_a_secret: httpx.Client, key: str) -> None:
    if key in {f"pyro-annotator_{number}" for number in range(1, 8)}:
        return
    try:
        escaped = quote(key, safe="")
    except UnicodeEncodeError:
        return
    status, body = raw(beside_a_secret, "GET", f"/api/reports/{VARIANT}/sequences/{escaped}")
    assert status == 404 or "/" in key or key in ("", ".", "..")
    assert set(json.loads(body)) == {"error", "expected", "found", "next"}


@pytest.mark.parametrize("target", ["frame", "meta", "images", "details", "report"])
def test_a_symlink_out_of_the_data_directory_is_refused(own_world: Layout, tmp_path: Path, target: str) -> None:
    directory = Store(own_world.sequences).directory("pyro-annotator_1")
    report = own_world.reports / VARIANT
    inside = {
        "frame": directory / "images" / "detection_101.jpg",
        "meta": directory / "meta.json",
        "images": directory / "images",
        "details": report / "details" / "pyro-annotator_1.json",
        "report": report,
    }[target]
    outside = tmp_path / "outside" / inside.name
    outside.parent.mkdir()
    inside.rename(outside)
    inside.symlink_to(outside)
    with running(own_world) as client:
        if target == "report":
            assert client.get("/api/reports").json() == []
            assert client.get(ONE).status_code == 404
            return
        detail = client.get(ONE)
        assert detail.status_code == 200
        if target == "details":
            assert detail.json()["tubes"] == []
            assert "a link that leads out of the data directory" in detail.json()["partial"][0]
        else:
            assert client.get(f"{ONE}/frames/1.jpg").status_code == 404


def test_a_link_inside_the_data_directory_is_followed(own_world: Layout) -> None:
    big = own_world.root / "big"
    own_world.sequences.rename(big)
    own_world.sequences.symlink_to(big)
    with running(own_world) as client:
        assert client.get(f"{ONE}/frames/1.jpg").status_code == 200


def test_hostile_names_travel_as_text(client: httpx.Client) -> None:
    detail = client.get(f"/api/reports/{VARIANT}/sequences/pyro-annotator_4")
    assert detail.headers["content-type"] == "application/json"
    assert detail.json()["row"]["camera_name"].startswith("<script>")
