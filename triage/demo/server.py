"""The annotator at home as a real HTTP server on loopback: an API host and an image host on two ports, in a thread of their own.

One asyncio loop with a small HTTP/1.1 parser: it must misbehave byte by byte (a cut body, a dropped connection) and still be faster than
what is measured against it, which no framework offers. What is answered is decided in `api`; what goes wrong, in `faults`.
"""

from __future__ import annotations

import asyncio
import errno
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http import HTTPStatus
from types import TracebackType
from typing import NamedTuple

from triage.demo.api import IMAGE_ROOT, Api
from triage.demo.faults import Faults
from triage.demo.queries import Answer, Request
from triage.demo.world import World
from triage.errors import BadSetting

__all__ = ["AnnotatorServer", "Seen"]

_LARGEST_REQUEST = 64 << 20


class Seen(NamedTuple):
    """One request that arrived, at either host. path: with its query. had_authorization: whether that header came along."""

    method: str
    path: str
    had_authorization: bool


class AnnotatorServer:
    """Serves `world` while the `with` block runs.

    url: the API host, as for ANNOTATOR_API_URL. image_url: the image host. login, password: what the login accepts.
    requests: everything that arrived, in order. leaked: requests that brought a token to the image host (it refuses them).

    >>> with AnnotatorServer(plain_world(3)) as server:
    ...     requests.post(f"{server.url}/api/v1/auth/login", json={"username": server.login, "password": server.password})
    """

    def __init__(
        self, world: World, *, faults: Faults | None = None, port: int = 0, login: str = "triage", password: str = "at-home"
    ) -> None:
        self.login, self.password = login, password
        self.requests: list[Seen] = []
        self.url = self.image_url = ""
        self._world, self._port = world, port
        self._faults = faults or Faults()
        self._times: dict[str, int] = defaultdict(int)
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="scenes")
        self._connections: set[_Connection] = set()
        self._api: Api | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="annotator-at-home", daemon=True)
        self._ready = threading.Event()
        self._failure: Exception | None = None
        self._bug: BaseException | None = None

    @property
    def faults(self) -> Faults:
        """What goes wrong now."""
        return self._faults

    def misbehave(self, **changes: object) -> None:
        """Change some faults from now on (latency, rates, `fail_first`, html, redirects, retry_after); see `Faults`."""
        self._faults = replace(self._faults, **changes)  # type: ignore[arg-type]  # replace() checks the names itself
        self._times.clear()
        self.api.faults = self._faults

    @property
    def api(self) -> Api:
        """The answers and the table behind them. RuntimeError outside the `with` block."""
        if self._api is None:
            raise RuntimeError("the annotator at home is not running: use it as a context manager")
        return self._api

    @property
    def leaked(self) -> list[Seen]:
        """Requests that brought an Authorization header to the image host."""
        return [seen for seen in self.requests if seen.had_authorization and seen.path.startswith(IMAGE_ROOT)]

    @property
    def writes(self) -> list[Seen]:
        """Requests other than GET and the login."""
        return [seen for seen in self.requests if seen.method != "GET" and (seen.method, seen.path) != ("POST", "/api/v1/auth/login")]

    def annotate(
        self, sequence_ids: list[int], *, smoke_type: str | None = None, false_positive_type: str | None = None, force: bool = False
    ) -> None:
        """Play the human: apply one label to these sequences, as the bulk call does. force: also to those that carry one already."""
        self.api.table.bulk(sequence_ids, smoke_type=smoke_type, false_positive_type=false_positive_type, is_unsure=False, force=force)

    def grow(self) -> None:
        """Let the growing sequences have all their frames."""
        self.api.table.grow()

    def churn(self, *, leave: int = 0, arrive: int = 0) -> None:
        """Let rows leave the queue, and held-back rows arrive."""
        self.api.table.churn(leave=leave, arrive=arrive)

    def __enter__(self) -> AnnotatorServer:
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._bug is not None and error is None:
            raise self._bug

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            try:
                listening = runner.run(self._listen())
            except Exception as error:  # handed to the thread that waits in __enter__
                self._failure = error
                return
            finally:
                self._ready.set()
            try:
                self._loop.run_forever()
            finally:
                for host in listening:
                    host.close()
                for connection in list(self._connections):
                    connection.abort()
                runner.run(asyncio.sleep(0))

    async def _listen(self) -> list[asyncio.Server]:
        loop = asyncio.get_running_loop()
        images = await loop.create_server(lambda: _Connection(self, self._image_answer), "127.0.0.1", 0)
        self.image_url = f"http://127.0.0.1:{images.sockets[0].getsockname()[1]}"
        self._api = Api(self._world, self._faults, login=self.login, password=self.password, image_host=self.image_url)
        try:
            calls = await loop.create_server(lambda: _Connection(self, self._api_answer), "127.0.0.1", self._port)
        except OSError as error:
            images.close()
            if error.errno == errno.EADDRINUSE:
                raise BadSetting(f"--port {self._port}: is taken; choose another, or leave it out for any free one") from error
            raise
        self.url = f"http://127.0.0.1:{calls.sockets[0].getsockname()[1]}"
        return [images, calls]

    def _note(self, request: Request) -> None:
        self.requests.append(Seen(request.method, request.target, request.authorization is not None))
        if self._faults.grow_after is not None and len(self.requests) == self._faults.grow_after:
            self.grow()

    def _trouble(self, request: Request) -> Answer | str | None:
        """The answer of a misbehaving server, "drop" or "truncate", or None when it behaves."""
        path = request.target.partition("?")[0] if request.target.startswith(IMAGE_ROOT) else request.target
        if path == "/api/v1/auth/login":
            return None
        times = self._times[path]
        self._times[path] = times + 1
        kind = self._faults.misbehaviour(path, times)
        if kind == "error":
            return Answer(500, b"Internal Server Error", "text/plain; charset=utf-8")
        if kind == "throttle":
            after = self._faults.retry_after
            return Answer(429, b'{"detail":"Too Many Requests"}', headers={} if after is None else {"retry-after": after})
        return kind

    def _api_answer(self, request: Request, send: Callable[[Answer | None], None]) -> None:
        self._note(request)
        trouble = self._trouble(request)
        if trouble == "drop":
            self._later(send, None)
        elif isinstance(trouble, Answer):
            self._later(send, trouble)
        else:
            answer = self.api.answer(request)
            self._later(send, replace(answer, cut=len(answer.body) // 2) if trouble == "truncate" else answer)

    def _image_answer(self, request: Request, send: Callable[[Answer | None], None]) -> None:
        self._note(request)
        trouble = self._trouble(request)
        if trouble == "drop" or isinstance(trouble, Answer):
            self._later(send, None if trouble == "drop" else trouble)  # type: ignore[arg-type]  # an Answer by the line above
            return
        found = self.api.image(request)
        if isinstance(found, Answer):
            self._later(send, found)
            return

        def picture() -> Answer:
            try:
                data = self._world.image(found)
            except KeyError:
                return Answer(404, b"<Error><Code>NoSuchKey</Code></Error>", "application/xml")
            if self.api.is_damaged(found):
                data = data[: len(data) // 2]
            return Answer(200, data, "image/jpeg", cut=len(data) // 2 if trouble == "truncate" else None)

        if self._world.rendered:
            made = asyncio.get_running_loop().run_in_executor(self._pool, picture)
            made.add_done_callback(lambda done: self._deliver(send, done))
        else:
            self._later(send, picture())

    def _deliver(self, send: Callable[[Answer | None], None], made: asyncio.Future[Answer]) -> None:
        if made.cancelled():
            return
        error = made.exception()
        self._later(send, made.result() if error is None else self.broke(error))

    def broke(self, error: BaseException) -> Answer:
        """Keep a bug of ours until the `with` block ends, where it is raised; meanwhile the client gets a 500."""
        self._bug = self._bug or error
        return Answer(500, b"Internal Server Error", "text/plain; charset=utf-8")

    def _later(self, send: Callable[[Answer | None], None], answer: Answer | None) -> None:
        if self._faults.latency > 0:
            asyncio.get_running_loop().call_later(self._faults.latency, send, answer)
        else:
            send(answer)


class _Connection(asyncio.Protocol):
    """One keep-alive connection: requests are answered one after another, in order."""

    def __init__(self, server: AnnotatorServer, handle: Callable[[Request, Callable[[Answer | None], None]], None]) -> None:
        self._server, self._handle = server, handle
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._busy = self._close_after = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._server._connections.discard(self)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._busy:
            self._next()

    def _next(self) -> None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > 65536:
                self.abort()
            return
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        words = lines[0].split(" ")
        length = headers.get("content-length", "0")
        if len(words) != 3 or not length.isdigit() or int(length) > _LARGEST_REQUEST or "transfer-encoding" in headers:
            self._close_after = True
            self._send(Answer(400, b"Invalid HTTP request received.", "text/plain; charset=utf-8"))
            return
        whole = end + 4 + int(length)
        if len(self._buffer) < whole:
            return
        body = bytes(self._buffer[end + 4 : whole])
        del self._buffer[:whole]
        self._busy = True
        self._close_after = headers.get("connection", "").lower() == "close" or words[2] == "HTTP/1.0"
        try:
            self._handle(Request(words[0], words[1], headers.get("authorization"), body), self._send)
        except Exception as error:  # not to be lost in the loop: kept, and raised where the server is used
            self._send(self._server.broke(error))

    def _send(self, answer: Answer | None) -> None:
        if self._transport is None:
            return
        if answer is None:
            self._transport.abort()
            return
        head = [
            f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
            f"content-type: {answer.content_type}",
            f"content-length: {len(answer.body)}",
            *(f"{name}: {value}" for name, value in answer.headers.items()),
            *(("connection: close",) if self._close_after else ()),
        ]
        body = answer.body if answer.cut is None else answer.body[: answer.cut]
        self._transport.write("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body)
        self._busy = False
        if self._close_after or answer.cut is not None:
            self._transport.close()
        elif self._buffer:
            self._next()
