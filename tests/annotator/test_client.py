"""The client against the annotator at home, and against a plain function where that one is too well-behaved."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.annotator.loopback import Loopback, Reply, Seen
from triage.annotator import Client, Patience, SequenceQuery
from triage.demo.faults import Faults
from triage.demo.server import AnnotatorServer
from triage.demo.world import plain_jpeg, plain_world
from triage.errors import AnnotatorUnavailable, BadAnswer, BadCredentials, BadFrame, BadSetting, TriageError

QUICK = Patience(connect=2, read=5, retries=3, backoff=0.01)
READY = SequenceQuery("ready_to_annotate")


@contextmanager
def client_of(url: str, *, password: str = "at-home", workers: int = 4) -> Iterator[Client]:
    client = Client(url, "triage", password, workers=workers, patience=QUICK)
    try:
        yield client
    finally:
        client.close()


def answering(**answers: Reply) -> Callable[[Seen], Reply]:
    """By the path's last word: `login`, `me`, `sequences`, `detections`, `url`."""

    def answer(seen: Seen) -> Reply:
        name = seen.path.partition("?")[0].rstrip("/").rpartition("/")[2]
        return answers.get(name, Reply(body=b'{"access_token": "s3cret-token", "id": 1, "username": "triage"}'))

    return answer


def page(*items: object, total: int | None = None) -> Reply:
    return Reply(body=json.dumps({"items": items, "total": len(items) if total is None else total, "page": 1, "pages": 1}).encode())


# -- logging in


