"""Previews: small, made from what was judged, and made again only when something has changed."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tests.shards.worlds import VARIANT, add, add_report, details, jpeg, manifest, sequence, tree, world
from triage.errors import BadFrame
from triage.files import read_json, write_bytes, write_json
from triage.shards.pack import pack
from triage.shards.reader import Previews
from triage.shards.strip import MAX_BYTES, MAX_CROPS, Shown, shown_of, strip
from triage.shards.verify import verify_shards

TARGET = 1_000_000_000
WINDOW = (0.25, 0.35, 0.3, 0.3)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def solid(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (160, 120), colour).save(buffer, "JPEG")
    return buffer.getvalue()


def test_a_strip_shows_the_frame_and_the_crops_in_time_order() -> None:
    colours = [(250, 0, 0), (0, 250, 0), (0, 0, 250)]
    image = opened(strip([solid(colour) for colour in colours], tuple(Shown(at, (0.5, 0.5, 0.2, 0.2)) for at in range(3))))
    assert image.size == (400 + 2 * 112, 224)
    for x, y, expected in ((200, 112, colours[1]), (450, 50, colours[0]), (560, 50, colours[1]), (450, 170, colours[2])):
        assert max(abs(found - wanted) for found, wanted in zip(image.getpixel((x, y)), expected, strict=True)) < 25


def test_at_most_eight_crops_spread_over_the_tube() -> None:
    shown = shown_of(details(sequence(1, [jpeg(at) for at in range(20)])), 20)
    assert [each.frame for each in shown] == [0, 3, 5, 8, 11, 14, 16, 19]
    assert len(shown) == MAX_CROPS
    assert shown[0].window == WINDOW


def test_padded_copies_are_not_shown_and_slots_lead_back_to_the_frames() -> None:
    content = details(sequence(1, [jpeg(at) for at in range(4)]))
    content["preprocessing"] = {"padded_frame_indices": [0, 3], "slots": [0, 0, 1, 1]}
    assert [each.frame for each in shown_of(content, 2)] == [0, 1]
    del content["preprocessing"]["slots"]
    assert [each.frame for each in shown_of(content, 2)] == [0, 1]


def test_without_a_window_each_entry_uses_its_own_box() -> None:
    content = details(sequence(1, [jpeg(at) for at in range(3)]))
    content["tubes"]["kept"][0]["stabilized_window"] = None
    content["tubes"]["kept"][0]["entries"][1]["bbox"] = None
    assert [each.frame for each in shown_of(content, 3)] == [0, 2]


@pytest.mark.parametrize("content", [None, {}, {"tubes": {"kept": []}, "preprocessing": {"padded_frame_indices": []}}, {"tubes": 3}])
def test_without_a_tube_only_the_frame_is_shown(content: dict | None) -> None:
    assert shown_of(content, 3) == ()
    assert opened(strip([jpeg(1)], ())).size == (400, 224)


def test_noise_still_fits(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((1280, 720), 120).convert("RGB").save(buffer, "JPEG", quality=95)
    data = strip([buffer.getvalue()] * 8, tuple(Shown(at, WINDOW) for at in range(8)))
    assert len(data) <= MAX_BYTES


def test_a_frame_that_does_not_decode_is_said() -> None:
    with pytest.raises(BadFrame, match="does not decode"):
        strip([b"\xff\xd8 nothing \xff\xd9"], ())


def test_pack_writes_a_preview_of_every_sequence_of_the_report(tmp_path: Path) -> None:
    layout = world(tmp_path)
    done = pack(layout, target_bytes=TARGET)
    assert (done.previews.made, done.previews.kept, done.previews.without) == (6, 0, [])
    previews = Previews(layout.shards)
    assert previews.keys() == [f"pyro-annotator_{number}" for number in range(1, 7)]
    for key in previews.keys():  # noqa: SIM118
        data = previews.preview(key)
        assert data is not None
        assert len(data) <= MAX_BYTES
        assert opened(data).format == "WEBP"
    assert previews.preview("pyro-annotator_99") is None
    assert verify_shards(layout.shards) == []


def test_only_what_has_changed_is_drawn_again(tmp_path: Path) -> None:
    layout = world(tmp_path)
    pack(layout, target_bytes=TARGET)
    before = tree(layout.shards / "previews")
    again = pack(layout, target_bytes=TARGET).previews
    assert (again.made, again.kept) == (0, 6)
    assert tree(layout.shards / "previews") == before
    path = layout.reports / VARIANT / "details" / "pyro-annotator_2.json"
    content = read_json(path)
    content["tubes"]["kept"][0]["stabilized_window"] = [0.6, 0.6, 0.1, 0.1]
    write_json(path, content)
    changed = pack(layout, target_bytes=TARGET).previews
    assert (changed.made, changed.kept, changed.shards) == (1, 5, ["shard_0002.tar"])
    assert manifest(layout, "previews")["items"]["2"] == "shard_0002.tar"


def test_a_shard_of_which_nothing_is_used_any_more_goes(tmp_path: Path) -> None:
    layout = world(tmp_path, 3)
    pack(layout, target_bytes=TARGET)
    for path in (layout.reports / VARIANT / "details").iterdir():
        content = read_json(path)
        content["tubes"]["kept"][0]["stabilized_window"] = [0.6, 0.6, 0.1, 0.1]
        write_json(path, content)
    pack(layout, target_bytes=TARGET)
    assert sorted(path.name for path in (layout.shards / "previews").glob("*.tar")) == ["shard_0002.tar"]
    assert verify_shards(layout.shards) == []


def test_a_sequence_whose_frames_do_not_decode_has_no_preview_and_is_packed_all_the_same(tmp_path: Path) -> None:
    layout = world(tmp_path, 3)
    bad = b"\xff\xd8 nothing \xff\xd9"
    made = sequence(9, [bad])
    write_bytes(layout.sequences / made.directory / made.frames[0].file, bad)
    write_json(layout.sequences / made.directory / "meta.json", replace(made).to_meta())
    add_report(layout, [add(layout, 1, organization="Forêt d'Ardèche", camera="Cam 1"), made])
    done = pack(layout, target_bytes=TARGET)
    assert done.previews.without == ["pyro-annotator_9"]
    assert (done.frames.new, done.failed) == (4, [])


def test_they_can_be_left_out(tmp_path: Path) -> None:
    layout = world(tmp_path)
    assert pack(layout, target_bytes=TARGET, previews=False).previews is None
    assert not (layout.shards / "previews").exists()
