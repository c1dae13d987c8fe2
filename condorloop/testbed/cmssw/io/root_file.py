"""ROOT files as the tools read and write them: events, and products a lumisection.

A RAW file has a tree ``Events``. What RECO and ALCA write has it too, with run, lumisection and
event number of each event that went in, and a tree ``LuminosityBlocks`` with sums, whose
branches are named ``<product>_<quantity>``; the names of the processes that made it; and the paths
that each of these ran, which CMSSW keeps in the trigger results.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import uproot
from numpy.typing import NDArray

from condorloop.testbed.cmssw.framework.errors import CmsError
from condorloop.testbed.cmssw.framework.fwcore import LumiRange
from condorloop.testbed.cmssw.io import reader, root_header

Columns = dict[str, NDArray[Any]]
"""Arrays of equal length by name of their branch; each may have more dimensions."""

EVENT_ID = ("run", "luminosityBlock", "event")
LUMI_ID = EVENT_ID[:2]
_HISTORY = "ProcessHistory"
_TRIGGER_RESULTS = "TriggerResults"
DEADLY = "Deadly"
"""The name of the text that marks a file whose events crash whoever processes them."""


class Unreadable(CmsError):
    """A file that ROOT gives up: empty, cut short, or no ROOT file."""


@dataclass(frozen=True, slots=True)
class Content:
    """What goes from one step to the next.

    Attributes
    ----------
    events
        `EVENT_ID` of each event that was processed, duplicates included.
    lumis
        `LUMI_ID` and the sums, one row a lumisection.
    history
        The processes that made the file, first one first.
    trigger_results
        The paths that processes ran.
    """

    events: Columns
    lumis: Columns = field(default_factory=dict)
    history: tuple[str, ...] = ()
    trigger_results: Mapping[str, Collection[str]] = field(default_factory=dict)


class RootFile:
    """An open ROOT file.

    Parameters
    ----------
    name
        As for `storage.read`.
    allow_recovery
        Go on with a file that was not closed.
    stop
        Read so many events at the most.
    wanted
        Read these lumisections alone; all if there is no range.

    Attributes
    ----------
    lost
        Lumisections that a fault makes the reader overlook.

    Raises
    ------
    CmsError
        The file cannot be opened, read, or was not closed.
    """

    def __init__(
        self,
        name: str,
        allow_recovery: bool = False,
        stop: int | None = None,
        wanted: Collection[LumiRange] = (),
    ) -> None:
        self.name = name
        self._wanted = wanted
        self.lost: frozenset[int] = frozenset()
        self._stop = stop
        data = reader.read(name)
        self.size = len(data)
        self.state = root_header.state(data)
        if self.state is root_header.State.UNREADABLE:
            error = _root_error(name, "is truncated or not a ROOT file")
            raise Unreadable("FileOpenError", error, notes=[_not_opened(name)])
        if self.state is root_header.State.NOT_CLOSED and not allow_recovery:
            error = _root_error(name, "probably not closed, trying to recover")
            raise CmsError("FileOpenError", error, notes=[_not_opened(name)])
        try:
            self._file = uproot.open(io.BytesIO(data))
        except Exception as error:  # uproot raises whatever its parsing meets
            note = f"Fatal Root Error: @SUB=TFile::Init\nFile: {name} {error}"
            raise CmsError("FileReadError", "", notes=[note]) from error

    @property
    def deadly(self) -> bool:
        """Whether the file's events crash whoever processes them."""
        return DEADLY in self.trees

    @property
    def trees(self) -> frozenset[str]:
        """The names of the trees."""
        return frozenset(self._file.keys(cycle=False))

    def branches(self, tree: str) -> frozenset[str]:
        """Give the names of a tree's branches: none if there is no tree."""
        return frozenset(self._file[tree].keys() if tree in self.trees else ())

    def columns(self, tree: str, names: Collection[str]) -> Columns:
        """Read branches of a tree, without the lumisections that are lost.

        Raises
        ------
        CmsError
            The data are damaged.
        """
        stop = self._stop if tree == "Events" else None
        selects = bool(self.lost or self._wanted)
        read = {*names, *LUMI_ID} if selects else names
        try:
            arrays = self._file[tree].arrays(
                sorted(read), library="np", entry_stop=None if selects else stop
            )
        except Exception as error:
            branches = ", ".join(sorted(set(names) - set(EVENT_ID)) or sorted(names))
            words = " ".join(str(error).split())
            raise CmsError(
                "FileReadError",
                "",
                [f"Reading branch {branches}"],
                [f"Fatal Root Error: @SUB=TBranch::GetBasket\nFile: {self.name} {words}"],
            ) from error
        if not selects:
            return dict(arrays)
        kept = np.flatnonzero(self._selected(arrays))[:stop]
        return {name: arrays[name][kept] for name in names}

    def _selected(self, rows: Columns) -> NDArray[np.bool_]:
        """Tell which rows are of lumisections that are wanted and not lost."""
        lumis = _lumi_keys(rows)
        selected = np.full(len(lumis), not self._wanted)
        for first, last in self._wanted:
            selected |= (lumis >= _lumi_key(*first)) & (lumis <= _lumi_key(*last))
        selected &= ~np.isin(rows["luminosityBlock"], sorted(self.lost))
        return selected

    def event_ids(self) -> Columns:
        """Read run, lumisection and number of the events.

        Raises
        ------
        CmsError
            There is no tree of events.
        """
        if "Events" not in self.trees:
            raise CmsError(
                "EventCorruption",
                "'Events' tree is corrupted or not present\nin the input file.",
            )
        return self.columns("Events", EVENT_ID)

    @property
    def history(self) -> tuple[str, ...]:
        """The processes that made the file; of a RAW file, what it had at the detector."""
        if _HISTORY in self.trees:
            return tuple(str(self._file[_HISTORY]).split(","))
        return ("HLT", "RECO") if "hits" in self.branches("Events") else ("HLT",)

    @property
    def trigger_results(self) -> Mapping[str, frozenset[str]]:
        """The paths that processes ran, those of the testbed alone: Tier-0's are not in a file."""
        if _TRIGGER_RESULTS not in self.trees:
            return {}
        text = json.loads(str(self._file[_TRIGGER_RESULTS]))
        return {process: frozenset(paths) for process, paths in text.items()}