def test_one_login_serves_many_threads_and_so_does_one_renewal() -> None:
    with AnnotatorServer(plain_world(3), faults=Faults(token_requests=40)) as server, client_of(server.url, workers=32) as client:
        threads = [threading.Thread(target=lambda: [client.sequences(READY) for _ in range(2)]) for _ in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        logins = sum(seen.method == "POST" for seen in server.requests)
        assert logins == 2


def test_a_wrong_password_is_tried_once_and_never_again() -> None:
    with AnnotatorServer(plain_world(1)) as server, client_of(server.url, password="wrong-word") as client:
        for _ in range(3):
            with pytest.raises(BadCredentials, match=r"refused the login 'triage' \(401\); check ANNOTATOR_API_LOGIN") as caught:
                client.me()
            assert "wrong-word" not in str(caught.value)
        assert len(server.requests) == 1


def test_a_fresh_token_that_is_refused_too_is_an_error() -> None:
    with Loopback(answering(me=Reply(401))) as server, client_of(server.url) as client:
        with pytest.raises(BadCredentials, match="users/me: refused with a fresh token too"):
            client.me()
        assert [seen.method for seen in server.seen] == ["POST", "GET", "POST", "GET"]


def test_a_login_without_a_token_is_no_annotator() -> None:
    with (
        Loopback(answering(login=Reply(body=b'{"ok": true}'))) as server,
        client_of(server.url) as client,
        pytest.raises(BadAnswer, match="expected an access_token, found none"),
    ):
        client.me()


@pytest.mark.parametrize("url", ["", "annotator.example.org", "ftp://host", "https://user:word@host", "https://host?x=1", "http://[::1"])
def test_what_is_no_api_host_is_refused(url: str) -> None:
    with pytest.raises(BadSetting, match=r"expected the API host such as https://annotationapi\.pyronear\.org"):
        Client(url, "a", "b")


@pytest.mark.parametrize("suffix", ["", "/", "/api/v1", "/api/v1/"])
def test_the_host_may_be_given_with_or_without_the_apis_path(suffix: str) -> None:
    with AnnotatorServer(plain_world(1)) as server, client_of(server.url + suffix) as client:
        assert client.me().username == "triage"


# -- hosts that are not the annotator


@pytest.mark.parametrize("status", [200, 404, 405])
def test_a_web_page_is_told_from_an_api(status: int) -> None:
    html = Reply(status, b"<!doctype html><html></html>", {"Content-Type": "text/html"})
    with (
        Loopback(lambda seen: html) as server,
        client_of(server.url) as client,
        pytest.raises(BadAnswer, match=r"found a web page; .*set ANNOTATOR_API_URL to the API's \(annotationapi.pyronear.org\)"),
    ):
        client.me()


def test_a_redirect_to_another_host_never_sees_the_token() -> None:
    with Loopback(lambda seen: Reply()) as other:
        away = Reply(307, headers={"Location": f"{other.url}/api/v1/users/me"})
        with (
            Loopback(answering(me=away)) as server,
            client_of(server.url) as client,
            pytest.raises(BadAnswer, match=r"redirected to http://127.0.0.1:\d+, where the login must not follow"),
        ):
            client.me()
        assert other.seen == []


def test_the_login_is_never_sent_on() -> None:
    with AnnotatorServer(plain_world(1)) as other:
        with (
            AnnotatorServer(plain_world(1), faults=Faults(redirect_api_to=other.url)) as server,
            client_of(server.url) as client,
            pytest.raises(BadAnswer, match="redirected to"),
        ):
            client.me()
        assert other.requests == []


def test_a_redirect_on_the_annotators_own_host_is_followed() -> None:
    def answer(seen: Seen) -> Reply:
        if seen.path == "/api/v1/users/me":
            return Reply(307, headers={"Location": "/api/v1/users/me/"})
        return answering()(seen)

    with Loopback(answer) as server, client_of(server.url) as client:
        assert client.me().username == "triage"
        assert server.seen[-1].headers["authorization"] == "Bearer s3cret-token"


def test_redirects_that_go_round_end() -> None:
    with (
        Loopback(answering(me=Reply(307, headers={"Location": "/api/v1/users/me"}))) as server,
        client_of(server.url) as client,
        pytest.raises(BadAnswer, match="redirected 4 times"),
    ):
        client.me()


# -- listing


def test_an_unknown_stage_is_refused_before_it_is_sent() -> None:
    with AnnotatorServer(plain_world(1)) as server, client_of(server.url) as client:
        with pytest.raises(BadSetting, match=r"stage .ready_to_anotate.: expected one of imported, ready_to_annotate.*nothing was sent"):
            client.sequences(SequenceQuery("ready_to_anotate"))
        with pytest.raises(BadSetting, match="page size 101: expected 1 to 100"):
            client.sequences(READY, size=101)
        assert server.requests == []


def test_both_forms_of_timestamps_and_labels_are_read() -> None:
    world = plain_world(2)
    with (
        AnnotatorServer(type(world)(world.sequences, world.image, {1: "annotated", 2: "ready_to_annotate"})) as server,
        client_of(server.url) as client,
    ):
        (waiting,) = client.sequences(READY).rows
        (done,) = client.sequences(SequenceQuery("annotated")).rows
    assert waiting.recorded_at == datetime(2026, 5, 1, 8, 7, tzinfo=UTC)
    assert done.recorded_at == datetime(2026, 5, 1, 8, tzinfo=UTC)
    assert waiting.annotation is None
    assert done.annotation is not None
    assert done.annotation.smoke_types == ["wildfire"]


def test_null_is_kept_apart_from_zero() -> None:
    row = {"id": 5, "recorded_at": None, "azimuth": None, "temporal_model_score": None, "unknown": [1]}
    with (
        Loopback(answering(sequences=page(row, {**row, "id": 6, "azimuth": 0, "temporal_model_score": 0.0}))) as server,
        client_of(server.url) as client,
    ):
        first, second = client.sequences(READY).rows
    assert (first.recorded_at, first.azimuth, first.temporal_model_score) == (None, None, None)
    assert (second.azimuth, second.temporal_model_score) == (0, 0.0)


def test_one_unreadable_row_does_not_hide_its_neighbours() -> None:
    items = [{"id": 1}, {"id": 2, "recorded_at": "yesterday"}, {"id": "3"}, 4, {"id": 5}]
    with Loopback(answering(sequences=page(*items))) as server, client_of(server.url) as client:
        found = client.sequences(READY)
    assert [row.id for row in found.rows] == [1, 5]
    assert [sequence_id for sequence_id, _ in found.bad] == [2, None, None]
    assert "recorded_at: Value error" in found.bad[0][1]
    assert "found 'yesterday'" in found.bad[0][1]


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (Reply(body=b"not json"), "expected JSON, found b'not json'"),
        (Reply(body=b"[]"), "Page: .*is this host an annotator"),
        (Reply(body=b'{"items": 1, "total": 0}'), "items: Input should be a valid list"),
        (Reply(422, b'{"detail": "no"}'), "expected 200, found 422"),
        (Reply(403, b'{"detail": "no"}'), r"does not allow this to 'triage' \(403\)"),
    ],
)
def test_other_answers_are_refused_in_words(reply: Reply, text: str) -> None:
    with Loopback(answering(sequences=reply)) as server, client_of(server.url) as client, pytest.raises(BadAnswer, match=text):
        client.sequences(READY)


# -- frames


def test_detections_come_whole_and_in_time_order() -> None:
    with AnnotatorServer(plain_world(2, frames=230)) as server, client_of(server.url) as client:
        rows = client.detections(2)
        assert client.detection_count(2) == 230
        assert client.detections(424242) == ()
    assert len({row.id for row in rows}) == 230
    assert [row.recorded_at for row in rows] == sorted(row.recorded_at for row in rows if row.recorded_at)
    assert rows[0].algo_predictions is not None
    assert rows[0].algo_predictions.predictions[0].class_name == "smoke"


