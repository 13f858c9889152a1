"""A producer publishes over DVC to a real S3 endpoint on loopback; a bare second clone with a reader's key fetches, all and a part; two
producers merge.

The commands are those of docs/sharing.md, and of README.md once it has its consumer section: read from there and run as they stand.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shards.worlds import add, add_report, manifest, tree
from tests.sharing.bucket import READER, SECRET, WRITER, Bucket, bucket
from triage.config import Layout
from triage.shards.verify import verify_shards

ROOT = Path(__file__).parents[2]
BUCKET = "shards-of-alerts"


def block(name: str) -> str:
    """The shell block behind `<!-- test: name -->` of docs/sharing.md."""
    page = (ROOT / "docs" / "sharing.md").read_text()
    found = re.search(rf"<!-- test: {name} -->\n```sh\n(.*?)```", page, re.DOTALL)
    assert found, f"docs/sharing.md has no block {name}"
    return found[1]


def consumer_block() -> str:
    """The README's, once it is there; it must be the one of docs/sharing.md."""
    section = re.search(r"^## For consumers\n(.*?)(?=^## |\Z)", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    found = re.search(r"```sh\n(.*?)```", section[1], re.DOTALL) if section else None
    return found[1] if found else block("consumer")


class Person:
    """Someone with a home directory, a key and a shell."""

    def __init__(self, home: Path, key: str, served: Bucket, origin: Path) -> None:
        self.home = home
        home.mkdir()
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(home),
            "VENV": str(Path(sys.executable).parents[1]),
            "REPOSITORY": str(origin),
            "BUCKET_URL": f"s3://{BUCKET}/dvc",
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "DVC_NO_ANALYTICS": "true",
            "DVC_SITE_CACHE_DIR": str(home / "dvc-site"),
            "CI": "true",  # DVC looks for no newer release of itself
            "GIT_AUTHOR_NAME": "P", "GIT_AUTHOR_EMAIL": "p@example.org", "GIT_COMMITTER_NAME": "P", "GIT_COMMITTER_EMAIL": "p@example.org",
        }  # fmt: skip

    def types(self, script: str, where: Path, *, ends_with: int = 0) -> str:
        """Run lines of shell, stopping at the first that fails."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=where, env=self.environment, capture_output=True, text=True, timeout=240
        )
        assert done.returncode == ends_with, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr


@pytest.fixture
def served() -> Iterator[Bucket]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with bucket(BUCKET) as found:
        yield found


def objects(shards: Path) -> set[str]:
    """The names that DVC gives to the files of a directory in a remote: their MD5."""
    return {hashlib.md5(data, usedforsecurity=False).hexdigest() for data in tree(shards).values()}


def names(paths: list[str] | set[str]) -> list[str]:
    return ["".join(path.split("/files/md5/")[1].split("/")) for path in paths if "/files/md5/" in path]


def started(tmp_path: Path, served: Bucket) -> tuple[Person, Path, Path]:
    """A producer, a fresh repository with its remote in the bucket, and the producer's clone of it."""
    origin, clone = tmp_path / "origin.git", tmp_path / "producer"
    producer = Person(tmp_path / "home-producer", WRITER, served, origin)
    producer.types(f"git init -q --bare -b main {origin} && git clone -q {origin} {clone}", tmp_path)
    shutil.copy(ROOT / "Makefile", clone)
    shutil.copy(ROOT / ".gitignore", clone)
    producer.types("git add . && git commit -q -m Start && git push -q -u origin HEAD:main", clone)
    producer.types(block("producer-once"), clone)
    producer.types(f"dvc remote modify storage endpointurl {served.url} && git commit -qam endpoint", clone)
    producer.environment["TRIAGE_TARGET_BYTES"] = "12000"
    return producer, origin, clone


