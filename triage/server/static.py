"""The built page as an ASGI application: the files that `npm run build` wrote, served by exact name."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from triage.errors import BadFile
from triage.server.problems import NotServed

__all__ = ["Page", "built_page", "require_page"]

_INDEX = "index.html"


def built_page() -> Path | None:
    """Where the built page lies inside the package; None = it was not built."""
    directory = Path(__file__).parent / "page"
    return directory if (directory / _INDEX).is_file() else None


def require_page() -> Path:
    """The same. Raises BadFile when it was not built."""
    page = built_page()
    if page is None:
        raise BadFile("the viewer's page is not built; `make view` in a checkout builds it (needs Node 20), an installed wheel carries it")
    return page


class Page:
    """Serves the files below `directory`; `/` is index.html. Names are looked up in a list of what is there, never joined to a path.

    The list is made anew for every request: it is a handful of files, and a page that is built again while the server runs has new names.
    """

    def __init__(self, directory: Path) -> None:
        self._root = directory.resolve()
        if _INDEX not in self._files():
            raise BadFile(f"{directory}: expected the built page, found no {_INDEX}; `make view` builds it")

    def _files(self) -> dict[str, Path]:
        return {
            path.relative_to(self._root).as_posix(): path
            for path in sorted(self._root.rglob("*"))
            if path.is_file() and path.resolve().is_relative_to(self._root)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one file. Raises NotServed for any other name."""
        request = Request(scope, receive)
        name = scope["path"].removeprefix(scope.get("root_path", "")).lstrip("/") or _INDEX
        path = self._files().get(name)
        if path is None or request.method not in ("GET", "HEAD"):
            raise NotServed("nothing is served here", expected="the page at / or the API under /api", found=request.url.path[:200])
        # Built names carry a hash of their content, but index.html names them and must be fresh.
        keep = "public, max-age=31536000, immutable" if name.startswith("assets/") else "no-cache"
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        await FileResponse(path, media_type=media_type, headers={"Cache-Control": keep})(scope, receive, send)
