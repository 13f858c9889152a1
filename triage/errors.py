"""The one exception tree, split by what the caller can do about it. Only `triage.cli` turns these into exit codes.

    TriageError                      exit 1; the message names the thing, what was expected, what was found, and the next step
    +-- Retryable                    the same call may work later: nothing has to be changed
    |   +-- AnnotatorUnavailable     no connection, 5xx or 429 until the retries ran out
    |   +-- Busy                     another process holds the lock of what this one wants to write
    +-- BadInput                     something the caller gave has to be changed first
    |   +-- BadSetting               an option, a variable or a combination of them
    |   +-- BadCredentials           the annotator refused the login
    |   +-- BadAnswer                the host answers, but not as an annotator does (a web page, another schema)
    |   +-- BadFile                  a file of ours is damaged, of another format, or not there
    |   |   +-- BadModel             a model package that must not be scored with
    |   |   +-- BadFrame             an image that is missing, truncated or does not decode
    |   |   +-- BadShard             a tar, a manifest or an index that must not be unpacked
    |   +-- NoSpace                  the disk is full; what was there before is intact
    +-- ReadOnlyViolation            our bug: something tried to write to the annotator; raised before a socket opens

A bug of ours is any other exception: it is not caught, so that it is seen.
"""

from __future__ import annotations

__all__ = [
    "AnnotatorUnavailable",
    "BadAnswer",
    "BadCredentials",
    "BadFile",
    "BadFrame",
    "BadInput",
    "BadModel",
    "BadSetting",
    "BadShard",
    "Busy",
    "NoSpace",
    "ReadOnlyViolation",
    "Retryable",
    "TriageError",
]


class TriageError(Exception):
    """The root. `str(error)` is one line, fit to be shown to whoever typed the command."""


class Retryable(TriageError):
    """The same call may work later; nothing has to be changed."""


class AnnotatorUnavailable(Retryable):
    """The annotator could not be reached, or answered 5xx or 429 until the retries ran out."""


class Busy(Retryable):
    """Another process is writing the same place."""


class BadInput(TriageError):
    """Something the caller gave has to be changed before the call can work."""


class BadSetting(BadInput):
    """An option, an environment variable, or a combination of them."""


class BadCredentials(BadInput):
    """The annotator refused the login or, after one fresh login, the token."""


class BadAnswer(BadInput):
    """The host answers, but not as an annotator does."""


class BadFile(BadInput):
    """A file of ours is damaged, of an unknown format, or not there."""


class BadModel(BadFile):
    """A model package that is damaged, of another format, uncalibrated, or fails its own sanity checks."""


class BadFrame(BadFile):
    """An image that is missing, truncated, or does not decode."""


class BadShard(BadFile):
    """A tar, a manifest or an index that is damaged or hostile."""


class NoSpace(BadInput):
    """The disk is full. What was there before is intact."""


class ReadOnlyViolation(TriageError):
    """Our bug: a request other than GET and the login POST was about to be sent."""
