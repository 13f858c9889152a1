"""`python -m triage.server.openapi > viewer/openapi.json`: the document that the page's types are generated from."""

from __future__ import annotations

import sys
from pathlib import Path

from triage.config import Layout
from triage.files import dump_json
from triage.server.app import create_app

__all__ = ["document"]


def document() -> bytes:
    """The OpenAPI document as committed: sorted keys, without the version of triage, so that it changes only when the API does."""
    schema = create_app(Layout(Path("data")), host="127.0.0.1", port=0, page=None).openapi()
    return dump_json(schema)


if __name__ == "__main__":
    sys.stdout.buffer.write(document())
