"""The faults of the testbed's HTTP services, in the memory of their process.

Knows which faults wait and for whom; how each is shown is its service's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable
from enum import StrEnum
from typing import ClassVar

from condorloop.testbed.faults import Armed, ConditionsMode, Fault, OmsMode, Scope, take


class ServiceFaults:
    """The faults of one service.

    Parameters
    ----------
    clock
        Gives the epoch in seconds.
    """

    target: ClassVar[str]
    modes: ClassVar[type[StrEnum]]

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._injected: list[Armed] = []
        self._scheduled: list[Armed] = []

    def inject(
        self,
        mode: str,
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
        mode = self.modes(mode)
        shown = status if mode.value == "http_error" else None
        fault = Fault(self.target, mode, times=times, status=shown, run=run, resource=resource)
        with self._lock:
            self._injected.append(Armed.of(fault))

    def schedule(
        self,
        faults: Iterable[Fault],
        started_at: float,
        speed: float = 1.0,
        *,
        resumed: bool = False,
    ) -> None:
        """Take over the faults of a play, in place of the last one's; those of others are left.

        Parameters
        ----------
        faults, started_at, speed
            The play's.
        resumed
            Whether another process played it until now: what was due in the past, and not without
            limit, counts as used.
        """
        armed = [Armed.of(f, started_at, speed) for f in faults if f.target == self.target]
        now = self._clock()
        with self._lock:
            self._scheduled = [
                each for each in armed if not resumed or each.left is None or each.due > now
            ]

    def clear(self) -> None:
        """Disarm everything."""
        with self._lock:
            self._injected, self._scheduled = [], []

    @property
    def armed(self) -> list[Armed]:
        """What waits to be used."""
        with self._lock:
            return [*self._injected, *self._scheduled]

    def take(
        self, resource: str, runs: Collection[int] = (), modes: Collection[str] | None = None
    ) -> Fault | None:
        """Use up one time of the first fault that hits a request for `resource` about `runs`.

        With `modes`, only of a fault of one of these.
        """
        scope: Scope = {"resource": [resource], "run": runs}

        def chosen(fault: Fault) -> bool:
            return modes is None or fault.mode in modes

        with self._lock:
            now = self._clock()
            fault, self._injected = take(self._injected, self.target, now, scope, chosen)
            if fault is None:
                fault, self._scheduled = take(self._scheduled, self.target, now, scope, chosen)
            return fault


class OmsFaults(ServiceFaults):
    """The faults of the testbed's OMS."""

    target = "oms"
    modes = OmsMode


class ConditionsFaults(ServiceFaults):
    """The faults of the testbed's conditions service; resources are ``token``, ``uploadFile``."""

    target = "conditions"
    modes = ConditionsMode