def test_a_detection_list_that_never_adds_up_is_an_error() -> None:
    row = {"id": 1, "algo_predictions": {"predictions": []}}
    with (
        Loopback(answering(detections=page(row, total=3))) as server,
        client_of(server.url) as client,
        pytest.raises(BadAnswer, match="sequence 9: 3 frames announced, 1 listed, 3 times"),
    ):
        client.detections(9)


@pytest.mark.parametrize(
    "box", [{"xyxyn": [0, 0, 1], "confidence": 1}, {"xyxyn": [0, 0, 1, 1]}, {"xyxyn": [0, 0, 1, "x"], "confidence": 1}]
)
def test_a_malformed_box_is_refused(box: object) -> None:
    with (
        Loopback(answering(detections=page({"id": 1, "algo_predictions": {"predictions": [box]}}))) as server,
        client_of(server.url) as client,
        pytest.raises(BadAnswer, match=r"sequence 9: algo_predictions.predictions.0"),
    ):
        client.detections(9)


def test_boxes_that_are_not_known_are_not_none_found() -> None:
    with Loopback(answering(detections=page({"id": 1, "algo_predictions": None}, {"id": 2}))) as server, client_of(server.url) as client:
        assert [row.algo_predictions for row in client.detections(9)] == [None, None]


def test_a_frame_is_fetched_without_the_token() -> None:
    with AnnotatorServer(plain_world(1, frames=1)) as server, client_of(server.url) as client:
        assert client.fetch_frame(1) == plain_jpeg()
        assert server.leaked == []
        assert any(seen.path.startswith("/annotation-api/") for seen in server.requests)


def test_a_link_that_has_run_out_is_asked_for_anew_once() -> None:
    with AnnotatorServer(plain_world(1, frames=1), faults=Faults(link_uses=1)) as server, client_of(server.url) as client:
        assert client.fetch_frame(1) == plain_jpeg()
        assert sum(seen.path.endswith("/url") for seen in server.requests) == 2


def test_a_link_that_is_refused_twice_is_an_error() -> None:
    with AnnotatorServer(plain_world(1, frames=1), faults=Faults(link_uses=9)) as server, client_of(server.url) as client:
        with pytest.raises(BadFrame, match=r"frame 1: the image was refused, with a fresh link too \(the image host answered 403\)"):
            client.fetch_frame(1)
        assert sum(seen.path.endswith("/url") for seen in server.requests) == 2


@pytest.mark.parametrize(
    ("faults", "text", "images"),
    [
        (Faults(vanished=frozenset({1})), r"frame 1: the annotator has no such file any more \(404\)", 0),
        (Faults(gone_images=frozenset({1})), r"frame 1: the image is gone \(the image host answered 404\)", 1),
        (Faults(damaged=frozenset({1})), "frame 1: the JPEG has no end after", 2),
        (Faults(not_images=frozenset({1})), "frame 1: expected a JPEG, found b'<!doctype", 2),
    ],
    ids=["vanished", "gone", "damaged", "web page"],
)
def test_a_frame_that_cannot_be_had_says_why(faults: Faults, text: str, images: int) -> None:
    with AnnotatorServer(plain_world(1, frames=1), faults=faults) as server, client_of(server.url) as client:
        with pytest.raises(BadFrame, match=text):
            client.fetch_frame(1)
        assert sum(seen.path.startswith("/annotation-api/") for seen in server.requests) == images


def test_a_redirect_of_the_image_host_is_followed_without_the_token() -> None:
    with Loopback(lambda seen: Reply(body=plain_jpeg())) as elsewhere:
        faults = Faults(redirect_to=f"{elsewhere.url}/other.jpg")
        with AnnotatorServer(plain_world(1, frames=1), faults=faults) as server, client_of(server.url) as client:
            assert client.fetch_frame(1) == plain_jpeg()
        assert [seen.headers.get("authorization") for seen in elsewhere.seen] == [None]


@pytest.mark.parametrize("content", [b'{"url": null}', b'{"url": "file:///etc/passwd"}', b"[]"])
def test_a_link_that_is_none_is_refused(content: bytes) -> None:
    with (
        Loopback(answering(url=Reply(body=content))) as server,
        client_of(server.url) as client,
        pytest.raises(BadAnswer, match="expected a link to an image"),
    ):
        client.frame_url(1)


