"""DemoRequest: what a demo is to show, the world it asks for, and the data directory it may have. No model here: serving needs none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import triage
from triage.config import Layout
from triage.demo.replay import replay_world
from triage.demo.scenes import synthetic_world
from triage.demo.world import World
from triage.errors import BadFile, BadSetting
from triage.files import read_json, write_json

__all__ = ["DemoRequest", "claim", "world_of"]

NOTE_FORMAT = 1


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """What to show. replay: a store to serve instead of scenes; then `sequences` and `seed` mean nothing. model None = the bundled one.

    size: (width, height) of rendered images, pixels. threshold: the score from which a sequence goes To Review.
    """

    layout: Layout
    replay: Path | None = None
    sequences: int = 60
    seed: int = 1
    model: Path | None = None
    workers: int = 32
    threshold: float = 0.35
    size: tuple[int, int] = (1280, 720)


def world_of(request: DemoRequest) -> World:
    """The world a request asks for."""
    if request.replay is not None:
        return replay_world(request.replay)
    return synthetic_world(request.seed, request.sequences, request.size)


def claim(request: DemoRequest) -> None:
    """Note in demo.json what this data directory shows.

    Raises BadSetting when it shows something else, for sequences of two worlds have the same ids, or holds real work.
    """
    root = request.layout.root
    path = root / "demo.json"
    if request.replay is not None:
        note: dict[str, Any] = {"replay": str(request.replay.resolve())}
    else:
        note = {"seed": request.seed, "sequences": request.sequences, "size": list(request.size)}
    # Another version may draw other scenes and keep other predictions.
    note |= {"format": NOTE_FORMAT, "triage": triage.__version__}
    try:
        found = read_json(path, expect_format=NOTE_FORMAT) if path.exists() else None
    except BadFile as error:
        raise BadSetting(f"{path}: damaged ({error}); remove {root} or choose another --data") from error
    if found is None and request.layout.sequences.is_dir():
        raise BadSetting(f"{root}: expected an empty or a demo's data directory, found real work in it; choose another --data")
    if found is not None and found != note:
        raise BadSetting(f"{root}: holds another demo ({_words(found)}, not {_words(note)}); choose another --data, or remove it")
    if found is None:
        write_json(path, note)


def _words(note: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(note.items()) if name != "format")
