"""The annotator at home: paging over a live table, tokens and links that end, and every way in which it can misbehave."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
import requests

from triage.demo.faults import Faults
from triage.demo.server import AnnotatorServer
from triage.demo.world import World, plain_jpeg, plain_world
from triage.errors import BadSetting

API = "/api/v1"


class Caller:
    """A logged-in client that follows nothing and retries nothing."""

    def __init__(self, server: AnnotatorServer) -> None:
        self.server = server
        self.session = requests.Session()
        self.log_in()

    def log_in(self) -> None:
        answer = requests.post(
            f"{self.server.url}{API}/auth/login", json={"username": self.server.login, "password": self.server.password}, timeout=10
        )
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def get(self, path: str, **query: Any) -> requests.Response:
        return self.session.get(f"{self.server.url}{API}{path}", params=query, timeout=10, allow_redirects=False)

    def ids(self, **query: Any) -> list[int]:
        return [item["id"] for item in self.get("/sequences/", **query).json()["items"]]

    def link(self, detection_id: int) -> str:
        url: str = self.get(f"/detections/{detection_id}/url").json()["url"]
        return url


def fetch(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, timeout=10, allow_redirects=False)


# -- the table


def test_a_stage_an_organization_a_camera_and_a_window_filter_the_queue() -> None:
    world = plain_world(12)
    with AnnotatorServer(World(world.sequences, world.image, {1: "annotated", 2: "no_annotation"})) as server:
        caller = Caller(server)
        assert caller.ids(processing_stage="annotated") == [1]
        assert caller.ids(processing_stage=["annotated", "no_annotation"], order_direction="asc") == [1, 2]
        assert len(caller.ids(processing_stage="ready_to_annotate")) == 10
        assert len(caller.ids(organisation_name="Forêt d'Ardèche")) == 4
        assert caller.ids(camera_id=103, order_direction="asc") == [4, 10]
        window = {"recorded_at_gte": "2026-05-01T08:07:00Z", "recorded_at_lte": "2026-05-01T08:21:00+00:00"}
        assert caller.ids(order_by="recorded_at", order_direction="asc", **window) == [2, 3, 4]
        assert caller.ids(order_by="created_at", order_direction="desc", **window) == [4, 3, 2]


def test_a_row_without_a_time_is_last_ascending_first_descending_and_in_no_window() -> None:
    world = plain_world(3)
    old = (replace(world.sequences[0], started_at=None), *world.sequences[1:])
    with AnnotatorServer(World(old, world.image)) as server:
        caller = Caller(server)
        assert caller.ids(order_by="recorded_at", order_direction="asc") == [2, 3, 1]
        assert caller.ids(order_by="recorded_at", order_direction="desc") == [1, 3, 2]
        assert caller.ids(order_by="recorded_at", recorded_at_gte="2000-01-01T00:00:00Z") == [3, 2]


def test_ties_repeat_and_vanish_across_a_page_border_as_they_do_there() -> None:
    with AnnotatorServer(plain_world(20, alert_size=2)) as server:
        caller = Caller(server)
        pages = [caller.ids(order_by="recorded_at", order_direction="asc", size=3, page=page) for page in range(1, 8)]
    listed = [row for page in pages for row in page]
    assert len(listed) == 20
    assert len(set(listed)) < 20


def test_rows_that_leave_slide_others_past_a_reader() -> None:
    with AnnotatorServer(plain_world(30), faults=Faults(churn_every=1, churn_leave=2, churn_arrive=0)) as server:
        caller = Caller(server)
        query = {"processing_stage": "ready_to_annotate", "order_by": "recorded_at", "order_direction": "asc", "size": 10}
        first = caller.get("/sequences/", page=1, **query).json()
        second = caller.get("/sequences/", page=2, **query).json()
        assert (first["total"], second["total"]) == (30, 28)
        server.churn(leave=30)
        assert caller.ids(**query) == []


def test_late_rows_arrive_while_the_queue_is_paged() -> None:
    with AnnotatorServer(plain_world(10, frames=1), faults=Faults(late=4, churn_every=1, churn_leave=0, churn_arrive=2)) as server:
        caller = Caller(server)
        totals = [caller.get("/sequences/").json()["total"] for _ in range(3)]
    assert totals == [6, 8, 10]


def test_a_sequence_grows_and_is_seen_later() -> None:
    with AnnotatorServer(plain_world(2, frames=6), faults=Faults(grow=1)) as server:
        caller = Caller(server)
        before = caller.get("/sequences/", order_direction="asc").json()["items"]
        frames = [caller.get("/detections/", sequence_id=number).json()["total"] for number in (1, 2)]
        assert frames == [3, 6]
        assert caller.get("/detections/6/url").status_code == 404
        server.grow()
        after = caller.get("/sequences/", order_direction="asc").json()["items"]
        assert caller.get("/detections/", sequence_id=1).json()["total"] == 6
        assert after[0]["last_seen_at"] > before[0]["last_seen_at"]
        assert after[1] == before[1]


def test_growth_can_come_by_itself_after_so_many_requests() -> None:
    with AnnotatorServer(plain_world(1, frames=4), faults=Faults(grow=1, grow_after=3)) as server:
        caller = Caller(server)
        assert [caller.get("/detections/", sequence_id=1).json()["total"] for _ in range(3)] == [2, 4, 4]


def test_detections_page_at_fifty_and_a_hundred_at_most() -> None:
    with AnnotatorServer(plain_world(1, frames=120)) as server:
        caller = Caller(server)
        assert len(caller.get("/detections/", sequence_id=1).json()["items"]) == 50
        assert len(caller.get("/detections/", sequence_id=1, size=100, page=2).json()["items"]) == 20
        assert caller.get("/detections/", sequence_id=1, size=101).status_code == 422


def test_a_queue_of_many_rows_is_paged_without_sorting_it_again() -> None:
    with AnnotatorServer(plain_world(20_000)) as server:
        caller = Caller(server)
        rows = caller.ids(processing_stage="ready_to_annotate", order_by="recorded_at", order_direction="asc", size=100, page=200)
    assert rows == list(range(19_901, 20_001))


# -- the human's calls


def test_a_discarded_sequence_is_annotated_at_once_and_exported_as_a_negative() -> None:
    with AnnotatorServer(plain_world(3, frames=2)) as server:
        caller = Caller(server)
        assert caller.get("/export/alerts").json() == {"items": [], "next_cursor": None}
        server.annotate([1], false_positive_type="unlabeled")
        server.annotate([2], smoke_type="wildfire")
        assert caller.ids(processing_stage="annotated") == [1]
        assert caller.ids(processing_stage="seq_annotation_done") == [2]
        (alert,) = caller.get("/export/alerts").json()["items"]
        assert alert["objects"][0]["record_kind"] == "false_positive"
        link = alert["objects"][0]["frames"][0]["image_url"]
        assert fetch(link).content.startswith(b"\xff\xd8")


def test_a_sequence_without_boxes_is_skipped_by_a_bulk_call() -> None:
    with AnnotatorServer(plain_world(1)) as server:
        caller = Caller(server)
        answer = caller.session.post(
            f"{server.url}{API}/annotations/sequences/bulk", json={"sequence_ids": [1], "false_positive_type": "sky"}, timeout=10
        ).json()
        assert [(item["sequence_id"], item["reason"]) for item in answer["skipped"]] == [(1, "no predictions")]
        assert [seen.method for seen in server.writes] == ["POST"]


def test_an_alert_is_exported_only_when_all_its_objects_are_annotated_and_the_cursor_goes_on() -> None:
    with AnnotatorServer(plain_world(6, frames=1, alert_size=2)) as server:
        caller = Caller(server)
        server.annotate([1, 2, 3, 5, 6], false_positive_type="other")
        first = caller.get("/export/alerts", limit=1).json()
        assert [alert["platform_alert_id"] for alert in first["items"]] == [1000]
        second = caller.get("/export/alerts", limit=5, cursor=first["next_cursor"]).json()
        assert [alert["platform_alert_id"] for alert in second["items"]] == [1002]
        assert second["next_cursor"] is None


# -- tokens, links and hosts


def test_a_token_ends_after_its_time_or_its_uses_and_a_new_login_helps() -> None:
    with AnnotatorServer(plain_world(1), faults=Faults(token_requests=2)) as server:
        caller = Caller(server)
        assert [caller.get("/users/me").status_code for _ in range(3)] == [200, 200, 401]
        caller.log_in()
        assert caller.get("/users/me").status_code == 200
    with AnnotatorServer(plain_world(1), faults=Faults(token_seconds=-1)) as server:
        assert Caller(server).get("/users/me").json() == {"detail": "Could not validate credentials"}


def test_a_token_is_a_json_web_token_with_an_end() -> None:
    with AnnotatorServer(plain_world(1)) as server:
        token = str(Caller(server).session.headers["Authorization"]).removeprefix("Bearer ")
    assert token.count(".") == 2
    assert token.startswith("eyJ")


def test_the_image_host_refuses_a_token_and_says_so() -> None:
    with AnnotatorServer(plain_world(1, frames=1)) as server:
        link = Caller(server).link(1)
        assert not link.startswith(server.url)
        assert fetch(link).content == plain_jpeg()
        assert server.leaked == []
        assert fetch(link, Authorization="Bearer x").status_code == 400
        assert len(server.leaked) == 1


def test_a_link_is_refused_when_it_ended_or_was_tampered_with() -> None:
    with AnnotatorServer(plain_world(2, frames=1), faults=Faults(link_seconds=-1)) as server:
        answer = fetch(Caller(server).link(1))
        assert (answer.status_code, "expired" in answer.text) == (403, True)
    with AnnotatorServer(plain_world(2, frames=1)) as server:
        link = Caller(server).link(1)
        assert fetch(link.replace("080000", "080700")).status_code == 403
        assert fetch(link.replace("Expires=", "Expires=9")).status_code == 403


def test_an_image_that_is_gone_is_a_404_at_the_link_or_at_the_image() -> None:
    faults = Faults(vanished=frozenset({1}), gone_images=frozenset({2}))
    with AnnotatorServer(plain_world(1, frames=3), faults=faults) as server:
        caller = Caller(server)
        assert caller.get("/detections/1/url").status_code == 404
        assert fetch(caller.link(2)).status_code == 404
        assert fetch(caller.link(3)).status_code == 200


# -- misbehaviour


def test_the_first_requests_of_a_path_fail_and_the_next_ones_do_not() -> None:
    with AnnotatorServer(plain_world(1), faults=Faults(fail_first=2)) as server:
        caller = Caller(server)
        assert [caller.get("/users/me").status_code for _ in range(3)] == [500, 500, 200]


def test_a_throttled_request_says_when_to_come_again() -> None:
    with AnnotatorServer(plain_world(1), faults=Faults(throttle_rate=1.0, retry_after="7")) as server:
        answer = Caller(server).get("/users/me")
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")


def test_a_dropped_connection_and_a_truncated_body_are_seen_as_such() -> None:
    with AnnotatorServer(plain_world(1), faults=Faults(drop_rate=1.0)) as server, pytest.raises(requests.ConnectionError):
        Caller(server).get("/users/me")
    with (
        AnnotatorServer(plain_world(1), faults=Faults(truncate_rate=1.0)) as server,
        pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)),
    ):
        Caller(server).get("/sequences/")


def test_a_share_of_requests_fails_whatever_their_order_and_a_retry_is_drawn_anew() -> None:
    faults = Faults(error_rate=0.3, seed=4)
    paths = [f"/detections/{number}/url" for number in range(200)]
    first = [faults.misbehaviour(path, 0) for path in paths]
    assert 0.2 < first.count("error") / 200 < 0.4
    assert [faults.misbehaviour(path, 0) for path in reversed(paths)] == first[::-1]
    assert [faults.misbehaviour(path, 1) for path in paths] != first
    assert replace(faults, seed=5).misbehaviour(paths[0], 0) in (None, "error")


def test_a_damaged_image_has_the_announced_length_and_a_web_page_comes_as_html() -> None:
    faults = Faults(damaged=frozenset({1}), not_images=frozenset({2}))
    with AnnotatorServer(plain_world(1, frames=2), faults=faults) as server:
        caller = Caller(server)
        cut = fetch(caller.link(1))
        assert cut.content == plain_jpeg()[: len(plain_jpeg()) // 2]
        assert fetch(caller.link(2)).headers["Content-Type"].startswith("text/html")


def test_the_web_page_host_answers_html_to_everything() -> None:
    with AnnotatorServer(plain_world(1), faults=Faults(html=True)) as server:
        answer = fetch(f"{server.url}{API}/sequences/")
        assert (answer.status_code, answer.text.startswith("<!doctype html>")) == (200, True)


def test_links_and_calls_can_redirect_to_another_host() -> None:
    faults = Faults(redirect_to="http://127.0.0.1:9/elsewhere.jpg", redirect_api_to="http://127.0.0.1:9")
    with AnnotatorServer(plain_world(1, frames=1)) as server:
        caller = Caller(server)
        link = caller.link(1)
        server.misbehave(redirect_to=faults.redirect_to, redirect_api_to=faults.redirect_api_to)
        assert fetch(link).headers["Location"] == faults.redirect_to
        assert caller.get("/users/me").headers["Location"] == f"http://127.0.0.1:9{API}/users/me"


def test_latency_does_not_hold_up_other_requests() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with AnnotatorServer(plain_world(1), faults=Faults(latency=0.2)) as server:
        caller = Caller(server)
        begin = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: fetch(f"{server.url}{API}/cameras/", **caller_headers(caller)).status_code, range(8)))
        assert answers == [200] * 8
        assert 0.2 <= time.monotonic() - begin < 1.5


def caller_headers(caller: Caller) -> dict[str, str]:
    return {"Authorization": str(caller.session.headers["Authorization"])}


def test_everything_that_arrived_is_recorded() -> None:
    with AnnotatorServer(plain_world(1, frames=1)) as server:
        caller = Caller(server)
        fetch(caller.link(1))
        kinds = [(seen.method, seen.path.partition("?")[0], seen.had_authorization) for seen in server.requests]
    assert kinds == [
        ("POST", "/api/v1/auth/login", False),
        ("GET", "/api/v1/detections/1/url", True),
        ("GET", "/annotation-api/detections/alert_1/20260501_080000.jpg", False),
    ]


def test_a_path_without_its_slash_redirects_and_an_unknown_one_is_not_found() -> None:
    with AnnotatorServer(plain_world(1)) as server:
        caller = Caller(server)
        answer = caller.get("/sequences", page=2)
        assert (answer.status_code, answer.headers["Location"]) == (307, "/api/v1/sequences/?page=2")
        assert caller.get("/nothing").json() == {"detail": "Not Found"}
        assert caller.session.post(f"{server.url}{API}/cameras/", timeout=10).status_code == 405


def test_a_request_that_is_no_http_is_refused() -> None:
    import socket

    with AnnotatorServer(plain_world(1)) as server:
        host, _, port = server.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as raw:
            raw.sendall(b"nonsense\r\n\r\n")
            assert raw.recv(100).startswith(b"HTTP/1.1 400 ")


def test_a_taken_port_is_one_clear_error() -> None:
    with AnnotatorServer(plain_world(1)) as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(BadSetting, match=f"--port {port}: is taken; choose another"), AnnotatorServer(plain_world(1), port=port):
            pass


def test_outside_its_block_it_says_that_it_does_not_run() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        AnnotatorServer(plain_world(1)).grow()


@pytest.mark.parametrize("rendered", [False, True])
def test_a_bug_of_its_own_is_a_500_and_is_raised_at_the_end(rendered: bool) -> None:
    def broken(bucket_key: str) -> bytes:
        raise ZeroDivisionError(bucket_key)

    world = World(plain_world(1, frames=1).sequences, broken, rendered=rendered)
    with pytest.raises(ZeroDivisionError, match="alert_1"), AnnotatorServer(world) as server:
        assert fetch(Caller(server).link(1)).status_code == 500
