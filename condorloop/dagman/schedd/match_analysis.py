"""Why an idle job does not run: what of its requirements how many machines fulfil.

Knows ClassAds and HTCondor's matchmaking; asks no daemon. It runs in the process that has the
bindings, for which `classad2` is imported late.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

REFERENCES = ("Cpus", "Memory", "Disk", "State", "SlotType", "Requirements", "Start")
_WHEN_EMPTY = (("Cpus", "TotalSlotCpus"), ("Memory", "TotalSlotMemory"), ("Disk", "TotalSlotDisk"))
_ROOM = (("RequestCpus", "Cpus"), ("RequestMemory", "Memory"), ("RequestDisk", "Disk"))


def clauses(requirements: str) -> list[str]:
    """Take a requirements expression apart at its outermost ``&&``.

    >>> clauses('((Arch == "X86_64") && (A || (B && C)))')
    ['Arch == "X86_64"', 'A || (B && C)']
    """
    expression = _bare(requirements)
    parts = [_bare(part) for part in _split(expression)]
    if len(parts) == 1:
        return parts
    return [clause for part in parts for clause in clauses(part)]


def explain(job: Any, slots: Iterable[Any]) -> dict[str, Any]:
    """Count for an idle job which slots fulfil its requirements, as they are and when empty.

    Parameters
    ----------
    job, slots
        ClassAds.

    Returns
    -------
    dict
        Plain values: how many `slots`, how many it `fits` as they are and `fits_empty`, how many
        would refuse it by their own rule (`refuse`), the `largest` Cpus, Memory (MB), Disk (KB),
        what was `asked` of these, and of the job's `clauses` each: ``(text, slots, when empty)``.
    """
    import classad2

    told = [(text, classad2.ExprTree(text)) for text in clauses(str(job.lookup("Requirements")))]
    whole = job.lookup("Requirements")
    asked = {name: value for name, _ in _ROOM if isinstance(value := job.eval(name), int)}
    counts = [[0, 0] for _ in told]
    fits = fits_empty = refuse = number = 0
    largest = dict.fromkeys(("Cpus", "Memory", "Disk"), 0)
    for slot in slots:
        number += 1
        empty = classad2.ClassAd(dict(slot.items()))
        for now, total in _WHEN_EMPTY:
            if isinstance(most := slot.get(total), int):
                empty[now] = most
        for name, value in largest.items():
            most = empty.get(name)
            largest[name] = max(value, most if isinstance(most, int) else 0)
        for count, (_, expression) in zip(counts, told, strict=True):
            count[0] += _true(expression, job, slot)
            count[1] += _true(expression, job, empty)
        willing = "Start" not in slot or _true(slot.lookup("Start"), empty, job)
        refuse += not willing
        free = not _is_taken(slot) and _has_room(slot, asked)
        fits += willing and free and _true(whole, job, slot)
        fits_empty += willing and _has_room(empty, asked) and _true(whole, job, empty)
    return {
        "slots": number,
        "fits": fits,
        "fits_empty": fits_empty,
        "refuse": refuse,
        "largest": largest,
        "asked": asked,
        "clauses": [(text, *count) for (text, _), count in zip(told, counts, strict=True)],
    }


def _has_room(slot: Any, asked: Mapping[str, int]) -> bool:
    """Whether a slot has what a job asks for; a job's requirements do not say so of one core."""
    for request, has in _ROOM:
        room = slot.get(has)
        if isinstance(room, int) and room < asked.get(request, 0):
            return False
    return True


def _is_taken(slot: Any) -> bool:
    """Whether a slot that is not cut to jobs' sizes has a job: its ad has all its cores still."""
    return (
        not slot.get("PartitionableSlot", False) and slot.get("State", "Unclaimed") != "Unclaimed"
    )


def _true(expression: Any, scope: Any, target: Any) -> bool:
    try:
        return expression is True or expression.eval(scope, target) is True
    except Exception:  # an expression that cannot be evaluated matches nothing
        return False


def _bare(expression: str) -> str:
    """An expression without parentheses around the whole of it."""
    text = expression.strip()
    while text.startswith("(") and _closes_at(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _closes_at(text: str) -> int:
    depth = 0
    for at, character in _outside_strings(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return at
    return -1


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for at, character in _outside_strings(text):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(character, 0)
        if depth == 0 and text.startswith(("||", "?"), at):
            return [text]  # it binds less than &&
        if depth == 0 and text.startswith("&&", at):
            parts.append(text[start:at])
            start = at + 2
    return [*parts, text[start:]]


def _outside_strings(text: str) -> Iterator[tuple[int, str]]:
    quoted, skip = "", False
    for at, character in enumerate(text):
        if skip:
            skip = False
        elif quoted:
            skip = character == "\\"
            quoted = "" if character == quoted else quoted
        elif character in "\"'":
            quoted = character
        else:
            yield at, character
