"""An S3 endpoint on loopback (moto) that remembers every request and knows two keys: a writer's and a reader's."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

WRITER, READER = "AKIAWRITER", "AKIAREADER"
SECRET = "a-secret-that-stands-in-no-file"


@dataclass
class Bucket:
    """url: of the endpoint. requests: (access key, method, path), in order."""

    url: str
    requests: list[tuple[str, str, str]] = field(default_factory=list)

    def uploaded(self) -> list[str]:
        """Paths of every PUT of an object since `forget`, repeats included."""
        return [path for _, method, path in self.requests if method == "PUT"]

    def read_by(self, key: str) -> set[str]:
        """Paths of every object that the key has asked for."""
        return {path for who, method, path in self.requests if who == key and method == "GET" and "/files/md5/" in path}

    def forget(self) -> None:
        """Start counting anew."""
        self.requests.clear()


@contextmanager
def bucket(name: str) -> Iterator[Bucket]:
    """Serve an empty bucket. The reader's key may only GET and HEAD: anything else is refused, as a read-only policy would."""
    moto = DomainDispatcherApplication(create_backend_app)
    served = Bucket("")

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        found = re.search(r"Credential=([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
        who, method, path = found[1] if found else "", environ["REQUEST_METHOD"], environ["PATH_INFO"]
        served.requests.append((who, method, path))
        if who != WRITER and not (who == READER and method in ("GET", "HEAD")):
            start_response("403 Forbidden", [("Content-Type", "application/xml")])
            return [b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"]
        return moto(environ, start_response)

    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}"
    try:
        import boto3

        client = boto3.client(
            "s3", endpoint_url=served.url, aws_access_key_id=WRITER, aws_secret_access_key=SECRET, region_name="us-east-1"
        )
        client.create_bucket(Bucket=name)
        client.close()
        served.forget()
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