def write(path: Path, content: Content) -> None:
    """Write what a step hands on.

    Raises
    ------
    CmsError
        The file cannot be written.
    """
    trees = {"Events": content.events, "LuminosityBlocks": content.lumis}
    results = {process: sorted(paths) for process, paths in content.trigger_results.items()}
    texts = {_HISTORY: ",".join(content.history), _TRIGGER_RESULTS: json.dumps(results)}
    try:
        write_trees(path, trees, texts)
    except OSError as error:
        raise CmsError(
            "FileWriteError", f"Failed to write the file '{path}': {error.strerror}"
        ) from error


def write_trees(
    path: Path,
    trees: Mapping[str, Columns],
    texts: Mapping[str, str] | None = None,
    compressed: bool = True,
) -> None:
    """Write a ROOT file of trees, those without branches left out, and of texts."""
    with uproot.recreate(path, compression=uproot.ZLIB(1) if compressed else None) as file:
        for tree, columns in trees.items():
            if columns:
                types = {name: np.dtype((v.dtype, v.shape[1:])) for name, v in columns.items()}
                file.mktree(tree, types).extend(columns)
        for name, text in (texts or {}).items():
            file[name] = text


def joined(pieces: Iterable[Columns]) -> Columns:
    """Put the rows of several pieces, all with the same branches, one after the other."""
    each = list(pieces)
    return {name: np.concatenate([piece[name] for piece in each]) for name in each[0]}


def summed(columns: Columns) -> Columns:
    """Add up the rows of each lumisection; the result is sorted by run and lumisection.

    Small integers become 64 bits wide, so that sums of them fit.
    """
    key = _lumi_keys(columns)
    order = np.argsort(key, kind="stable")
    keys, starts = np.unique(key[order], return_index=True)
    sums: Columns = {
        "run": (keys >> np.uint64(32)).astype(np.uint32),
        "luminosityBlock": (keys & np.uint64(0xFFFFFFFF)).astype(np.uint32),
    }
    for name in columns.keys() - set(EVENT_ID):
        values = columns[name]
        wide = np.uint64 if values.dtype.kind in "ub" else values.dtype
        sums[name] = np.add.reduceat(values[order], starts, axis=0, dtype=wide)
    return sums


def counted(event_ids: Columns) -> list[tuple[int, int, int]]:
    """Give run, lumisection and number of events, in the order in which they first appear."""
    key = _lumi_keys(event_ids)
    keys, first, counts = np.unique(key, return_index=True, return_counts=True)
    rows = zip(first.tolist(), keys.tolist(), counts.tolist(), strict=True)
    return [(key >> 32, key & 0xFFFFFFFF, count) for _, key, count in sorted(rows)]


def _lumi_keys(columns: Columns) -> NDArray[np.uint64]:
    runs = columns["run"].astype(np.uint64)
    keys: NDArray[np.uint64] = runs << np.uint64(32) | columns["luminosityBlock"]
    return keys


def _lumi_key(run: int, ls: int) -> np.uint64:
    return np.uint64(run << 32 | ls)


def _root_error(name: str, what: str) -> str:
    return f"Fatal Root Error: @SUB=TStorageFactoryFile::Init\nfile {name} {what}"


def _not_opened(name: str) -> str:
    return f"Input file {name} could not be opened."
