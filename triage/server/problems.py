"""The one boundary where exceptions become HTTP answers: a JSON body {error, expected, found, next} and a status.

Routes raise; nobody else writes an error body. A bug of ours is a 500 whose traceback goes to the log, not to the browser.
"""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from triage.errors import BadFrame, BadInput, BadSetting, Retryable, TriageError
from triage.server.schemas import Problem

__all__ = ["NotServed", "Refused", "install", "problem_response"]

_log = logging.getLogger("triage.server")


class _Answerable(BadInput):
    """An error with the parts of its HTTP body."""

    status = 400

    def __init__(self, error: str, *, expected: str | None = None, found: str | None = None, next_step: str | None = None) -> None:
        super().__init__(error)
        self.problem = Problem(error=error, expected=expected, found=found, next=next_step)


class NotServed(_Answerable):
    """404: no such report, sequence, frame or page here."""

    status = 404


class Refused(_Answerable):
    """403: the request comes from where it must not come from."""

    status = 403


def problem_response(status: int, problem: Problem) -> JSONResponse:
    """An error answer; never kept by a cache."""
    return JSONResponse(problem.model_dump(), status_code=status, headers={"Cache-Control": "no-store"})


def _status_of(error: TriageError) -> int:
    if isinstance(error, BadFrame):
        return 404
    if isinstance(error, BadSetting):
        return 422
    if isinstance(error, Retryable):
        return 503
    return 500


async def _answerable(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, _Answerable)
    return problem_response(error.status, error.problem)


async def _ours(request: Request, error: Exception) -> JSONResponse:
    """An error that names the file and the next step already: a damaged report, a frame that is missing."""
    assert isinstance(error, TriageError)
    return problem_response(
        _status_of(error), Problem(error=request.app.state.services.shown(str(error)), expected=None, found=None, next=None)
    )


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    found = repr(first.get("input"))[:100]
    return problem_response(
        422, Problem(error=f"{where}: {first['msg']}", expected=str(first["msg"]), found=found, next="see /api/openapi.json")
    )


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        problem = Problem(
            error="nothing is served here", expected="a path of the API", found=request.url.path[:200], next="see /api/openapi.json"
        )
    else:
        problem = Problem(error=str(error.detail), expected=None, found=request.method, next="see /api/openapi.json")
    return problem_response(error.status_code, problem)


async def _bug(request: Request, error: Exception) -> JSONResponse:
    problem = Problem(
        error=f"a bug in triage: {type(error).__name__} while answering {request.url.path[:200]}",
        expected=None,
        found=None,
        next="see the traceback in the terminal that runs `triage view`, and report it",
    )
    return problem_response(500, problem)


def install(app: FastAPI) -> None:
    """Make `app` answer every exception with a problem body. What is not a TriageError is also logged with its traceback by the server."""
    app.add_exception_handler(_Answerable, _answerable)
    app.add_exception_handler(TriageError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _bug)
