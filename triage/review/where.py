"""The language of selections: `bucket = unlabeled and score < 0.1 and not camera = "mast-2"`. The viewer, the CLI and exports speak it.

    expression  = term { "or" term } ;          term = factor { "and" factor } ;
    factor      = "not" factor | "(" expression ")" | flag | comparison ;
    comparison  = field operator value | field "in" "(" value { "," value } ")" | field "is" [ "not" ] "null" ;
    operator    = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" ;      (~ contains, whatever the case)
    flag        = "decided" | "disagreement" | "mine" | "second_look" | "all" ;     (second_look: others decided, not I)
    value       = number | word | "quoted text" ;   a day such as 2026-06-01 is a word

Two-valued: a null passes no comparison but `is null`; `not` turns every answer round. An empty expression selects everything.
Parsing is pure; evaluation is over columns (numpy arrays), never row by row in Python.
"""

from __future__ import annotations

import difflib
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import get_args

import numpy as np
import numpy.typing as npt

from triage.errors import BadSetting
from triage.report import BUCKETS, OUTCOMES
from triage.review.decisions import VERDICTS, parse_decision
from triage.sequences import Label

__all__ = ["FIELDS", "FLAGS", "Columns", "Mask", "matches", "part_where", "quote"]

Mask = npt.NDArray[np.bool_]
_Node = Callable[["Columns"], Mask]

#: field -> how its values compare.
FIELDS: Mapping[str, str] = {
    "key": "text", "sequence_id": "number", "bucket": "text", "score": "number", "organization": "text", "camera": "text",
    "azimuth": "number", "started_at": "time", "hold_reason": "text", "label": "text", "outcome": "text", "frames": "number",
    "tubes": "number", "trigger": "number", "alert": "number", "model_version": "text", "text": "text", "decision": "text",
    "verdict": "text", "reviewer": "text", "tag": "list", "part": "part", "camera_part": "part",
}  # fmt: skip

#: Fields whose words are known; `decision` is read as decisions are typed.
_WORDS: Mapping[str, tuple[str, ...]] = {
    "bucket": BUCKETS,
    "outcome": OUTCOMES,
    "verdict": VERDICTS,
    "label": get_args(Label),
}

FLAGS = ("decided", "disagreement", "mine", "second_look", "all")

_TOKEN = re.compile(
    r"""\s*(?:(?P<op><=|>=|!=|=|<|>|~)|(?P<punct>[(),])|"(?P<text>(?:[^"\\]|\\.)*)"|(?P<word>[^\s()<>=!~,"]+)|(?P<bad>\S))"""
)


@dataclass(frozen=True, slots=True)
class Columns:
    """What an expression is evaluated over: arrays of equal length, one value per row.

    values: by field name; text as object arrays (None = null), numbers as float64 (NaN = null), times as float64 seconds since 1970
    (NaN = null), lists as object arrays of tuples. flags: by flag name.
    """

    length: int
    values: Mapping[str, npt.NDArray[np.generic]]
    flags: Mapping[str, Mask]


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    value: str
    at: int


def quote(value: str) -> str:
    """A value as it is written in an expression: bare when it is a plain word, else in double quotes."""
    if re.fullmatch(r"[\w.:/+-]+", value, re.ASCII) and value.lower() not in {"and", "or", "not", "in", "is", "null"}:
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def matches(where: str, columns: Columns) -> Mask:
    """One boolean per row. Raises BadSetting that points at the place where the expression cannot be read."""
    tokens = _tokens(where)
    if not tokens:
        return np.ones(columns.length, dtype=bool)
    parser = _Parser(where, tokens)
    node = parser.expression()
    parser.end()
    return node(columns)


def _tokens(where: str) -> list[_Token]:
    found = []
    for match in _TOKEN.finditer(where):
        kind = match.lastgroup
        if kind is None:
            continue
        value = match.group(kind)
        if kind == "bad":
            raise BadSetting(f"--where: cannot read {value!r} at character {match.start(kind) + 1} of {where!r}; close the quotes")
        found.append(_Token(kind, re.sub(r"\\(.)", r"\1", value) if kind == "text" else value, match.start(kind) + 1))
    return found


