"""What a request to OMS selects: filters, sort, page, fields, groups.

Knows OMS's parameters and how they compare values; knows nothing of HTTP.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

from condorloop.testbed.oms.rows import Row
from condorloop.testbed.scenario.oms_attributes import Attribute, Table

DEFAULT_LIMIT = 100
INCLUDES = frozenset({"meta", "presentation_timestamp", "data_only"})
GRANULARITIES = frozenset({"run", "lumisection"})
_FILTER = re.compile(r"filter\[(\w+)\](?:\[(\w+)\])?")


class BadRequest(ValueError):
    """A request that OMS answers by 400."""


def _like(value: str, pattern: str) -> bool:
    """Compare as LIKE in SQL: ``%`` is any text, ``_`` any one character."""
    wild = {"%": ".*", "_": "."}
    expression = "".join(wild.get(char) or re.escape(char) for char in pattern)
    return re.fullmatch(expression, value, re.DOTALL) is not None


COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "EQ": operator.eq,
    "NEQ": operator.ne,
    "LT": operator.lt,
    "GT": operator.gt,
    "LE": operator.le,
    "GE": operator.ge,
}
MATCH: Mapping[str, Callable[[str, str], bool]] = {"LIKE": _like, "CT": operator.contains}


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page, and how many there are on all pages."""

    rows: Sequence[Row]
    total: int


@dataclass(frozen=True, slots=True)
class Query:
    """A request's parameters, checked.

    Attributes
    ----------
    filters
        Whether a row passes; it must pass all.
    sort
        Attributes by which to sort, most important first, and whether downwards.
    offset, limit
        The page, in rows.
    fields
        The attributes to show, None for all.
    include
        Of `INCLUDES`.
    by_run
        Whether lumisections are summed up by run.
    run
        The run that the filters ask for by number, if any.
    """

    filters: tuple[Callable[[Row], bool], ...] = ()
    sort: tuple[tuple[str, bool], ...] = ()
    offset: int = 0
    limit: int = DEFAULT_LIMIT
    fields: tuple[str, ...] | None = None
    include: frozenset[str] = frozenset()
    by_run: bool = False
    run: int | None = None

    @classmethod
    def parse(cls, parameters: Iterable[tuple[str, str]], table: Table) -> Query:
        """Read parameters such as ``filter[run_number][GE]=398600``; unknown ones are ignored.

        Raises
        ------
        BadRequest
            An unknown attribute or operator, or a value that its attribute cannot have.
        """
        given: dict[str, Any] = {"filters": []}
        for name, text in parameters:
            if found := _FILTER.fullmatch(name):
                attribute, op = _known(found[1], table), (found[2] or "EQ").upper()
                given["filters"].append(_filter(attribute, op, text))
                if (attribute.name, op) == ("run_number", "EQ") and text.isdecimal():
                    given["run"] = int(text)
            elif name == "sort":
                keys = [(_known(k.lstrip("-"), table), k.startswith("-")) for k in _split(text)]
                given["sort"] = tuple((attribute.name, down) for attribute, down in keys)
            elif name == "fields":
                given["fields"] = tuple(_known(field, table).name for field in _split(text))
            elif name == "include":
                given["include"] = frozenset(_one_of(i, INCLUDES) for i in _split(text))
            elif name == "group[granularity]":
                given["by_run"] = _one_of(text, GRANULARITIES) == "run"
            elif name == "page[offset]":
                given["offset"] = _count(text, at_least=0)
            elif name == "page[limit]":
                given["limit"] = _count(text, at_least=1)
        return cls(**given | {"filters": tuple(given["filters"])})

    def select(self, rows: Iterable[Row]) -> Page:
        """Apply the query: filter, group, sort, cut out the page. Its rows are whole."""
        chosen = [row for row in rows if all(passes(row) for passes in self.filters)]
        if self.by_run and chosen and "lumisection_number" in chosen[0]:
            chosen = _by_run(chosen)
        for name, down in reversed(self.sort):
            chosen.sort(key=partial(_sort_key, name), reverse=down)
        return Page(chosen[self.offset : self.offset + self.limit], len(chosen))

    def project(self, row: Row) -> Row:
        """Keep the attributes that the request asks for."""
        return row if self.fields is None else {name: row[name] for name in self.fields}


def _filter(attribute: Attribute, op: str, text: str) -> Callable[[Row], bool]:
    """Make a filter; as in SQL, a null passes none but ``EQ null``."""
    name = attribute.name
    if op not in COMPARE and op not in MATCH:
        raise BadRequest(f"unknown operator {op}")
    if text == "null":
        if op not in ("EQ", "NEQ"):
            raise BadRequest(f"null cannot be compared by {op}")
        return lambda row: (row[name] is None) == (op == "EQ")
    if op in MATCH:
        match = MATCH[op]
        return lambda row: row[name] is not None and match(_text(row[name]), text)
    compare, value = COMPARE[op], _value(attribute, text)
    return lambda row: row[name] is not None and compare(row[name], value)


def _value(attribute: Attribute, text: str) -> Any:
    if attribute.type is str:
        return text
    if attribute.type is bool and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if attribute.type in (int, float):
        for number in (int, float):
            try:
                return number(text)
            except ValueError:
                continue
    raise BadRequest(f"{attribute.name} cannot be compared with {text!r}")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _sort_key(name: str, row: Row) -> tuple[bool, Any]:
    """Put nulls last upwards and first downwards, as Oracle does."""
    value = row[name]
    if value is None:
        return True, 0
    return False, _text(value) if isinstance(value, list) else value


def _by_run(rows: Sequence[Row]) -> list[Row]:
    grouped = []
    for _, group in groupby(rows, key=lambda row: row["run_number"]):
        each = list(group)
        total = {
            name: round(sum(row[f"{name}_per_lumisection"] or 0.0 for row in each), 4)
            for name in ("delivered_lumi", "recorded_lumi")
        }
        last = {name: each[-1][name] for name in ("lumisection_number", "end_time")}
        grouped.append({**each[0], **total, **last})
    return grouped


def _known(name: str, table: Table) -> Attribute:
    if name not in table:
        raise BadRequest(f"unknown attribute {name}")
    return table[name]


def _one_of(value: str, known: frozenset[str]) -> str:
    if value not in known:
        raise BadRequest(f"{value!r} is none of {', '.join(sorted(known))}")
    return value


def _count(text: str, *, at_least: int) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) < at_least:
        raise BadRequest(f"{text!r} is not a number of rows from {at_least}")
    return int(text)


def _split(text: str) -> list[str]:
    return [part for part in text.split(",") if part]
