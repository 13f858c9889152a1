"""Archives that mean harm: refused by name, nothing written outside the target, the rest restored."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.shards.worlds import tree
from triage.config import Layout
from triage.errors import BadShard
from triage.shards.members import MAX_MEMBERS, MemberName, parse_name
from triage.shards.tar import END, Member, header, padded, scan
from triage.shards.unpack import UnpackSummary, unpack

GOOD = "org/cam/seq_1"


def meta(number: int) -> bytes:
    content = {"key": f"pyro-annotator_{number}", "sequence_id": number, "frames": [{"file": "images/a.jpg"}]}
    return json.dumps(content).encode()


def regular(name: str, data: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    return info, data


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def good(number: int) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [regular(f"org/cam/seq_{number}/meta.json", meta(number)), regular(f"org/cam/seq_{number}/images/a.jpg")]


def unpacked(
    root: Path, members: list[tuple[tarfile.TarInfo, bytes]], *, numbers: tuple[int, ...] = (1, 2), raw: bytes = b""
) -> UnpackSummary:
    """Unpack a set of one shard with these members (then `raw`), without an index, into root/there."""
    frames = root / "shards" / "frames"
    frames.mkdir(parents=True)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
        end = tar.offset
    (frames / "shard_0001.tar").write_bytes(buffer.getvalue()[:end] + raw + END)
    items = {str(number): "shard_0001.tar" for number in numbers}
    (frames / "manifest.json").write_text(json.dumps({"next_index": 2, "items": items}))
    return unpack(Layout(root / "there"), source=root / "shards")


def written(root: Path) -> set[str]:
    """Everything below `root` but the shards and the lock."""
    return {name for name in tree(root) if not name.startswith("shards/") and not name.endswith(".lock")}


SECOND = {f"there/01_raw/sequences/org/cam/seq_2/{name}" for name in ("meta.json", "images/a.jpg")}
FIRST = {name.replace("seq_2", "seq_1") for name in SECOND}


@pytest.mark.parametrize(
    ("member", "said"),
    [
        (regular("/etc/passwd"), "is an absolute name"),
        (regular("../outside"), "may lead outside"),
        (regular(f"{GOOD}/images/../../../../../outside"), "may lead outside"),
        (regular(f"{GOOD}/images/a\nb.jpg"), "has a character that no file of a store has"),
        (regular(f"{GOOD}/images/a\\b.jpg"), "has a character that no file of a store has"),
        (regular(f"{GOOD}/images/.part-x"), "begins or ends as no file of a store does"),
        (regular(f"{GOOD}/other.txt"), "is not <organization>/<camera>/seq_<id>"),
        (regular(f"{GOOD}/images/deep/a.jpg"), "is not <organization>/<camera>/seq_<id>"),
        (regular("org/cam/seq_01/meta.json"), "is not <organization>/<camera>/seq_<id>"),
        (special(f"{GOOD}/images/l.jpg", tarfile.SYMTYPE, "/etc/passwd"), "is a symbolic link"),
        (special(f"{GOOD}/images/l.jpg", tarfile.LNKTYPE, f"{GOOD}/meta.json"), "is a hard link"),
        (special(f"{GOOD}/images/l.jpg", tarfile.CHRTYPE), "is a character device"),
        (special(f"{GOOD}/images/l.jpg", tarfile.BLKTYPE), "is a block device"),
        (special(f"{GOOD}/images/l.jpg", tarfile.FIFOTYPE), "is a named pipe"),
        (special(f"{GOOD}/images/l.jpg", b"Z"), "is of the unknown kind"),
        (regular(f"{GOOD}/images/a.jpg"), "is there twice"),
        (regular(f"{GOOD}/images/A.JPG"), "differs only by case"),
        (regular(f"{GOOD}/meta.json", b"{}"), "is there twice"),
    ],
)
def test_a_hostile_member_is_refused_by_name(tmp_path: Path, member: tuple[tarfile.TarInfo, bytes], said: str) -> None:
    done = unpacked(tmp_path, [*good(1), member, *good(2)])
    assert any(said in problem.what for problem in done.failed), done.failed
    assert any(ascii(member[0].name)[1:10] in problem.what for problem in done.failed)
    assert written(tmp_path) in (SECOND, SECOND | FIRST)


def test_a_sequence_that_has_a_refused_member_is_not_restored(tmp_path: Path) -> None:
    done = unpacked(tmp_path, [*good(1), special(f"{GOOD}/images/l.jpg", tarfile.SYMTYPE, "/etc/passwd"), *good(2)])
    assert [problem.keys for problem in done.failed] == [("pyro-annotator_1",)]
    assert written(tmp_path) == SECOND


def test_a_sequence_must_lie_in_one_place(tmp_path: Path) -> None:
    done = unpacked(tmp_path, [*good(1), *good(2), regular("other/cam/seq_1/meta.json", meta(1))])
    assert any("does not lie with the others of its sequence" in problem.what for problem in done.failed)
    assert written(tmp_path) == SECOND


def test_two_directories_for_one_sequence_are_refused(tmp_path: Path) -> None:
    done = unpacked(tmp_path, [*good(2), regular(f"{GOOD}/meta.json", meta(1)), regular("other/cam/seq_1/images/a.jpg")])
    assert done.failed
    assert written(tmp_path) == SECOND


def test_a_flood_of_small_files_is_refused(tmp_path: Path) -> None:
    flood = [regular(f"{GOOD}/images/{at}.jpg", b"") for at in range(MAX_MEMBERS + 500)]
    done = unpacked(tmp_path, [*good(2), *good(1), *flood])
    assert any(f"expected at most {MAX_MEMBERS}" in problem.what for problem in done.failed)
    assert written(tmp_path) == SECOND


def test_a_header_that_announces_ten_gigabytes_of_name_is_not_followed(tmp_path: Path) -> None:
    for kind in (b"x", b"L", b"g"):
        info = tarfile.TarInfo("././@LongLink")
        info.type, info.size = kind, 10 * 1024**3
        raw = info.tobuf(tarfile.GNU_FORMAT)
        done = unpacked(tmp_path / kind.decode(), [*good(2)], raw=raw)
        assert any("announces 10737418240 bytes of name" in problem.what for problem in done.failed)
        assert written(tmp_path / kind.decode()) == SECOND


def test_a_member_that_announces_more_than_there_is_is_not_followed(tmp_path: Path) -> None:
    info = tarfile.TarInfo(f"{GOOD}/meta.json")
    info.size = 9 * 1024**3
    done = unpacked(tmp_path, [*good(2)], raw=info.tobuf(tarfile.GNU_FORMAT))
    assert any("announces 9663676416 bytes" in problem.what for problem in done.failed)
    assert written(tmp_path) == SECOND


def test_sequences_that_the_manifest_does_not_name_stay_packed(tmp_path: Path) -> None:
    unpacked(tmp_path, [*good(1), *good(2)], numbers=(2,))
    assert written(tmp_path) == SECOND


def test_nothing_is_written_through_a_link_that_stands_in_the_target(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    sequences = tmp_path / "there" / "01_raw" / "sequences"
    sequences.mkdir(parents=True)
    (sequences / "org").symlink_to(outside)
    done = unpacked(tmp_path, [*good(1), *good(2)])
    assert all("expected a directory, found something else" in problem.what for problem in done.failed)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("name", ["../../evil.tar", "/etc/shard_0001.tar", "shard_1.tar", ""])
def test_a_manifest_cannot_name_files_elsewhere(tmp_path: Path, name: str) -> None:
    frames = tmp_path / "shards" / "frames"
    frames.mkdir(parents=True)
    (frames / "manifest.json").write_text(json.dumps({"next_index": 2, "items": {"1": name}}))
    with pytest.raises(BadShard, match=r"expected a shard name as shard_0001\.tar"):
        unpack(Layout(tmp_path / "there"), source=tmp_path / "shards")


# -- properties

COMPONENT = st.one_of(
    st.sampled_from(["", ".", "..", "org", "cam", "seq_1", "seq_2", "images", "meta.json", "a.jpg", "A.JPG", "C:", "~", "a\n", "\u202e"]),
    st.text(max_size=12),
)
NAMES = st.lists(COMPONENT, min_size=1, max_size=7).map("/".join)
KINDS = st.sampled_from([tarfile.REGTYPE] * 4 + [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(NAMES, KINDS, st.binary(max_size=30)), max_size=6), st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]))
def test_whatever_the_names_and_kinds_nothing_lands_outside(members: list[tuple[str, bytes, bytes]], form: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "deep" / "deeper"
        root.mkdir(parents=True)
        made = [*good(2)]
        for path, kind, data in members:
            info = tarfile.TarInfo(path.replace("\0", ""))
            info.type, info.linkname = kind, "/etc/passwd"
            info.size = len(data) if kind == tarfile.REGTYPE else 0
            with contextlib.suppress(UnicodeError, ValueError):
                info.tobuf(form, "utf-8", "strict")
                made.append((info, data if kind == tarfile.REGTYPE else b""))
        done = unpacked(root, made)
        allowed = "deep/deeper/there/01_raw/sequences/"
        outside = [path for path in tree(Path(name)) if not path.startswith((allowed, "deep/deeper/shards/", "deep/deeper/there/.unpack"))]
        assert outside == []
        for path in (root / "there").rglob("*"):
            assert not path.is_symlink()
            assert path.is_dir() or path.is_file()
        assert done.frames.restored + done.frames.failed_sequences == 2


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=3000), st.integers(0, 2000))
def test_reading_a_broken_archive_ends_and_stays_inside_it(noise: bytes, at: int) -> None:
    whole = bytearray()
    for number in range(3):
        whole += header(f"org/cam/seq_{number}/meta.json", 600) + bytes(padded(600))
    whole[at : at + len(noise)] = noise
    for found in scan(io.BytesIO(bytes(whole))):
        if isinstance(found, Member):
            assert 0 < found.offset <= found.offset + found.size <= len(whole)


@given(NAMES, st.sampled_from(["frames", "report", "previews"]))
def test_a_name_that_is_taken_is_relative_plain_and_says_whose_it_is(name: str, kind: str) -> None:
    found = parse_name(kind, name)  # type: ignore[arg-type]
    if isinstance(found, MemberName):
        parts = (f"{found.directory}/{found.file}" if found.directory else found.file).split("/")
        assert not {"", ".", ".."}.intersection(parts)
        assert all(part.isprintable() and "\\" not in part for part in parts)


@given(st.text(min_size=1, max_size=300).filter(lambda name: "\0" not in name and not name.endswith("/")), st.integers(0, 8**11 - 1))
def test_every_tar_program_reads_the_headers_that_are_written(name: str, size: int) -> None:
    with contextlib.suppress(UnicodeEncodeError), tarfile.open(fileobj=io.BytesIO(header(name, size) + END)) as tar:
        info = tar.next()
        assert info is not None
        assert (info.name, info.size, info.mtime, info.mode, info.isreg()) == (name, size, 0, 0o644, True)


USUAL = st.from_regex(r"[a-z0-9_-]{1,3}/[a-z0-9_.-]{1,3}/seq_[0-9]{1,2}/(images/)?(meta\.json|[a-z_0]{0,3}\.jpg)", fullmatch=True)


@given(USUAL)
def test_the_short_way_for_usual_names_takes_nothing_that_the_rules_do_not(name: str) -> None:
    quick, slow = parse_name("frames", name), parse_name("frames", f"./{name}")
    assert quick == slow
