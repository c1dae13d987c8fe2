"""RAW files: ROOT files with simulated events, whole ones and bad ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum, StrEnum
from pathlib import Path

import numpy as np
import uproot

from condorloop.model.lumis import Lumis
from condorloop.testbed.cmssw.io import root_header
from condorloop.testbed.cmssw.io.root_file import DEADLY, EVENT_ID, Columns, write_trees
from condorloop.testbed.scenario import bulk_files
from condorloop.testbed.truth import Truth

_EVENT_NUMBERS_PER_LS = 1_000_000


_LIKE_EXPRESS = "Express(Physics|Cosmics|Alignment)|HLTMonitor|(?i:ALCA(LumiPixels|PPS))"
"""The streams with prompt calibrations (etc/ProdOfflineConfiguration.py of dmwm/T0)."""


class Stream(Enum):
    """A stream of RAW data, named as in its paths on EOS."""

    ECAL = "TestEnablesEcalHcal"
    """One pedestal sample a channel and event."""
    EXPRESS = "ExpressPhysics"
    """Clusters of each strip module, and one reconstructed vertex an event; so have all others."""

    @classmethod
    def of(cls, path: str) -> Stream:
        """Tell the stream from a path or a dataset's name.

        Raises
        ------
        ValueError
            The path names neither stream.
        """
        if "TestEnables" in path:
            return cls.ECAL
        if re.search(_LIKE_EXPRESS, path):
            return cls.EXPRESS
        raise ValueError(f"neither a test-enable nor an express stream: {path!r}")


EVENTS_PER_LS: Mapping[Stream, int] = {Stream.ECAL: 40, Stream.EXPRESS: 1000}
"""Events of a lumisection, in all its parts together: three lumisections give an ECAL channel
its 100 entries, ten give the 10 000 events of a SiStrip payload."""


class BadFile(StrEnum):
    """The ways in which a RAW file can be bad."""

    TRUNCATED = "truncated"
    """Cut short."""
    NOT_CLOSED = "not_closed"
    """Its writer died before it closed it."""
    NO_EVENTS = "no_events"
    """A ROOT file without a tree of events."""
    EMPTY = "empty"
    """0 bytes."""
    UNREADABLE_EVENT = "unreadable_event"
    """Whole for edmFileUtil, which reads no event's data; those of the events are damaged."""
    CRASHES = "crashes"
    """Whole for edmFileUtil; cmsRun crashes when it has opened it."""


def simulate(
    stream: Stream,
    run: int,
    lumis: Lumis,
    truth: Truth,
    part: int = 0,
    parts: int = 1,
    events_per_ls: int | None = None,
) -> Columns:
    """Give the branches of a RAW file's events.

    The parts of a lumisection share out its events: each event is in one of them, the same
    whatever the number of parts.

    Parameters
    ----------
    stream, run, lumis
        What the file holds.
    truth
        The detector that gave the data.
    part, parts
        Which part of its lumisections this is, of how many.
    events_per_ls
        In all parts together; `EVENTS_PER_LS` if absent.
    """
    number = EVENTS_PER_LS[stream] if events_per_ls is None else events_per_ls
    payload = _ecal if stream is Stream.ECAL else _express
    pieces: list[Columns] = []
    for ls in lumis:
        rng = np.random.default_rng([truth.seed, run, ls, list(Stream).index(stream)])
        event = np.arange(1, number + 1, dtype=np.uint64) + np.uint64(ls * _EVENT_NUMBERS_PER_LS)
        columns: Columns = {
            "run": np.full(number, run, np.uint32),
            "luminosityBlock": np.full(number, ls, np.uint32),
            "event": event,
            **payload(rng, truth, run, ls, number),
        }
        pieces.append({name: values[part::parts] for name, values in columns.items()})
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def write_raw_file(
    path: Path,
    stream: Stream,
    run: int,
    lumis: Lumis,
    truth: Truth,
    part: int = 0,
    parts: int = 1,
    events_per_ls: int | None = None,
) -> None:
    """Write a whole RAW file; it appears under its name when it is complete.

    Parameters are those of `simulate`; missing folders are made.
    """
    write_events(path, simulate(stream, run, lumis, truth, part, parts, events_per_ls))


def write_events(path: Path, columns: Columns, padding: int = 0) -> None:
    """Write a whole RAW file of events; `padding` bytes make it larger by that and a little."""
    with _appearing(path) as partial:
        if 0 < len(columns["event"]) <= bulk_files.MOST_EVENTS and not padding:
            partial.write_bytes(bulk_files.raw_file(columns))
        else:
            texts = {"Padding": " " * padding} if padding else {}
            write_trees(partial, {"Events": columns}, texts)


def write_bad_raw_file(
    path: Path,
    kind: BadFile | str,
    stream: Stream,
    run: int,
    lumis: Lumis,
    truth: Truth,
    part: int = 0,
    parts: int = 1,
    events_per_ls: int | None = None,
) -> None:
    """Write a RAW file that is bad in the way `kind`, instead of the whole one.

    Raises
    ------
    ValueError
        No such kind.
    """
    kind = BadFile(kind)
    columns = simulate(stream, run, lumis, truth, part, parts, events_per_ls)
    with _appearing(path) as partial:
        if kind is BadFile.EMPTY:
            partial.touch()
        elif kind is BadFile.NO_EVENTS:
            write_trees(partial, {"Runs": {"run": np.array([run], np.uint32)}})
        elif kind is BadFile.CRASHES:
            write_trees(partial, {"Events": columns}, {DEADLY: "testbed"})
        else:
            write_trees(partial, {"Events": columns})
            if kind is BadFile.UNREADABLE_EVENT:
                _damage_events(partial)
            else:
                whole = partial.read_bytes()
                cut = kind is BadFile.TRUNCATED
                partial.write_bytes(first_part(whole) if cut else root_header.left_open(whole))


def first_part(whole: bytes) -> bytes:
    """Give what is there of a file that was not written to its end."""
    return whole[: len(whole) * 3 // 5]


def _damage_events(path: Path) -> None:
    """Overwrite the compressed data of every branch but the numbers of the events."""
    places: list[tuple[int, int]] = []
    with uproot.open(path) as file:
        for name, branch in file["Events"].items():
            if name not in EVENT_ID:
                for i in range(branch.num_baskets):
                    key = branch.basket_key(i)
                    places.append((key.fSeekKey + key.fKeylen, key.fNbytes - key.fKeylen))
    with path.open("r+b") as data:
        for at, length in places:
            data.seek(at)
            data.write(b"\xff" * length)


def _ecal(rng: np.random.Generator, truth: Truth, run: int, ls: int, number: int) -> Columns:
    pedestals = truth.pedestals(run)
    samples = rng.normal(pedestals.mean, pedestals.noise, (number, len(pedestals.mean)))
    adc = np.rint(samples).clip(1, 4095).astype(np.uint16)
    adc[:, sorted(pedestals.silent)] = 0
    return {"adc": adc}


def _express(rng: np.random.Generator, truth: Truth, run: int, ls: int, number: int) -> Columns:
    rate = truth.strip_modules(run).rate
    spot = truth.beam_spot(run, ls)
    vertices = rng.normal(spot.centre, spot.width, (number, 3)).astype(np.float32)
    return {
        "hits": rng.poisson(rate, (number, len(rate))).clip(0, 255).astype(np.uint8),
        **{name: vertices[:, axis] for axis, name in enumerate(("vx", "vy", "vz"))},
    }


@contextmanager
def _appearing(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}")
    yield partial
    partial.rename(path)
