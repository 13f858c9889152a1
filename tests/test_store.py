from __future__ import annotations

import io
import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from triage.errors import BadFile, BadFrame
from triage.files import sha256_bytes
from triage.sequences import Box, Frame, Sequence, key_of
from triage.store import Store


def jpeg(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (16, 9), shade).save(buffer, "JPEG")
    return buffer.getvalue()


def sequence(number: int, *, frames: int = 2, camera: str = "Tour de guet") -> tuple[Sequence, list[bytes]]:
    images = [jpeg(number + index) for index in range(frames)]
    records = tuple(
        Frame(
            file=f"images/detection_{number * 10 + index}.jpg",
            detection_id=number * 10 + index,
            recorded_at=f"2026-05-01T08:00:{index:02d}+00:00",
            bucket_key=f"key-{number}-{index}",
            sha256=sha256_bytes(images[index]),
            size=len(images[index]),
            boxes=(Box((0.1, 0.2, 0.3, 0.4), 0.5, "smoke"),),
        )
        for index in range(frames)
    )
    return Sequence(key_of(number), number, records, organization_name="Forêt d'Ardèche", camera_name=camera), images


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "sequences")
    for number in (10, 2, 33):
        made.write_sequence(*sequence(number))
    return made


def test_what_was_written_is_read(store: Store) -> None:
    fresh = Store(store.root)
    record, images = sequence(2)
    assert fresh.keys() == store.keys() == [key_of(2), key_of(10), key_of(33)]
    assert fresh.sequence(key_of(2)) == record
    assert fresh.frames(key_of(2)) == images
    assert fresh.frame(key_of(2), 1) == images[1]
    assert fresh.directory(key_of(2)) == store.root / "foret-d-ardeche" / "tour-de-guet" / "seq_2"
    assert len(fresh) == 3
    assert key_of(4) not in fresh
    assert fresh.check(key_of(2)) == []
    assert list(fresh.problems()) == []


def test_a_store_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    assert Store(tmp_path / "nothing").keys() == []
    with pytest.raises(BadFile, match="no sequence pyro-annotator_7; `triage status`"):
        Store(tmp_path / "nothing").sequence(key_of(7))


def test_the_earlier_tools_meta_reads(store: Store) -> None:
    directory = store.root / "org" / "cam" / "seq_5"
    (directory / "images").mkdir(parents=True)
    (directory / "images" / "detection_1.jpg").write_bytes(jpeg(1))
    meta = {
        "key": "pyro-annotator_5",
        "sequence_id": 5,
        "source": "pyro-annotator",
        "label": "unknown",
        "camera_id": 1,
        "camera_name": "cam",
        "organization_id": 2,
        "organization_name": "org",
        "started_at": "2026-05-01T08:00:00Z",
        "frames": [{"file": "images/detection_1.jpg", "detection_id": 1, "recorded_at": "2026-05-01T08:00:00Z", "bucket_key": "k"}],
    }
    (directory / "meta.json").write_text(json.dumps(meta))
    fresh = Store(store.root)
    found = fresh.sequence(key_of(5))
    assert (found.frames[0].boxes, found.frames[0].sha256, found.last_seen_at) == (None, None, None)
    assert fresh.frames(key_of(5)) == [jpeg(1)]
    assert fresh.check(key_of(5)) == []


def test_directories_that_are_no_sequences_are_ignored(store: Store) -> None:
    camera = store.root / "foret-d-ardeche" / "tour-de-guet"
    for name in ("seq_x", "seq_", "other", ".part-1-seq_7", "seq_٣"):
        (camera / name).mkdir()
        (camera / name / "meta.json").write_text("{}")
    (camera / "seq_77" / "images").mkdir(parents=True)  # a pull that was interrupted: no meta.json
    (camera / "seq_78").symlink_to(camera / "seq_2")
    (camera / "seq_79").mkdir()
    (camera / "seq_79" / "meta.json").symlink_to(camera / "seq_2" / "meta.json")
    (store.root / "linked").symlink_to(store.root / "foret-d-ardeche")
    (store.root / "file").write_text("")
    assert Store(store.root).keys() == [key_of(2), key_of(10), key_of(33)]


def test_damage_is_listed_and_hides_nothing(store: Store) -> None:
    (store.directory(key_of(10)) / "meta.json").write_text('{"key": ')
    fresh = Store(store.root)
    assert fresh.keys() == [key_of(2), key_of(10), key_of(33)]
    with pytest.raises(BadFile, match=r"seq_10/meta.json: expected JSON, found damage"):
        fresh.sequence(key_of(10))
    assert len(fresh.frames(key_of(33))) == 2
    assert [str(problem).partition(":")[0] for problem in fresh.problems()] == [str(store.directory(key_of(10)) / "meta.json")]
    assert [type(problem) for problem in fresh.check(key_of(10))] == [BadFile]


