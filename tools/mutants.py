"""Whether the unit tests of the decision modules notice a changed line: ``bin/mutate``.

Knows what mutmut writes and which mutants count as equivalent. mutmut makes the mutants and runs
the tests; `pyproject.toml` says of which modules and which tests.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
EQUIVALENTS = Path("tests/equivalent_mutants.txt")
ENOUGH = 0.92
"""The part of all mutants that must be killed."""

_KILLED = frozenset({"killed", "timeout", "caught by type check"})
_RESULT = re.compile(r"^    (?P<name>\S+): (?P<status>.+)$", re.MULTILINE)
_NAME = re.compile(r"(?P<module>[\w.]+)\.x(?:_|ǁ(?P<of>\w+)ǁ)(?P<function>\w+)__mutmut_\d+")
_HUNK = re.compile(r"@@ -(\d+)")


@dataclass(frozen=True, slots=True)
class Change:
    """What a mutant changes: a file, a function or ``Class.method``, lines before and after."""

    file: str
    function: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"- {line}" for line in self.before] + [f"+ {line}" for line in self.after]
        return "\n".join((f"{self.file} {self.function}", *lines))


@dataclass(frozen=True, slots=True)
class Survivor:
    """A mutant that no test killed: what it is, in which line of its file, and mutmut's word."""

    change: Change
    line: int
    status: str

    def __str__(self) -> str:
        header, *diff = str(self.change).split("\n")
        where = header.replace(" ", f":{self.line} ", 1)
        return "\n".join((f"{where}: {self.status}", *diff))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to; `stale` are entries of the list that no survivor is like."""

    killed: int
    total: int
    unknown: tuple[Survivor, ...]
    equivalent: int
    stale: tuple[Change, ...]

    @property
    def passed(self) -> bool:
        """Whether enough were killed, and the list of equivalent ones is true."""
        enough = bool(self.total) and self.killed >= ENOUGH * self.total
        return enough and not self.unknown and not self.stale

    def __str__(self) -> str:
        words = [f"{survivor}\n" for survivor in self.unknown]
        words += [f"{EQUIVALENTS}: no survivor is like this:\n{entry}\n" for entry in self.stale]
        part = f"{100 * self.killed / self.total:.1f} %" if self.total else "none"
        words.append(
            f"{self.killed} of {self.total} mutants killed ({part}; at least {100 * ENOUGH:g} %),"
            f" {self.equivalent} equivalent, {len(self.unknown)} survived"
        )
        return "\n".join(words)


def judge(
    statuses: Mapping[str, str], survivors: Iterable[Survivor], listed: Iterable[Change]
) -> Outcome:
    """Compare what survived with the list of equivalent mutants.

    Parameters
    ----------
    statuses
        mutmut's word on each mutant, by name.
    survivors
        Those that were not killed.
    listed
        The equivalent ones; each entry stands for one mutant.
    """
    left = Counter(listed)
    unknown: list[Survivor] = []
    equivalent = 0
    for survivor in survivors:
        if left[survivor.change] > 0:
            left[survivor.change] -= 1
            equivalent += 1
        else:
            unknown.append(survivor)
    killed = sum(status in _KILLED for status in statuses.values())
    return Outcome(killed, len(statuses), tuple(unknown), equivalent, tuple(left.elements()))


def equivalents(text: str) -> list[Change]:
    """Read the list: blocks of a file and a function, lines with - and +, and ``why:``.

    Raises
    ------
    ValueError
        A block lacks one of these.
    """
    blocks = re.split(r"\n\s*\n", re.sub(r"^#.*\n?", "", text, flags=re.MULTILINE).strip())
    return [_equivalent(block) for block in blocks if block]


def _equivalent(block: str) -> Change:
    header, *lines = block.splitlines()
    before = tuple(line[1:].strip() for line in lines if line.startswith("-"))
    after = tuple(line[1:].strip() for line in lines if line.startswith("+"))
    file, _, function = header.partition(" ")
    reason = [line for line in lines if re.match(r"why: \S", line)]
    if not (file.endswith(".py") and function and (before or after) and reason):
        raise ValueError(
            f"{EQUIVALENTS}: expected 'FILE FUNCTION', lines with - and +, and 'why: ...' in:\n"
            f"{block}"
        )
    return Change(file, function, before, after)


def statuses_of(results: str) -> dict[str, str]:
    """Read ``mutmut results --all true``: mutmut's word on each mutant, by its name."""
    return {match["name"]: match["status"] for match in _RESULT.finditer(results)}


