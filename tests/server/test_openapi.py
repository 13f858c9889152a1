"""The page's types are generated from the committed document; it must be the server's own."""

from __future__ import annotations

import json
from pathlib import Path

from triage.server.openapi import document

COMMITTED = Path(__file__).parents[2] / "viewer" / "openapi.json"


def test_the_committed_document_is_the_servers() -> None:
    assert COMMITTED.read_bytes() == document(), (
        "run `python -m triage.server.openapi > viewer/openapi.json`, then `npm run types` in viewer/"
    )


def test_every_json_answer_is_typed_and_every_field_is_said() -> None:
    schema = json.loads(document())
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            assert operation["operationId"], (method, path)
            content = operation["responses"]["200"].get("content", {})
            if "application/json" in content:
                assert content["application/json"]["schema"], (method, path)
    for name in ("SequenceDetail", "ReportSummary", "Row", "TubeOut"):
        model = schema["components"]["schemas"][name]
        assert set(model["required"]) == set(model["properties"]), name