def test_a_meta_of_another_sequence_is_refused(store: Store) -> None:
    (store.directory(key_of(10)) / "meta.json").write_bytes((store.directory(key_of(2)) / "meta.json").read_bytes())
    with pytest.raises(BadFile, match="expected pyro-annotator_10, found pyro-annotator_2; remove this directory and pull again"):
        Store(store.root).sequence(key_of(10))


def test_the_first_of_two_directories_of_one_id_is_used_and_the_other_told(store: Store) -> None:
    record, images = sequence(2, camera="A first camera")
    Store(store.root / "elsewhere").write_sequence(record, images)
    twin = store.root / "foret-d-ardeche" / "a-first-camera"
    (store.root / "elsewhere" / "foret-d-ardeche" / "a-first-camera").rename(twin)
    fresh = Store(store.root)
    assert fresh.keys() == [key_of(2), key_of(10), key_of(33)]
    assert fresh.directory(key_of(2)) == twin / "seq_2"
    (problem,) = fresh.problems()
    assert "tour-de-guet/seq_2: pyro-annotator_2 is there twice" in str(problem)


def test_a_sequence_whose_camera_was_renamed_stays_where_it_is(store: Store) -> None:
    record, images = sequence(2, camera="New name", frames=3)
    store.write_sequence(record, images)
    fresh = Store(store.root)
    assert fresh.directory(key_of(2)).parent.name == "tour-de-guet"
    assert fresh.sequence(key_of(2)) == record
    assert fresh.frames(key_of(2)) == images


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "expected .* bytes, found"),
        (lambda path: path.write_bytes(bytes(path.stat().st_size)), "its sha256 is not the one in meta.json"),
        (lambda path: (path.rename(path.with_name("other.jpg")), path.symlink_to("other.jpg")), "cannot be read"),
    ],
)
def test_check_finds_what_is_wrong_with_a_frame(store: Store, damage: object, text: str) -> None:
    directory = store.directory(key_of(2))
    damage(directory / "images" / "detection_21.jpg")  # type: ignore[operator]
    (problem,) = Store(store.root).check(key_of(2))
    assert isinstance(problem, BadFrame)
    with pytest.raises(BadFrame, match=text):
        raise problem


def test_a_frame_without_a_hash_is_checked_for_wholeness(store: Store) -> None:
    record, images = sequence(2)
    unhashed = replace(record, frames=tuple(replace(frame, sha256=None, size=None) for frame in record.frames))
    store.write_sequence(unhashed, [images[0], images[1][:-2]])
    (problem,) = store.check(key_of(2))
    assert "detection_21.jpg: the JPEG has no end" in str(problem)


def test_a_missing_frame_stays_in_its_place(store: Store) -> None:
    (store.directory(key_of(2)) / "images" / "detection_20.jpg").unlink()
    first, second = store.frames(key_of(2))
    assert isinstance(first, BadFrame)
    assert second == sequence(2)[1][1]
    with pytest.raises(BadFrame, match=r"detection_20\.jpg: cannot be read"):
        store.frame(key_of(2), 0)
    with pytest.raises(BadFrame, match="expected a frame index from 0 to 1, found 2"):
        store.frame(key_of(2), 2)


def test_a_sequence_without_frames_is_a_problem(store: Store) -> None:
    store.write_sequence(replace(sequence(2)[0], frames=()), [])
    (problem,) = store.check(key_of(2))
    assert "expected at least one frame, found none" in str(problem)


def test_too_few_images_are_refused_before_the_sequence_exists(tmp_path: Path) -> None:
    store = Store(tmp_path)
    record, images = sequence(2)
    with pytest.raises(ValueError, match="zip"):
        store.write_sequence(record, images[:1])
    assert Store(tmp_path).keys() == []


def test_the_same_record_gives_the_same_bytes(store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    other.write_sequence(*sequence(2))
    name = "foret-d-ardeche/tour-de-guet/seq_2/meta.json"
    assert (other.root / name).read_bytes() == (store.root / name).read_bytes()


def test_leftovers_of_a_killed_process_are_swept(store: Store) -> None:
    record, _ = sequence(2)
    left = store.directory(key_of(2)) / "images" / ".part-123-aa-detection_20.jpg"
    left.write_bytes(b"half")
    assert store.sweep(record) == 1
    assert not left.exists()
    assert store.check(key_of(2)) == []


def test_what_others_wrote_is_seen_after_a_refresh(store: Store) -> None:
    store.keys()
    Store(store.root).write_sequence(*sequence(1))
    assert key_of(1) not in store
    store.refresh()
    assert store.keys()[0] == key_of(1)


def test_many_threads_write_and_list(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.keys()

    def write(first: int) -> None:
        for number in range(first, 60, 4):
            store.write_sequence(*sequence(number, frames=1))
            store.keys()

    threads = [threading.Thread(target=write, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.keys() == Store(tmp_path).keys() == [key_of(number) for number in range(60)]
