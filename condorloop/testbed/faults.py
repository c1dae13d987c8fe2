"""Faults that a scenario or a test asks for, from when on, how often, and for whom.

Imports the standard library only: the CMSSW stand-ins ask it each time they start.
"""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

SCOPE = ("calibration", "run", "step", "ls", "resource")
"""The attributes of a fault that narrow it; one that is None narrows nothing."""

JOBS = ("cmsrun", "upload_conditions", "conddb")
"""The targets that are programs; the others are services."""

Scope = Mapping[str, Collection[object]]
"""What a call touches, by the names in `SCOPE`."""


class OmsMode(StrEnum):
    """The ways in which the testbed's OMS fails."""

    CONNECTION_ERROR = "connection_error"
    """The connection is closed without an answer."""
    TIMEOUT = "timeout"
    """No answer for a long time, then the connection is closed."""
    HTTP_ERROR = "http_error"
    """The status that the fault names, with a page in HTML."""
    MALFORMED_JSON = "malformed_json"
    """The right answer, cut in the middle."""
    REDIRECT = "redirect"
    """302 to a login page."""
    UNAUTHORIZED = "unauthorized"
    """401."""
    HTML = "html"
    """200 with a page in HTML."""
    WRONG_SHAPE = "wrong_shape"
    """JSON that is not an answer of OMS."""
    NULLS = "nulls"
    """The right rows, each attribute null."""
    EMPTY = "empty"
    """The right form of an answer, with no rows."""
    CUT = "cut"
    """The right answer, the connection closed in the middle of it."""


class ConditionsMode(StrEnum):
    """The ways in which the testbed's conditions service fails."""

    UNAVAILABLE = "unavailable"
    """503, at sign-in and upload alike."""
    HTTP_ERROR = "http_error"
    """The status that the fault names, at sign-in and upload alike."""
    INVALID_CREDENTIALS = "invalid_credentials"
    """At sign-in, the answer to a wrong password."""
    CUT = "cut"
    """The connection is closed before the upload is taken."""
    LOST_ANSWER = "lost_answer"
    """The upload is taken, but the connection is closed without an answer."""
    CUT_ANSWER = "cut_answer"
    """The upload is taken, the connection closed in the middle of the answer."""
    HANG = "hang"
    """No answer to an upload for a long time; it is not taken."""
    TOO_LATE = "too_late"
    """The upload is rejected as a tag of synchronization pcl does."""
    SKIPPED = "skipped"
    """No tag takes the upload: the service says that it skipped each."""


