"""Telling systemd how the loop is: sd_notify(3).

Knows the protocol, and that only who was started by systemd has somebody to tell.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress

from condorloop.model.status import Status
from condorloop.text import one_line, plural


class SystemdNotifier:
    """Tells systemd that the loop is ready, alive, about to reload or to stop.

    Parameters
    ----------
    address
        A datagram socket: a path, or ``@`` and an abstract name. Without one nothing is told. A
        socket that takes no message stops nothing: systemd sees by its own clock that none came.
    """

    def __init__(self, address: str | None) -> None:
        self._address = address
        self._ready = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> SystemdNotifier:
        """Tell who is named in an environment: ``NOTIFY_SOCKET``."""
        return cls(environment.get("NOTIFY_SOCKET"))

    def cycled(self, status: Status | None) -> None:
        """A cycle has come to its end: the loop is alive, and from the first one on ready."""
        lines = ["WATCHDOG=1"] if self._ready else ["READY=1", "WATCHDOG=1"]
        if status is not None:
            lines.append(f"STATUS={one_line(summary(status))}")
        self._ready = True
        self._tell(*lines)

    def reloading(self) -> None:
        """The configuration is about to be read anew; the next cycle's end is the end of that."""
        self._ready = False
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._tell("RELOADING=1", f"MONOTONIC_USEC={now}")

    def stopping(self) -> None:
        """The loop is about to end."""
        self._tell("STOPPING=1", "STATUS=stopping; DAGs that were submitted go on")

    def _tell(self, *lines: str) -> None:
        if not self._address or self._address[0] not in "/@":
            return
        abstract = self._address.startswith("@")
        address = f"\0{self._address[1:]}" if abstract else self._address
        with (
            suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to_systemd,
        ):
            to_systemd.setblocking(False)
            to_systemd.sendto("\n".join(lines).encode(), os.fsencode(address))


def summary(status: Status) -> str:
    """Say in a few words how the loop is.

    >>> summary(Status(site="example", time=0.0, pid=1, poll_interval=10.0))
    '0 campaigns open, no problems'
    """
    campaigns = sum(campaign.state.open for campaign in status.campaigns)
    problems = plural(len(status.problems) or "no", "problem")
    return f"{plural(campaigns, 'campaign')} open, {problems}"
