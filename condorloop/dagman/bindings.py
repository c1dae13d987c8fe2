"""HTCondor's bindings in a process of their own, which can be ended when they do not come back.

Knows the bindings and one pipe; knows nothing of campaigns. The bindings keep Python's
interpreter lock while they wait for a daemon, so the process that calls them stands still.

Run as ``python -m condorloop.dagman.bindings FD PARENT SCHEDD``. A request is the name of a
function of `Bindings` and its arguments; the answer is ``(True, value)`` or ``(False, reason)``,
made of plain values only.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

_PR_SET_PDEATHSIG = 1
_PLAIN = (bool, int, float, str)

Ad = dict[str, bool | int | float | str]


class Bindings:
    """What the schedd is asked; an empty name means the local one."""

    def __init__(self, schedd_name: str) -> None:
        # They read HTCondor's configuration when they are imported.
        import htcondor2

        self._htcondor = htcondor2
        self._name = schedd_name

    def query(self, constraint: str, projection: list[str]) -> list[Ad]:
        """Give attributes of jobs in the queue."""
        return self._twice(lambda schedd: schedd.query(constraint, projection))

    def history(self, constraint: str, projection: list[str], since: str) -> list[Ad]:
        """Give attributes of the youngest job of the history that fits; look back to `since`."""
        return self._twice(lambda schedd: schedd.history(constraint, projection, 1, since or None))

    def submit(self, dag_file: str, options: dict[str, str | bool], initialdir: str) -> int:
        """Submit a DAG; give its cluster id."""
        description = self._htcondor.Submit.from_dag(dag_file, options)
        description["initialdir"] = initialdir
        return int(self._schedd().submit(description).cluster())

    def remove(self, cluster: int, reason: str) -> int:
        """Remove a job; give how many were removed."""
        # A reason that is no tuple is dropped.
        done = self._schedd().act(self._htcondor.JobAction.Remove, f"{cluster}.0", (reason, 0))
        return int(done["TotalSuccess"])

    def _schedd(self) -> Any:
        if not self._name:
            return self._htcondor.Schedd()
        ad = self._htcondor.Collector().locate(self._htcondor.DaemonType.Schedd, self._name)
        return self._htcondor.Schedd(ad)

    def _twice(self, question: Callable[[Any], Sequence[Any]]) -> list[Ad]:
        """Ask, and once more: the session with a schedd that was restarted fails once."""
        try:
            ads = question(self._schedd())
        except (self._htcondor.HTCondorException, OSError):
            ads = question(self._schedd())
        return [{k: v for k, v in ad.items() if type(v) in _PLAIN} for ad in ads]


def serve(pipe: Connection, schedd_name: str) -> None:
    """Answer requests until the other end of the pipe is closed."""
    bindings: Bindings | None = None
    while True:
        try:
            name, arguments = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            bindings = bindings or Bindings(schedd_name)
            answer = (True, getattr(bindings, name)(**arguments))
        except Exception as error:  # the bindings raise all sorts; each means "no answer"
            answer = (False, " ".join(str(error).split()) or type(error).__name__)
        try:
            pipe.send(answer)
        except OSError:
            return


def main(fd: int, parent: int, schedd_name: str) -> None:
    """Serve on a file descriptor; end with the process that started this one."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == parent:
        serve(Connection(fd), schedd_name)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