SIGN_IN_MODES = frozenset(
    {ConditionsMode.UNAVAILABLE, ConditionsMode.HTTP_ERROR, ConditionsMode.INVALID_CREDENTIALS}
)
UPLOAD_MODES = frozenset(ConditionsMode) - {ConditionsMode.INVALID_CREDENTIALS}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes
    ----------
    target
        ``oms``, ``conditions``, ``cmsrun``, ``upload_conditions`` or ``conddb``.
    mode
        An `OmsMode`, a `ConditionsMode`, ``exit_code`` for cmsrun and upload_conditions; for cmsrun
        also ``no_output``, ``truncated_output``, ``cut_report``, ``lost_lumi``, ``signal``,
        ``hang``, ``memory``, and ``veto``: a harvest finds its constants out of bounds and writes
        none; ``outage``, ``hang`` and ``lag`` for conddb.
    at
        Seconds after the start of the play, at speed 1.
    times
        How many calls it hits; None is all of them.
    lasts
        Seconds, at speed 1, for which it hits; None is no end.
    status, exit_code, message
        What the failing call shows.
    signal, memory_mb, seconds
        What kills the job, how much memory it takes; for how long it does so, or hangs, or how far
        a replica lags behind.
    calibration, run, step, ls, resource
        Whom it hits: `step` is step2, step3 or step4; `ls` a lumisection of a file that the job
        reads, which ``lost_lumi`` loses; `resource` one of OMS's, such as ``runs`` or
        ``runs/meta``.
    """

    target: str
    mode: str
    at: float = 0.0
    times: int | None = 1
    status: int | None = None
    exit_code: int | None = None
    message: str | None = None
    calibration: str | None = None
    run: int | None = None
    step: str | None = None
    resource: str | None = None
    ls: int | None = None
    signal: int | None = None
    seconds: float | None = None
    memory_mb: int | None = None
    lasts: float | None = None


@dataclass(frozen=True, slots=True)
class Armed:
    """A fault that waits: not `due` before that time (epoch, seconds), `left` times still.

    From `until` on it is over.
    """

    fault: Fault
    due: float
    left: int | None
    until: float | None = None

    @classmethod
    def of(cls, fault: Fault, started_at: float = 0.0, speed: float = 1.0) -> Armed:
        """Arm `fault` for a play that started at `started_at` and runs at `speed`."""
        due = started_at + fault.at / speed
        until = None if fault.lasts is None else due + fault.lasts / speed
        return cls(fault, due, fault.times, until)

    def hits(self, target: str, now: float, scope: Scope) -> bool:
        """Tell whether a call on `target` that touches the values in `scope` fails now."""
        narrowed = {name: getattr(self.fault, name) for name in SCOPE}
        return (
            self.fault.target == target
            and self.due <= now
            and (self.until is None or now < self.until)
            and all(v is None or v in scope.get(name, ()) for name, v in narrowed.items())
        )


def take(
    armed: list[Armed],
    target: str,
    now: float,
    scope: Scope,
    chosen: Callable[[Fault], bool] = lambda fault: True,
) -> tuple[Fault | None, list[Armed]]:
    """Find the first fault that hits; return it, and what is armed after it was used once."""
    for i, each in enumerate(armed):
        if each.hits(target, now, scope) and chosen(each.fault):
            rest = [] if each.left == 1 else [replace(each, left=each.left and each.left - 1)]
            return each.fault, [*armed[:i], *rest, *armed[i + 1 :]]
    return None, armed


class Faults:
    """The faults of jobs, in a folder that the testbed and every job share.

    Parameters
    ----------
    folder
        Made when the first fault is armed; one that is missing means no faults.
    """

    def __init__(self, folder: Path | str) -> None:
        self._folder = Path(folder)
        self._file = self._folder / "armed.json"

    def arm(self, faults: Iterable[Fault], started_at: float, speed: float = 1.0) -> None:
        """Add the faults of a play; those of services are left out, which have their own."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            new = [Armed.of(f, started_at, speed) for f in faults if f.target in JOBS]
            self._write([*self._read(), *new])

    def clear(self) -> None:
        """Disarm everything."""
        if self._file.exists():
            with self._locked():
                self._write([])

    @property
    def armed(self) -> list[Armed]:
        """What waits to be used."""
        return self._read()

    def due(
        self,
        target: str,
        now: float | None = None,
        *,
        calibration: str | None = None,
        run: int | None = None,
        step: str | None = None,
    ) -> Fault | None:
        """Use up one time of the first fault that hits this call, if there is one.

        Parameters
        ----------
        target
            ``cmsrun``, ``upload_conditions`` or ``conddb``.
        now
            Epoch, seconds; the clock's if absent.
        calibration, run, step
            What the call is for.
        """
        scope: Scope = {"calibration": [calibration], "run": [run], "step": [step]}
        return self._take(target, time.time() if now is None else now, scope)

    def of_job(
        self, calibration: str, run: int, step: str, *, lumis: Collection[int], first: bool
    ) -> Fault | None:
        """Use up one time of the first fault that hits a cmsRun job at a file that it reads.

        Parameters
        ----------
        calibration, run, step
            What the job is for.
        lumis
            The lumisections in the file.
        first
            Whether it is the job's first; only there do faults hit that name no lumisection.
        """
        scope: Scope = {"calibration": [calibration], "run": [run], "step": [step], "ls": lumis}
        return self._take("cmsrun", time.time(), scope, lambda f: first or f.ls is not None)

    def _take(
        self,
        target: str,
        now: float,
        scope: Scope,
        chosen: Callable[[Fault], bool] = lambda fault: True,
    ) -> Fault | None:
        if not self._file.exists():
            return None
        with self._locked():
            fault, rest = take(self._read(), target, now, scope, chosen)
            if fault:
                self._write(rest)
            return fault

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read(self) -> list[Armed]:
        if not self._file.exists():
            return []
        rows: list[dict[str, Any]] = json.loads(self._file.read_text())
        return [Armed(**{**row, "fault": Fault(**row["fault"])}) for row in rows]

    def _write(self, armed: list[Armed]) -> None:
        whole = self._file.with_name(".armed.json")
        whole.write_text(json.dumps([asdict(each) for each in armed], indent=1))
        whole.rename(self._file)
