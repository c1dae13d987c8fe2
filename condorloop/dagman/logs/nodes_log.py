"""The event log of a DAG's nodes, read on each time from where it was read to.

Knows the file, and what has been read of it; what events mean, `events` knows. It holds nothing
that the file does not say: a log that is another, or shorter than it was, is read anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from condorloop.dagman.logs import job_events
from condorloop.model.jobs import JobRecord

_END = job_events.END.encode()


class NodesLog:
    """What the event log of a DAG has told so far.

    `due` are nodes that have succeeded since they were last looked at; None says that it may be
    any node, for the log is not there or has only now been found.
    """

    def __init__(self, dag_file: Path) -> None:
        self._path = job_events.nodes_log(dag_file)
        self._begin()

    def _begin(self, file: tuple[int, int] | None = None) -> None:
        self._file = file
        self._read = 0
        self._told = job_events.EventSummary()
        self.due: frozenset[str] | None = None

    @property
    def jobs(self) -> tuple[JobRecord, ...]:
        """The jobs of the DAG's nodes, in the order of their submission."""
        return self._told.jobs

    @property
    def unjudged(self) -> Mapping[str, float]:
        """The nodes whose job has ended, and when, and whose POST script has not."""
        return self._told.unjudged

    @property
    def read_to(self) -> int:
        """How far the log was read, in bytes."""
        return self._read

    def read_on(self) -> None:
        """Read what is new in the log; where nothing is, this is one look at its size."""
        try:
            found = self._path.stat()
            if self._file != (found.st_dev, found.st_ino) or found.st_size < self._read:
                self._begin((found.st_dev, found.st_ino))
            if found.st_size > self._read:
                with self._path.open("rb") as file:
                    file.seek(self._read)
                    self._take(file.read())
        except OSError:
            self._begin()

    def _take(self, new: bytes) -> None:
        """Take the events that are whole; what an event is being written of comes again."""
        whole = new.rfind(_END) + len(_END)
        if whole < len(_END):
            return
        before = len(self._told.succeeded)
        self._told.read(new[:whole].decode(errors="replace"))
        self._read += whole
        if self.due is not None:
            self.due = self.due.union(self._told.succeeded[before:])

    def looked_at(self, left: frozenset[str]) -> None:
        """Note that nodes that were due were looked at; those `left` are not done, for all that."""
        self.due = left.intersection(self._told.succeeded)