def survivor_of(name: str, status: str, shown: str, source: str) -> Survivor:
    """Read ``mutmut show NAME``; `source` is the text of the mutant's file.

    Raises
    ------
    ValueError
        It is not what mutmut shows of a mutant.
    """
    told, hunk = _NAME.fullmatch(name), _HUNK.search(shown)
    if not told or not hunk:
        raise ValueError(f"mutmut shows no change of {name}: {shown[:200]!r}")
    function = ".".join(filter(None, (told["of"], told["function"])))
    lines = shown[hunk.start() :].splitlines()[1:]
    ahead = next((i for i, line in enumerate(lines) if line[:1] in ("-", "+")), 0)
    change = Change(
        told["module"].replace(".", "/") + ".py",
        function,
        tuple(line[1:].strip() for line in lines if line.startswith("-")),
        tuple(line[1:].strip() for line in lines if line.startswith("+")),
    )
    return Survivor(change, _first_line(function, source) + int(hunk[1]) - 1 + ahead, status)


def _first_line(function: str, source: str) -> int:
    """The line in which a function or ``Class.method`` begins; 1 if it is not there."""
    of, _, name = function.rpartition(".")
    scopes: Iterable[ast.stmt] = ast.parse(source).body
    if of:
        scopes = [
            node
            for scope in scopes
            if isinstance(scope, ast.ClassDef) and scope.name == of
            for node in scope.body
        ]
    return next((n.lineno for n in scopes if isinstance(n, ast.FunctionDef) and n.name == name), 1)


def known() -> list[str]:
    """The modules that are changed, by name."""
    told = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    files = (f for pattern in told["tool"]["mutmut"]["only_mutate"] for f in CHECKOUT.glob(pattern))
    return sorted(file.stem for file in files if file.stem != "__init__")


def prepare(folder: Path) -> None:
    """Make an empty folder in which mutmut finds the checkout and writes beside it alone."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for entry in CHECKOUT.iterdir():
        if not entry.name.startswith("."):
            (folder / entry.name).symlink_to(entry)


def _mutmut(folder: Path, *arguments: str) -> str:
    """Run mutmut and give what it printed.

    Raises
    ------
    RuntimeError
        It failed.
    """
    # Under CI hypothesis draws the same examples each time: a mutant's fate is no matter of luck.
    fixed = os.environ | {"CI": "true", "PYTHONHASHSEED": "0"}
    command = [str(Path(sys.executable).with_name("mutmut")), *arguments]
    done = subprocess.run(
        command, cwd=folder, env=fixed, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        raise RuntimeError(f"mutmut {arguments[0]} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def run(folder: Path, modules: Sequence[str]) -> Outcome:
    """Run the mutants of some modules, of all without any, and judge the outcome.

    Raises
    ------
    RuntimeError
        mutmut failed.
    ValueError
        A module is none of those that are changed, or the list of equivalent mutants is damaged.
    """
    if unknown := sorted({*modules}.difference(known())):
        raise ValueError(f"no module {', '.join(unknown)}; there are {', '.join(known())}")
    listed = equivalents((CHECKOUT / EQUIVALENTS).read_text(encoding="utf-8"))
    prepare(folder)
    _mutmut(
        folder, "run", "--max-children", str(os.cpu_count() or 1), *map("*.{}.x*".format, modules)
    )
    statuses = {
        name: status
        for name, status in statuses_of(_mutmut(folder, "results", "--all", "true")).items()
        if not modules or _module(name) in modules
    }
    survivors = [
        survivor_of(name, status, _mutmut(folder, "show", name), _source(name))
        for name, status in statuses.items()
        if status not in _KILLED
    ]
    asked = [entry for entry in listed if not modules or Path(entry.file).stem in modules]
    return judge(statuses, survivors, asked)


def _module(name: str) -> str:
    return name.split(".x", 1)[0].rpartition(".")[2]


def _source(name: str) -> str:
    path = CHECKOUT / (name.split(".x", 1)[0].replace(".", "/") + ".py")
    return path.read_text(encoding="utf-8")


def main(modules: Sequence[str]) -> int:
    """Say what survived; 1 if something did that is not listed, or too little was killed."""
    folder = Path(os.environ["CONDORLOOP_STATE"]) / "mutants"
    try:
        outcome = run(folder, modules)
    except (OSError, RuntimeError, ValueError) as error:
        print(f"bin/mutate: {error}", file=sys.stderr)
        return 1
    print(outcome)
    return 0 if outcome.passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
