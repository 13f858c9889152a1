"""`make bench`: run every `bench_*.py` beside this file and write its section of docs/benchmarks.md.

Each module's `main()` measures and returns one Markdown section that begins with `## `. `python -m tests.benchmarks pull model` runs only
those; sections of the others stay as they were. BENCH_QUICK=1 asks for smaller sizes, and then nothing is written.
"""

from __future__ import annotations

import importlib
import os
import platform
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Every section is written by `make bench` (`.venv/bin/python -m tests.benchmarks NAME` for one). Medians and ratios against a baseline in
the same run: absolute times of shared machines vary from run to run, ratios hold.
"""


def machine() -> str:
    """One line that says where and when the numbers were measured."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), platform.machine()
    )
    return f"Measured {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores of {model}, Python {platform.python_version()}."


def replace_section(page: str, section: str) -> str:
    """`page` with the section of the same heading replaced, or appended."""
    heading = section.splitlines()[0]
    pattern = re.compile(rf"^{re.escape(heading)}\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
    if pattern.search(page):
        return pattern.sub(lambda _: section.rstrip() + "\n\n", page)
    return page.rstrip() + "\n\n" + section.rstrip() + "\n"


def main(names: list[str]) -> None:
    here = Path(__file__).parent
    known = sorted(path.stem.removeprefix("bench_") for path in here.glob("bench_*.py"))
    unknown = set(names) - set(known)
    if unknown:
        sys.exit(f"unknown benchmark {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    for name in names or known:
        print(f"== {name}", flush=True)
        section = importlib.import_module(f"tests.benchmarks.bench_{name}").main()
        heading, _, body = section.partition("\n")
        section = f"{heading}\n\n{machine()}\n{body}"
        print(section, flush=True)
        if not os.environ.get("BENCH_QUICK"):
            page = PAGE.read_text() if PAGE.exists() else HEAD
            PAGE.write_text(replace_section(page, section))


if __name__ == "__main__":
    main(sys.argv[1:])
