"""Faults that a scenario or a test asks for, from when on, how often, and for whom.

Imports the standard library only: the CMSSW stand-ins ask it each time they start.
"""

from __future__ import annotations

import fcntl
import json
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

SCOPE = ("calibration", "run", "step", "resource")
"""The attributes of a fault that narrow it; one that is None narrows nothing."""

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


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes
    ----------
    target
        ``oms``, ``cmsrun`` or ``upload_conditions``.
    mode
        An `OmsMode`, or ``exit_code`` for the other targets.
    at
        Seconds after the start of the play, at speed 1.
    times
        How many calls it hits; None is all of them.
    status, exit_code, message
        What the failing call shows.
    calibration, run, step, resource
        Whom it hits: `step` is step2, step3 or step4; `resource` one of OMS's, such as ``runs``
        or ``runs/meta``.
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


@dataclass(frozen=True, slots=True)
class Armed:
    """A fault that waits: not `due` before that time (epoch, seconds), `left` times still."""

    fault: Fault
    due: float
    left: int | None

    @classmethod
    def of(cls, fault: Fault, started_at: float = 0.0, speed: float = 1.0) -> Armed:
        """Arm `fault` for a play that started at `started_at` and runs at `speed`."""
        return cls(fault, started_at + fault.at / speed, fault.times)

    def hits(self, target: str, now: float, scope: Scope) -> bool:
        """Tell whether a call on `target` that touches the values in `scope` fails now."""
        narrowed = {name: getattr(self.fault, name) for name in SCOPE}
        return (
            self.fault.target == target
            and self.due <= now
            and all(v is None or v in scope.get(name, ()) for name, v in narrowed.items())
        )


def take(
    armed: list[Armed], target: str, now: float, scope: Scope
) -> tuple[Fault | None, list[Armed]]:
    """Find the first fault that hits; return it, and what is armed after it was used once."""
    for i, each in enumerate(armed):
        if each.hits(target, now, scope):
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
        """Add the faults of a play; those of OMS are left out, its server has its own."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            new = [Armed.of(f, started_at, speed) for f in faults if f.target != "oms"]
            self._write([*self._read(), *new])

    def clear(self) -> None:
        """Disarm everything."""
        if self._file.exists():
            with self._locked():
                self._write([])

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
            ``cmsrun`` or ``upload_conditions``.
        now
            Epoch, seconds; the clock's if absent.
        calibration, run, step
            What the call is for.
        """
        if not self._file.exists():
            return None
        scope: Scope = {"calibration": [calibration], "run": [run], "step": [step]}
        with self._locked():
            armed = self._read()
            fault, rest = take(armed, target, time.time() if now is None else now, scope)
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
        return [Armed(Fault(**row["fault"]), row["due"], row["left"]) for row in rows]

    def _write(self, armed: list[Armed]) -> None:
        whole = self._file.with_name(".armed.json")
        whole.write_text(json.dumps([asdict(each) for each in armed], indent=1))
        whole.rename(self._file)


class OmsFaults:
    """The faults of the testbed's OMS, in the memory of its server.

    Parameters
    ----------
    clock
        Gives the epoch in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._armed: list[Armed] = []

    def inject(
        self,
        mode: OmsMode | str,
        *,
        times: int | None = 1,
        status: int = 503,
        run: int | None = None,
        resource: str | None = None,
    ) -> None:
        """Make the next `times` requests fail, or all of them if None.

        Parameters
        ----------
        mode
            How.
        status
            For ``http_error``.
        run, resource
            Only requests that touch this run, or that go to this resource.

        Raises
        ------
        ValueError
            There is no such mode, or `times` is not positive.
        """
        if times is not None and times < 1:
            raise ValueError(f"times must be positive: {times}")
        mode = OmsMode(mode)
        shown = status if mode is OmsMode.HTTP_ERROR else None
        fault = Fault("oms", mode, times=times, status=shown, run=run, resource=resource)
        with self._lock:
            self._armed.append(Armed.of(fault))

    def schedule(self, faults: Iterable[Fault], started_at: float, speed: float = 1.0) -> None:
        """Add the faults of a play; those of other targets are left out."""
        with self._lock:
            self._armed += [Armed.of(f, started_at, speed) for f in faults if f.target == "oms"]

    def clear(self) -> None:
        """Disarm everything."""
        with self._lock:
            self._armed = []

    @property
    def armed(self) -> list[Armed]:
        """What waits to be used."""
        with self._lock:
            return list(self._armed)

    def take(self, resource: str, runs: Collection[int] = ()) -> Fault | None:
        """Use up one time of the first fault that hits a request for `resource` about `runs`."""
        scope: Scope = {"resource": [resource], "run": runs}
        with self._lock:
            fault, self._armed = take(self._armed, "oms", self._clock(), scope)
            return fault
