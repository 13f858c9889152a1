"""Data directories for the browser tests: `python -m tests.e2e.make_data ROOT`, run by setup.ts.

ROOT/main: real sequences scored by `triage score` when TRIAGE_FIXTURES names them, else synthetic ones; one frame of its best sequence is
deleted after scoring. ROOT/hostile: names that are markup, quotes, right-to-left or endless. ROOT/empty: a report without rows.
Prints one JSON object: what the tests must know about them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.benchmarks.synthetic_report import VARIANT, write_synthetic
from triage.config import Layout
from triage.report.reader import ReportReader, find_report
from triage.sequences import sequence_id_of
from triage.store import Store

HOSTILE_NAMES = (
    "<script>window.hacked = 1</script>",
    '<img src=x onerror="window.hacked = 1">',
    "\"double\" 'single' `back` & &amp; \\",
    "مرصد الجبل \u202eedir\u202c",
    "x" * 300,
    "../../etc/passwd",
)
_SEQUENCES = 10


def main(root: Path) -> dict[str, object]:
    """Make all three and say what is in them."""
    fixtures = os.environ.get("TRIAGE_FIXTURES")
    if fixtures:
        _score_real(Path(fixtures), root / "main")
    else:
        write_synthetic(root / "main", 40, with_frames=_SEQUENCES, labelled=True)
    layout = Layout(root / "main")
    _write_hostile(root)
    return {"real": bool(fixtures), "hostileNames": list(HOSTILE_NAMES), **_break_a_frame(layout)}


def _score_real(fixtures: Path, root: Path) -> None:
    chosen = sorted((fixtures / "real" / "sequences").glob("*/*/seq_*"))[:_SEQUENCES]
    for directory in chosen:
        target = root / "01_raw" / "sequences" / directory.relative_to(fixtures / "real" / "sequences")
        shutil.copytree(directory, target, copy_function=shutil.copyfile)
    model = fixtures / "model" / "tiny" / "tiny.zip"
    command = [sys.executable, "-m", "triage", "score", "--data", str(root), "--model", str(model), "--quiet"]
    subprocess.run(command, check=True, timeout=240)


def _write_hostile(root: Path) -> None:
    hostile = write_synthetic(root / "hostile", len(HOSTILE_NAMES), with_frames=len(HOSTILE_NAMES))
    file = hostile.reports / VARIANT / "results.parquet"
    table = pq.read_table(file)
    for column in ("organization_name", "camera_name"):
        table = table.set_column(table.schema.get_field_index(column), column, pa.array(HOSTILE_NAMES, pa.string()))
    pq.write_table(table, file)
    shutil.copytree(hostile.reports, Layout(root / "empty").reports)
    pq.write_table(table.slice(0, 0), Layout(root / "empty").reports / VARIANT / "results.parquet")


def _break_a_frame(layout: Layout) -> dict[str, object]:
    """Delete the second frame of the best scored sequence that has several."""
    store = Store(layout.sequences)
    stored = set(store.keys())
    rows = ReportReader(find_report(layout.reports)).table().sort_by([("triage_score", "descending")]).to_pylist()
    for row in rows:
        if row["key"] not in stored:
            continue
        sequence = store.sequence(row["key"])
        if len(sequence.frames) > 2:
            (layout.sequences / sequence.directory / sequence.frames[1].file).unlink()
            return {"broken": sequence_id_of(sequence.key), "brokenFile": Path(sequence.frames[1].file).name}
    raise SystemExit("no scored sequence has three frames")


def review(root: Path) -> None:
    """ROOT/data: 300 sequences to be decided, some with frames. ROOT/audit: the same in sixes of one camera, direction and day.
    ROOT/grown: the report of ROOT/audit with one sequence more."""
    write_synthetic(root / "data", 300, with_frames=24)
    audit, grown = (write_synthetic(root / name, 300, with_frames=1) for name in ("audit", "grown"))
    before = _in_sixes(pq.read_table(audit.reports / VARIANT / "results.parquet"))
    pq.write_table(before, audit.reports / VARIANT / "results.parquet")
    extra = before.slice(before.num_rows - 1, 1)
    for name, value in (("key", "pyro-annotator_999999"), ("sequence_id", 999999), ("triage_score", 0.01), ("probability", 0.01)):
        place = extra.schema.get_field_index(name)
        extra = extra.set_column(place, extra.schema.field(place), pa.array([value], extra.schema.field(place).type))
    for name, word in (("triage_bucket", "unlabeled"), ("decision", "discard"), ("hold_reason", None)):
        place = extra.schema.get_field_index(name)
        extra = extra.set_column(place, extra.schema.field(place), pa.array([word], pa.string()))
    pq.write_table(pa.concat_tables([before, extra]), grown.reports / VARIANT / "results.parquet")


def _in_sixes(table: pa.Table) -> pa.Table:
    """Each six rows of the Unlabel bucket in the order of their keys share camera, direction and day."""
    place = 0
    columns: dict[str, list[object]] = {"organization_name": [], "camera_name": [], "azimuth": [], "started_at": []}
    for row in table.to_pylist():
        place += row["triage_bucket"] == "unlabeled"
        columns["organization_name"].append("SDIS 07")
        columns["camera_name"].append(f"mast {place // 6}")
        columns["azimuth"].append(float(place // 6 % 4 * 90))
        columns["started_at"].append(f"2026-06-{1 + place // 60:02}T0{place % 6}:00:00+00:00")
    for name, values in columns.items():
        index = table.schema.get_field_index(name)
        table = table.set_column(index, table.schema.field(index), pa.array(values, table.schema.field(index).type))
    return table


if __name__ == "__main__":
    if sys.argv[1] == "--review":
        review(Path(sys.argv[2]))
    else:
        print(json.dumps(main(Path(sys.argv[1]))))