@pytest.mark.slow
def test_a_producer_publishes_and_a_reader_fetches(tmp_path: Path, served: Bucket) -> None:
    producer, origin, producers = started(tmp_path, served)

    # First publication: two organizations too large to share a shard, and their report.
    layout = Layout(producers / "data")
    made = [add(layout, number, frames=2, organization=("Org A", "Org B")[number % 2], camera="Cam") for number in range(1, 11)]
    add_report(layout, made)
    producer.types(block("producer"), producers)
    first = objects(layout.shards)
    assert {each.removesuffix(".dir") for each in names(served.uploaded())} >= first
    assert sum(each.endswith(".dir") for each in names(served.uploaded())) == 1

    # A bare second clone that may only read has the same store and report, byte for byte.
    consumer = Person(tmp_path / "home-consumer", READER, served, origin)
    served.forget()
    consumer.types(consumer_block(), consumer.home)
    fetched = Layout(consumer.home / "triage" / "data")
    assert tree(fetched.sequences) == tree(layout.sequences)
    assert tree(fetched.reports) == tree(layout.reports)
    assert tree(fetched.shards) == tree(layout.shards)
    assert {method for who, method, _ in served.requests if who == READER} <= {"GET", "HEAD"}
    assert WRITER not in {who for who, _, _ in served.requests}

    # A second publication after 20 new sequences uploads exactly the new objects.
    made += [add(layout, number, frames=2, organization="Org B", camera="New") for number in range(11, 31)]
    add_report(layout, made)
    served.forget()
    producer.types(block("producer"), producers)
    uploaded = names(served.uploaded())
    assert sorted(each for each in uploaded if not each.endswith(".dir")) == sorted(objects(layout.shards) - first)
    assert sum(each.endswith(".dir") for each in uploaded) == 1
    content = manifest(layout)
    new = {content["items"][str(number)] for number in range(11, 31)}
    old = {content["items"][str(number)] for number in range(1, 11)}
    assert new.isdisjoint(old)

    # A part: only the objects that it needs are asked for.
    part = Person(tmp_path / "home-part", READER, served, origin)
    part.types('git clone -q "$REPOSITORY" triage', part.home)
    served.forget()
    previews, organization = block("consumer-part").splitlines()
    part.types(previews, part.home / "triage")
    got = Layout(part.home / "triage" / "data")
    assert not any(path.startswith("frames/") for path in tree(got.shards))
    assert (got.shards / "results.parquet").read_bytes() == (layout.shards / "results.parquet").read_bytes()
    assert tree(got.shards / "previews") == tree(layout.shards / "previews")
    part.types(organization, part.home / "triage")
    asked = {each.removesuffix(".dir") for each in names(served.read_by(READER))}
    for shard, info in content["shards"].items():
        data = (layout.shards / "frames" / shard).read_bytes()
        needed = "org-b" in info["organizations"]
        assert (hashlib.md5(data, usedforsecurity=False).hexdigest() in asked) == needed, shard
    there = tree(got.sequences)
    assert there == {name: data for name, data in tree(layout.sequences).items() if name.startswith("org-b/")}
    assert there

    # No credential stands in any file: not in the clones, not in what git or DVC keep.
    for person in (producers, consumer.home, part.home, origin):
        for path in person.rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                assert SECRET.encode() not in data, path
                assert WRITER.encode() not in data, path
                assert READER.encode() not in data, path
    assert json.loads((layout.shards / "frames" / "manifest.json").read_text())["format"] == 1


@pytest.mark.slow
def test_two_producers_who_published_from_one_base_merge(tmp_path: Path, served: Bucket) -> None:
    one, origin, ones = started(tmp_path, served)
    layout = Layout(ones / "data")
    made = [add(layout, number, frames=2, organization="Org A") for number in range(1, 7)]
    add_report(layout, made)
    one.types(block("producer"), ones)

    # Another producer fetches that base; then both go on, each with sequences of their own, and of number 3 the other has more.
    other = Person(tmp_path / "home-other", WRITER, served, origin)
    other.environment["TRIAGE_TARGET_BYTES"] = "12000"
    other.types(consumer_block(), other.home)
    others = other.home / "triage"
    there = Layout(others / "data")
    add_report(layout, [*made, *(add(layout, number, frames=2, organization="Org B") for number in range(11, 14))])
    mine = [*made, *(add(there, number, frames=2, organization="Org C") for number in range(21, 24))]
    mine[2] = add(there, 3, frames=3, organization="Org A")
    add_report(there, mine)
    one.types(block("producer"), ones)
    published = tree(layout.shards / "frames")
    assert "rejected" in other.types(block("producer"), others, ends_with=1)
    assert "CONFLICT" in other.types("git pull -q --no-rebase", others, ends_with=1)

    # The page's recipe, word for word. Nobody's shard is uploaded again.
    before = objects(layout.shards) | objects(there.shards)
    served.forget()
    other.types(block("two-producers"), others)
    assert not (others / "theirs").exists()
    assert not (others / "merged").exists()
    uploaded = {each for each in names(served.uploaded()) if not each.endswith(".dir")}
    assert uploaded == objects(there.shards) - before
    shards = {hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() for path in there.shards.glob("frames/*.tar")}
    assert uploaded.isdisjoint(shards)
    assert len(shards) >= 3
    assert verify_shards(there.shards) == []

    # Whoever fetches now has the sequences of both, each in its fullest form; so has the first producer.
    reader = Person(tmp_path / "home-reader", READER, served, origin)
    reader.types(consumer_block(), reader.home)
    fetched = tree(Layout(reader.home / "triage" / "data").sequences)
    assert fetched == {**tree(layout.sequences), **tree(there.sequences)}
    assert len([name for name in fetched if "/seq_3/images/" in f"/{name}"]) == 3
    one.types("git pull -q\nmake fetch", ones)
    assert tree(layout.sequences) == fetched
    assert {name: data for name, data in tree(layout.shards / "frames").items() if name.endswith("0001.tar")} == {
        name: data for name, data in published.items() if name.endswith("0001.tar")
    }


def test_the_readme_says_what_the_page_says() -> None:
    assert consumer_block() == block("consumer")
