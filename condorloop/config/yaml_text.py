"""Reading a mapping from YAML or JSON text, without what those forms let pass in silence.

Knows YAML's and JSON's traps: keys given twice, aliases that grow without end, numbers and truth
values that were meant as text. Knows nothing of what the keys mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from condorloop.text import one_line, shown

_MOST_TEXT = 1_000_000
_MOST_VALUES = 20_000
_DEEPEST = 40

_OCTAL = re.compile(r"[-+]?0[0-9_]+")
_BY_SIXTIES = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Trap:
    """Something in a text that does not mean what it seems to: where, and what is expected."""

    key: str
    value: object
    expected: str


def read_yaml(text: str) -> tuple[Any, list[Trap]]:
    """Read YAML; aliases are followed, objects are not made.

    Raises
    ------
    ValueError
        The text is not well formed, or what it means is too large or too deep.
    """
    _refuse_long(text)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            return None, []
        _measure(node, {}, frozenset())
        traps = [*_traps(node, "", set())]
        return yaml.SafeLoader("").construct_document(node), traps
    except RecursionError:
        raise ValueError("nested too deeply") from None
    # PyYAML's own converters raise whatever happens to them, such as AttributeError
    except (yaml.YAMLError, AttributeError, TypeError, LookupError, ArithmeticError) as error:
        raise ValueError(one_line(str(error))) from error


def read_json(text: str) -> tuple[Any, list[Trap]]:
    """Read JSON.

    Raises
    ------
    ValueError
        The text is not well formed, or what it means is too large or too deep.
    """
    _refuse_long(text)
    traps: list[Trap] = []

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            traps.append(Trap(one_line(twice), twice, "a key that is given once"))
        return found

    def no_number(name: str) -> float:
        raise ValueError(f"{name} is no number")

    try:
        return json.loads(text, object_pairs_hook=mapping, parse_constant=no_number), traps
    except RecursionError:
        raise ValueError("nested too deeply") from None


def lines_of(text: str) -> dict[str, int]:
    r"""Give the line of each key of a YAML or JSON text, by its dotted name, from 1.

    What is not well formed has one line, under the empty name: where the parser gave up.

    >>> lines_of("name: x\nnodes:\n  RECO:\n    request_cpus: 0\n")["nodes.RECO.request_cpus"]
    4
    """
    try:
        _refuse_long(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            _measure(node, {}, frozenset())
    except yaml.MarkedYAMLError as error:
        return {"": error.problem_mark.line + 1} if error.problem_mark else {}
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    found: dict[str, int] = {}
    if node is not None:
        _note_lines(node, "", found)
    return found


def _note_lines(node: yaml.Node, key: str, found: dict[str, int]) -> None:
    """Note where the keys below a node are; of a key that is given twice, the last counts."""
    if isinstance(node, yaml.SequenceNode):
        for i, child in enumerate(node.value):
            here = dotted(key, i)
            found[here] = child.start_mark.line + 1
            _note_lines(child, here, found)
    elif isinstance(node, yaml.MappingNode):
        for name, value in sorted(node.value, key=lambda pair: pair[0].tag != f"{_TAG}merge"):
            if name.tag == f"{_TAG}merge":
                _note_lines(value, key, found)
            elif isinstance(name, yaml.ScalarNode):
                here = dotted(key, name.value)
                found[here] = name.start_mark.line + 1
                _note_lines(value, here, found)


def odd_texts(data: Any, key: str = "") -> Iterator[Trap]:
    """Find text that no file, log or job can hold: control characters, and halves of characters."""
    if isinstance(data, Mapping):
        for k, value in data.items():
            yield from odd_texts(k, key)
            yield from odd_texts(value, dotted(key, k))
    elif isinstance(data, list):
        for i, value in enumerate(data):
            yield from odd_texts(value, dotted(key, i))
    elif isinstance(data, str) and any(_is_odd(c) for c in data):
        yield Trap(key, data, "text without control characters")


def dotted(above: str, key: object) -> str:
    """Name a key by those above it.

    >>> dotted("step_2_config", "era")
    'step_2_config.era'
    """
    name = one_line(key, 60) if isinstance(key, str) else shown(key, 60)
    return f"{above}.{name}" if above else name


def _is_odd(character: str) -> bool:
    number = ord(character)
    control = (number < 32 and character not in "\t\n") or 127 <= number < 160
    return control or 0xD800 <= number < 0xE000


def _refuse_long(text: str) -> None:
    if len(text) > _MOST_TEXT:
        raise ValueError(f"longer than {_MOST_TEXT} characters")


def _measure(
    node: yaml.Node, measured: dict[int, tuple[int, int]], above: frozenset[int]
) -> tuple[int, int]:
    """Give how many values a node has, and how deep it is, with its aliases followed."""
    if id(node) in above:
        raise ValueError("an alias that contains itself")
    if id(node) not in measured:
        if len(above) > _DEEPEST:
            raise ValueError("nested too deeply")
        within = above | {id(node)}
        inner = [_measure(child, measured, within) for child in _children(node)]
        size, depth = 1 + sum(s for s, _ in inner), 1 + max((d for _, d in inner), default=0)
        if size > _MOST_VALUES:
            raise ValueError(f"more than {_MOST_VALUES} values, with aliases followed")
        if depth > _DEEPEST:
            raise ValueError("nested too deeply")
        measured[id(node)] = size, depth
    return measured[id(node)]


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _traps(node: yaml.Node, key: str, seen: set[int]) -> Iterator[Trap]:
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        yield from _misread(node, key)
    elif isinstance(node, yaml.SequenceNode):
        for i, child in enumerate(node.value):
            yield from _traps(child, dotted(key, i), seen)
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for name, value in node.value:
            here = dotted(key, name.value if isinstance(name, yaml.ScalarNode) else "?")
            line = name.start_mark.line + 1
            if name.tag not in (f"{_TAG}str", f"{_TAG}merge"):
                kind = name.tag.removeprefix(_TAG)
                text = f"a key that is text: YAML reads this as {kind}; quote it"
                yield Trap(here, name.value, text)
            elif isinstance(name, yaml.ScalarNode) and name.value in lines:
                text = f"a key that is given once, not in lines {lines[name.value]} and {line}"
                yield Trap(here, name.value, text)
            else:
                lines[str(name.value)] = line
            yield from _traps(value, here, seen)


def _misread(node: yaml.ScalarNode, key: str) -> Iterator[Trap]:
    kind = node.tag.removeprefix(_TAG)
    if kind == "int" and _OCTAL.fullmatch(node.value):
        yield Trap(key, node.value, "a number without a leading 0, which YAML reads as octal")
    elif kind in ("int", "float") and _BY_SIXTIES.fullmatch(node.value):
        yield Trap(key, node.value, "a number, or quoted text: YAML counts this by sixties")
