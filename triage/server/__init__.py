"""The viewer's server: a read API over a report, its store or its shards, and the built page. Loopback unless told otherwise.

`create_app` makes the application, `triage.server.serve.serve` runs it. One router per topic lives in `triage.server.routes`; what they
answer is described once, in `triage.server.schemas`, and the page's types are generated from that.
"""

from __future__ import annotations

from triage.server.app import create_app

__all__ = ["create_app"]
