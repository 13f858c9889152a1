"""The read API over a real report and store: what each answer says."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import httpx
import pyarrow as pa
import pytest
from PIL import Image

from tests.server.conftest import HOSTILE, VARIANT, jpeg, running, write_world
from triage.config import Layout
from triage.report import rebucket_report
from triage.sequences import FALSE_POSITIVE_TYPES, SMOKE_TYPES

HERE = f"/api/reports/{VARIANT}"


def sequence_url(number: int) -> str:
    return f"{HERE}/sequences/pyro-annotator_{number}"


def image(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content)).convert("RGB")


def test_a_report_is_listed_with_its_counts(client: httpx.Client) -> None:
    (report,) = client.get("/api/reports").json()
    version = report.pop("version")
    assert report == {
        "variant": VARIANT, "model_version": "0.1.0", "threshold": 0.35, "counts": {"review": 4, "unlabeled": 1, "hold": 2},
        "num_rows": 7, "num_dropped": 1, "source": "loose", "is_latest": True, "labelled": True,
    }  # fmt: skip
    assert len(version) == 16


def test_health_says_what_it_stands_on_and_no_path(client: httpx.Client) -> None:
    answer = client.get("/api/health").json()
    assert answer["status"] == "ok"
    assert (answer["num_reports"], answer["num_sequences"], answer["problems"]) == (1, 7, [])
    assert answer["data"] == "data"


def test_an_empty_data_directory_is_no_error(tmp_path: Path) -> None:
    with running(Layout(tmp_path / "none")) as client:
        assert client.get("/api/reports").json() == []
        assert client.get("/api/health").json()["num_sequences"] == 0
        answer = client.get("/api/reports/x/rows.arrow")
        assert answer.status_code == 404
        assert answer.json()["expected"] == "a report; there is none yet"


def test_rows_are_one_batch_of_columns_a_browser_can_use_as_they_are(client: httpx.Client) -> None:
    answer = client.get(f"{HERE}/rows.arrow")
    assert answer.headers["content-type"] == "application/vnd.apache.arrow.stream"
    reader = pa.ipc.open_stream(answer.content)
    batches = list(reader)
    assert len(batches) == 1
    types = {field.name: str(field.type) for field in reader.schema}
    assert types["key"] == "string"
    assert {types[name] for name in ("sequence_id", "num_frames", "platform_alert_id", "trigger_frame_index")} == {"int32"}
    assert {types[name] for name in ("triage_score", "probability", "azimuth", "started_at", "last_seen_at")} == {"double"}
    assert {types[name] for name in ("triage_bucket", "camera_name", "label")} == {"dictionary<values=string, indices=int32, ordered=0>"}
    rows = {row["sequence_id"]: row for row in batches[0].to_pylist()}
    assert rows[1]["started_at"] == 1777629660000.0  # 2026-05-01T10:01:00Z
    assert rows[1]["last_seen_at"] == 1777633260000.0  # written with a space and an offset
    assert rows[7]["started_at"] is None
    assert rows[3]["triage_score"] is None
    assert rows[4]["camera_name"] == HOSTILE


def test_the_detail_joins_row_frames_tubes_and_labels(client: httpx.Client) -> None:
    detail = client.get(sequence_url(1)).json()
    assert detail["row"]["triage_bucket"] == "review"
    assert [frame["index"] for frame in detail["frames"]] == [0, 1, 2]
    assert detail["frames"][0]["file"] == "detection_100.jpg"
    assert (detail["frames"][0]["width"], detail["frames"][0]["height"]) == (320, 180)
    assert detail["frames"][0]["boxes"][0]["xyxyn"] == [0.45, 0.45, 0.55, 0.55]
    assert detail["slots"] == [0, 0, 1, 2, 2]
    assert detail["padded_slots"] == [0, 4]
    assert [tube["is_decisive"] for tube in detail["tubes"]] == [False, True]
    assert detail["decisive_tube_id"] == 1
    assert detail["smoke_types"] == ["wildfire"]
    assert detail["annotator_url"] == "https://annotator.pyronear.org/sequences/1/annotate"
    assert detail["partial"] == []


def test_neighbours_are_of_the_same_camera_in_time_order_and_of_the_same_alert(client: httpx.Client) -> None:
    detail = client.get(sequence_url(1)).json()
    assert [other["key"] for other in detail["same_camera"]] == [f"pyro-annotator_{number}" for number in (2, 3, 6, 7)]
    assert [other["key"] for other in detail["same_alert"]] == ["pyro-annotator_5"]
    assert detail["same_alert"][0]["triage_score"] == 0.6


def test_a_crop_is_located_in_its_frame_before_the_border_cuts_it(client: httpx.Client) -> None:
    tube = client.get(sequence_url(1)).json()["tubes"][1]
    # 0.1 of 320 px wide, times the context 1.5, is 48 px: 0.15 of the width and 48/180 of the height.
    assert tube["crops"][1]["xyxyn"] == pytest.approx([0.425, 0.5 - 24 / 180, 0.575, 0.5 + 24 / 180])
    assert [crop["frame_index"] for crop in tube["crops"]] == [0, 0, 1, 2, 2]
    assert [crop["padded"] for crop in tube["crops"]] == [True, False, False, False, True]


def test_a_missing_frame_says_so_and_the_rest_is_shown(client: httpx.Client) -> None:
    detail = client.get(sequence_url(6)).json()
    assert [frame["available"] for frame in detail["frames"]] == [True, False, True]
    assert "detection_601.jpg: cannot be read (No such file or directory)" in detail["frames"][1]["reason"]
    assert detail["frames"][1]["reason"].startswith("01_raw/sequences/")
    answer = client.get(f"{sequence_url(6)}/frames/1.jpg")
    assert answer.status_code == 404
    assert "detection_601.jpg" in answer.json()["error"]
    strip = client.get(f"{sequence_url(6)}/strip")
    assert strip.headers["x-strip-count"] == "2"


@pytest.mark.parametrize(("number", "reason"), [(3, "no_tube"), (7, "predict_failed")])
def test_a_held_sequence_still_shows_its_frames(client: httpx.Client, number: int, reason: str) -> None:
    detail = client.get(sequence_url(number)).json()
    assert detail["row"]["hold_reason"] == reason
    assert detail["tubes"] == []
    assert all(frame["available"] for frame in detail["frames"])
    assert image(client.get(f"{sequence_url(number)}/strip?size=32")).size == (96, 32)


def test_a_report_without_its_frames_still_opens(own_world: Layout) -> None:

    shutil.rmtree(own_world.sequences)
    with running(own_world) as client:
        detail = client.get(sequence_url(2)).json()
        assert [(frame["file"], frame["available"]) for frame in detail["frames"]][:1] == [("detection_200.jpg", False)]
        assert "its frames are not here; `triage fetch` or `triage unpack` brings them" in detail["partial"][0]
        assert client.get(f"{sequence_url(2)}/frames/0.jpg").status_code == 404


def test_damaged_details_are_said_and_the_frames_are_shown(own_world: Layout) -> None:
    path = own_world.reports / VARIANT / "details" / "pyro-annotator_1.json"
    path.write_text('{"format": 1, "preprocessing": {"num_frames_input": "many"}, "tubes": {}, "decision": {}}')
    with running(own_world) as client:
        detail = client.get(sequence_url(1)).json()
        assert detail["tubes"] == []
        assert "details/pyro-annotator_1.json: preprocessing.num_frames_input" in detail["partial"][0]
        assert all(frame["available"] for frame in detail["frames"])
        assert client.get(f"{sequence_url(1)}/tubes/1/crops/1.jpg").status_code == 500


def test_a_damaged_report_is_named_and_hides_no_other(own_world: Layout) -> None:

    shutil.copytree(own_world.reports / VARIANT, own_world.reports / "another")
    (own_world.reports / "another" / "results.parquet").write_bytes(b"no parquet")
    with running(own_world) as client:
        assert [report["variant"] for report in client.get("/api/reports").json()] == [VARIANT]
        (problem,) = client.get("/api/health").json()["problems"]
        assert "another/results.parquet" in problem
        answer = client.get("/api/reports/another/rows.arrow")
        assert answer.status_code == 500
        assert "another/results.parquet" in answer.json()["error"]


def test_a_report_that_is_written_again_is_read_again(own_world: Layout) -> None:
    with running(own_world) as client:
        before = client.get("/api/reports").json()[0]
        rebucket_report(own_world.reports, VARIANT, 0.7)
        after = client.get("/api/reports").json()[0]
        assert (before["threshold"], after["threshold"]) == (0.35, 0.7)
        assert after["counts"] == {"review": 1, "unlabeled": 4, "hold": 2}
        assert before["version"] != after["version"]


def test_a_sequence_pulled_meanwhile_is_shown_as_it_is_now(own_world: Layout) -> None:
    from tests.server.conftest import sequence
    from triage.store import Store

    with running(own_world) as client:
        before = client.get(sequence_url(2)).json()
        grown = sequence(2, num_frames=4)
        Store(own_world.sequences).write_sequence(grown, [jpeg(9)] * 4)
        after = client.get(sequence_url(2)).json()
        assert (len(before["frames"]), len(after["frames"])) == (3, 4)
        assert before["version"] != after["version"]


def test_a_frame_is_served_as_it_lies_or_shrunk_never_enlarged(client: httpx.Client) -> None:
    assert client.get(f"{sequence_url(1)}/frames/1.jpg").content == jpeg(40)
    assert image(client.get(f"{sequence_url(1)}/frames/1.jpg?width=160")).size == (160, 90)
    assert client.get(f"{sequence_url(1)}/frames/1.jpg?width=4000").content == jpeg(40)


def test_a_crop_shows_the_window_of_the_slot(client: httpx.Client) -> None:
    crop = image(client.get(f"{sequence_url(1)}/tubes/1/crops/3.jpg?size=48"))
    assert crop.size == (48, 48)
    red, _, _ = crop.getpixel((24, 24))  # type: ignore[misc]
    shade, _, _ = crop.getpixel((2, 2))  # type: ignore[misc]
    assert red > 240  # the white square in the middle
    assert abs(shade - 80) < 8  # slot 3 is input frame 2, whose shade is 80


def test_a_strip_shows_each_frame_of_the_decisive_tube_once(client: httpx.Client) -> None:
    answer = client.get(f"{sequence_url(1)}/strip?size=40")
    strip = image(answer)
    assert strip.size == (120, 40)
    assert answer.headers["x-strip-count"] == "3"
    assert [round(strip.getpixel((40 * place + 2, 2))[0], -1) for place in range(3)] == [0, 40, 80]  # type: ignore[index]


@pytest.mark.parametrize(
    "path",
    ["frames/99.jpg", "tubes/9/crops/0.jpg", "tubes/1/crops/99.jpg", "frames/-1.jpg", "frames/x.jpg", "strip?size=9", "strip?size=x"],
)
def test_what_is_not_there_is_an_error_body(client: httpx.Client, path: str) -> None:
    answer = client.get(f"{sequence_url(1)}/{path}")
    assert answer.status_code in (404, 422)
    assert set(answer.json()) == {"error", "expected", "found", "next"}


def test_images_may_be_kept_for_good_only_when_the_url_names_a_version(client: httpx.Client) -> None:
    plain = client.get(f"{sequence_url(1)}/strip")
    assert plain.headers["cache-control"] == "private, no-cache"
    assert "immutable" in client.get(f"{sequence_url(1)}/strip?v=1").headers["cache-control"]
    again = client.get(f"{sequence_url(1)}/strip", headers={"If-None-Match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_vocabulary_is_the_annotators(client: httpx.Client) -> None:
    answer = client.get("/api/vocabulary").json()
    assert [word["name"] for word in answer["smoke_types"]] == list(SMOKE_TYPES)
    assert [word["key"] for word in answer["smoke_types"]] == ["1", "2", "3"]
    assert [word["name"] for word in answer["false_positive_types"]] == list(FALSE_POSITIVE_TYPES)
    keys = [word["key"] for word in answer["false_positive_types"]]
    assert "".join(keys) == "abcvdjhlgpirtokewxm"


def test_several_reports_are_listed_with_the_latest_in_front(own_world: Layout) -> None:

    shutil.copytree(own_world.reports / VARIANT, own_world.reports / "a-first-by-name")
    with running(own_world) as client:
        assert [(report["variant"], report["is_latest"]) for report in client.get("/api/reports").json()] == [
            (VARIANT, True),
            ("a-first-by-name", False),
        ]
    with running(own_world, variant="a-first-by-name") as client:
        assert client.get("/api/reports").json()[0]["variant"] == "a-first-by-name"


def test_rows_go_compressed_only_to_visitors_over_a_network(tmp_path: Path) -> None:
    layout = write_world(tmp_path / "data")
    with running(layout, host="0.0.0.0", token="secret") as client:
        answer = client.get(f"{HERE}/rows.arrow", headers={"Authorization": "Bearer secret", "Accept-Encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip"
        assert pa.ipc.open_stream(answer.content).read_all().num_rows == 7
    with running(layout) as client:
        assert "content-encoding" not in client.get(f"{HERE}/rows.arrow", headers={"Accept-Encoding": "gzip"}).headers