def test_rough_weather_changes_nothing() -> None:
    rough = Faults(error_rate=0.15, drop_rate=0.1, truncate_rate=0.1, throttle_rate=0.05, token_requests=7)
    patient = Patience(connect=2, read=5, retries=12, backoff=0.001)
    with AnnotatorServer(plain_world(3, frames=6), faults=rough) as server:
        client = Client(server.url, server.login, server.password, workers=4, patience=patient)
        frames = [client.fetch_frame(row.id) for number in (1, 2, 3) for row in client.detections(number)]
        client.close()
        assert frames == [plain_jpeg()] * 18
        assert server.writes == []
        assert server.leaked == []


# -- secrets


def test_neither_password_nor_token_nor_signature_reach_logs_or_errors(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="triage")
    link = Reply(body=b'{"url": "http://127.0.0.1:9/image.jpg?Signature=s1gnature"}')
    texts = []
    for broken in (Reply(500), Reply(401), Reply(403), Reply(200, b"<html>"), Reply(307, headers={"Location": "http://else.invalid/"})):
        with Loopback(answering(me=broken, url=link)) as server, client_of(server.url, password="pa55word") as client:
            texts.append(repr(client))
            for call in (client.me, lambda client=client: client.fetch_frame(1)):
                with pytest.raises(TriageError) as caught:
                    call()
                texts.append(str(caught.value))
    assert len(texts) == 15
    for secret in ("pa55word", "s3cret-token", "s1gnature"):
        assert secret not in caplog.text
        assert not [text for text in texts if secret in text]


# -- settings


def test_settings_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("ANNOTATOR_API_URL", "ANNOTATOR_API_LOGIN", "ANNOTATOR_API_PASSWORD"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("ANNOTATOR_API_URL", "http://127.0.0.1:9")
    with pytest.raises(BadSetting, match=r"ANNOTATOR_API_LOGIN is not set; `export ANNOTATOR_API_LOGIN=\.\.\.`"):
        Client.from_settings(workers=1)


def test_settings_shape_the_clients_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    with Loopback(lambda seen: Reply(500)) as server:
        monkeypatch.setenv("ANNOTATOR_API_URL", server.url)
        monkeypatch.setenv("ANNOTATOR_API_LOGIN", "a")
        monkeypatch.setenv("ANNOTATOR_API_PASSWORD", "b")
        monkeypatch.setenv("TRIAGE_RETRIES", "0")
        with pytest.raises(AnnotatorUnavailable, match="1 tries"):
            Client.from_settings(workers=1).me()
        monkeypatch.setenv("TRIAGE_READ_TIMEOUT", "long")
        with pytest.raises(BadSetting, match="TRIAGE_READ_TIMEOUT='long': expected a number"):
            Client.from_settings(workers=1)


# -- the recorded examples


@pytest.mark.skipif("TRIAGE_FIXTURES" not in os.environ, reason="TRIAGE_FIXTURES names the recorded examples; it is not set")
def test_every_recorded_answer_that_triage_asks_for_is_read() -> None:
    examples = Path(os.environ["TRIAGE_FIXTURES"]) / "annotator" / "examples"

    def recorded(name: str) -> Reply:
        content = json.loads((examples / f"{name}.json").read_text())
        return Reply(content["status"], json.dumps(content["body"]).encode())

    names = {
        "sequences": "sequences-page",
        "detections": "detections-unknown-sequence",
        "url": "detection-url",
        "cameras": "cameras",
        "organizations": "organizations",
    }
    with Loopback(answering(**{name: recorded(file) for name, file in names.items()})) as server, client_of(server.url) as client:
        assert [row.id for row in client.sequences(READY).rows] == [4, 3]
        assert client.detections(424242) == ()
        assert client.frame_url(1).startswith("https://s3.example.org/annotation-api/")
        assert client.names("organizations")[3] == "Forêt d'Ardèche"
        assert client.names("cameras")[105] == "cam-05"
    annotated = answering(sequences=recorded("sequences-annotated-with-annotation"), detections=recorded("detections-page"))
    with Loopback(annotated) as server, client_of(server.url) as client:
        (row,) = client.sequences(SequenceQuery("annotated")).rows
        assert row.last_seen_at == datetime(2026, 5, 1, 8, 39, 30, tzinfo=UTC)
        assert row.annotation is not None
        assert row.annotation.false_positive_types == ["unlabeled"]
    with (
        Loopback(answering(login=recorded("login-wrong-password"))) as server,
        client_of(server.url) as client,
        pytest.raises(BadCredentials),
    ):
        client.me()
    with Loopback(answering(sequences=recorded("bad-token"))) as server, client_of(server.url) as client, pytest.raises(BadCredentials):
        client.sequences(READY)
    with Loopback(answering(url=recorded("detection-url-unknown"))) as server, client_of(server.url) as client, pytest.raises(BadFrame):
        client.frame_url(99999)