class _Parser:
    def __init__(self, source: str, tokens: list[_Token]) -> None:
        self._source, self._tokens, self._next = source, tokens, 0

    def expression(self) -> _Node:
        nodes = [self._term()]
        while self._accept("or"):
            nodes.append(self._term())
        return nodes[0] if len(nodes) == 1 else lambda columns: np.logical_or.reduce([node(columns) for node in nodes])

    def end(self) -> None:
        if self._next < len(self._tokens):
            self._fail("'and', 'or' or the end")

    def _term(self) -> _Node:
        nodes = [self._factor()]
        while self._accept("and"):
            nodes.append(self._factor())
        return nodes[0] if len(nodes) == 1 else lambda columns: np.logical_and.reduce([node(columns) for node in nodes])

    def _factor(self) -> _Node:
        if self._accept("not"):
            inner = self._factor()
            return lambda columns: ~inner(columns)
        if self._accept("("):
            node = self.expression()
            self._expect(")")
            return node
        token = self._take("a field or a flag")
        if token.kind != "word":
            self._fail("a field or a flag", back=True)
        if token.value in FLAGS:
            flag = token.value
            return lambda columns: columns.flags[flag] if flag != "all" else np.ones(columns.length, dtype=bool)
        if token.value not in FIELDS:
            near = difflib.get_close_matches(token.value, [*FIELDS, *FLAGS], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join([*FIELDS, *FLAGS])}"
            raise BadSetting(f"--where: unknown field {token.value!r} at character {token.at} of {self._source!r}{hint}")
        return self._comparison(token.value)

    def _comparison(self, field: str) -> _Node:
        if self._accept("is"):
            negated = self._accept("not")
            self._expect("null")
            return lambda columns: _is_null(columns.values[field]) != negated
        if self._accept("in"):
            self._expect("(")
            tokens = [self._take("a value")]
            while self._accept(","):
                tokens.append(self._take("a value"))
            self._expect(")")
            nodes = [self._compare(field, "=", token) for token in tokens]
            if FIELDS[field] == "number":
                # A page of tiles names its ids: one pass for all of them.
                numbers = [_number(field, token.value) for token in tokens]
                return lambda columns: np.isin(columns.values[field].astype(np.float64, copy=False), numbers)
            return lambda columns: np.logical_or.reduce([node(columns) for node in nodes])
        operator = self._take("an operator")
        if operator.kind != "op":
            self._fail("an operator (= != < <= > >= ~), 'in' or 'is'", back=True)
        return self._compare(field, operator.value, self._take("a value"))

    def _compare(self, field: str, operator: str, token: _Token) -> _Node:
        if token.kind not in ("word", "text"):
            self._fail("a value", back=True)
        kind, value = FIELDS[field], token.value
        if kind == "part":
            return _part(field, value, operator)
        if kind == "list":
            if operator != "=":
                raise BadSetting(f"--where: {field} has only '=', found {operator!r}")
            return lambda columns: np.fromiter((value in held for held in columns.values[field]), bool, columns.length)
        if operator == "~":
            return lambda columns: _by_distinct(columns.values[field], lambda held: value.casefold() in str(held).casefold())
        if kind == "text":
            if operator not in ("=", "!="):
                raise BadSetting(f"--where: {field} is text: expected = != or ~, found {operator!r}")
            value = _known_word(field, value)
            return lambda columns: _by_distinct(columns.values[field], lambda held: (held == value) == (operator == "="))
        number = _number(field, value) if kind == "number" else _seconds(field, value)
        compare = {"=": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}[operator]

        def node(columns: Columns) -> Mask:
            held = columns.values[field].astype(np.float64, copy=False)
            return np.asarray(compare(held, number) & ~np.isnan(held))

        return node

    def _accept(self, word: str) -> bool:
        if self._next < len(self._tokens):
            token = self._tokens[self._next]
            if token.kind != "text" and token.value.lower() == word:
                self._next += 1
                return True
        return False

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            self._fail(repr(word))

    def _take(self, expected: str) -> _Token:
        if self._next >= len(self._tokens):
            self._fail(expected)
        self._next += 1
        return self._tokens[self._next - 1]

    def _fail(self, expected: str, *, back: bool = False) -> None:
        place = self._next - back
        if place < len(self._tokens):
            token = self._tokens[place]
            found = f"{token.value!r} at character {token.at}"
        else:
            found = "the end"
        raise BadSetting(f"--where: expected {expected}, found {found} of {self._source!r}")


def _known_word(field: str, value: str) -> str:
    """Words of closed vocabularies as the columns hold them: a misspelt one must not select nothing, and turned round everything."""
    if field == "decision":
        return parse_decision(value).words
    known = _WORDS.get(field)
    if known is not None and value not in known:
        near = difflib.get_close_matches(value, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise BadSetting(f"--where: {field}: expected one of {', '.join(known)}, found {value!r}{hint}")
    return value


def _by_distinct(values: npt.NDArray[np.generic], test: Callable[[object], bool], *, nulls: bool = False) -> Mask:
    """Test each distinct value once: names repeat thousands of times. nulls: whether they pass."""
    known: dict[object, bool] = {None: nulls}
    passed = np.empty(len(values), dtype=bool)
    for row, held in enumerate(values.tolist()):
        if held not in known:
            known[held] = test(held)
        passed[row] = known[held]
    return passed


def _is_null(values: npt.NDArray[np.generic]) -> Mask:
    if values.dtype == object:
        return np.fromiter((held is None or held == () for held in values), bool, len(values))
    return np.isnan(values.astype(np.float64))


def _number(field: str, value: str) -> float:
    try:
        return float(value)
    except ValueError as error:
        raise BadSetting(f"--where: {field} is a number, found {value!r}") from error


def _seconds(field: str, value: str) -> float:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise BadSetting(f"--where: {field} is a time such as 2026-06-01 or 2026-06-01T08:00:00Z, found {value!r}") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def part_where(part: str, by: str) -> str:
    """A part of a queue as a condition. by: "sequence" or "camera", which keeps all that one camera saw together.

    Raises BadSetting when `part` is not "k/n" with 1 <= k <= n.
    """
    field = {"sequence": "part", "camera": "camera_part"}[by]
    _part(field, part, "=")
    return f"{field} = {part}"


#: What the hash of a part is taken of.
_HASHED = {"part": "key", "camera_part": "camera"}


def _part(field: str, value: str, operator: str) -> _Node:
    k, _, of = value.partition("/")
    if operator != "=" or not (k.isdigit() and of.isdigit() and 1 <= int(k) <= int(of)):
        raise BadSetting(f"{field} is written '{field} = 2/5' (the second of five), found {operator} {value!r}")
    wanted, parts = int(k) - 1, int(of)
    return lambda columns: _by_distinct(
        columns.values[_HASHED[field]],
        lambda held: zlib.crc32(str(held).encode()) % parts == wanted,
        nulls=zlib.crc32(b"") % parts == wanted,
    )
