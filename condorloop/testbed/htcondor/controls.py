"""What a test does to the processes of a running pool: find, pause, kill, reconfigure them.

Knows HTCondor's daemons by the names of their executables; knows nothing of jobs' work.
"""

from __future__ import annotations

import contextlib
import functools
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from condorloop.errors import CondorloopError
from condorloop.testbed import daemons
from condorloop.testbed.htcondor import config as pool_config

CLUSTER_OF_DAGMAN = "CONDOR_ID"
"""The variable in which the schedd tells a DAGMan which job it is."""
_CONFIG_TIMEOUT = 20.0


class ControlError(CondorloopError):
    """There is no such process, or it does not do what it is told; the message says which."""


class Controls(ABC):
    """The processes of one pool.

    Names are those of HTCondor's executables without ``condor_``: ``master``, ``schedd``,
    ``startd``, ``negotiator``, ``collector``; and of each job ``shadow``, ``starter``, ``dagman``.
    """

    config: Path

    @abstractmethod
    def _family(self) -> list[daemons.Process]:
        """Give every process of the pool, jobs included."""

    @abstractmethod
    def _run(
        self, tool: str, *arguments: str, timeout: float, within: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]: ...

    def processes(self, name: str, cluster: int | None = None) -> list[daemons.Process]:
        """Give the processes of a name: of all jobs, or of one cluster's ``shadow``, ``dagman``."""
        executable = f"condor_{name}"
        words = {process: daemons.command_line(process.pid) for process in self._family()}
        return [
            process
            for process, said in words.items()
            if said
            and Path(said[0]).name == executable
            and (cluster is None or cluster in _clusters(process.pid, said))
        ]

    def process(self, name: str, cluster: int | None = None) -> daemons.Process:
        """Give the one process of a name, such as the ``schedd``.

        Raises
        ------
        ControlError
            There is none, or more than one.
        """
        found = self.processes(name, cluster)
        if len(found) != 1:
            of = "" if cluster is None else f" of cluster {cluster}"
            raise ControlError(f"the pool has {len(found)} processes condor_{name}{of}, not one")
        return found[0]

    def pause(self, name: str, cluster: int | None = None) -> None:
        """Let a process hang (SIGSTOP), as one does whose disk or network hangs.

        Raises
        ------
        ControlError
            There is no such process.
        """
        daemons.pause(self._some(name, cluster))

    def resume(self, name: str, cluster: int | None = None) -> None:
        """Let a process that hangs go on."""
        daemons.resume(self.processes(name, cluster))

    @contextlib.contextmanager
    def paused(self, name: str, cluster: int | None = None) -> Iterator[None]:
        """Let a process hang meanwhile; afterwards it goes on whatever happened.

        Raises
        ------
        ControlError
            There is no such process.
        """
        with daemons.paused(self._some(name, cluster)):
            yield

    def kill(self, name: str, cluster: int | None = None) -> None:
        """Kill a process and wait until it is gone; its parent may start another.

        Raises
        ------
        ControlError
            There is no such process.
        """
        if not daemons.end(self._some(name, cluster), signal.SIGKILL, 10):
            raise ControlError(f"condor_{name} does not end")

    @contextlib.contextmanager
    def reconfigured(self, settings: Mapping[str, str]) -> Iterator[None]:
        """Let the running pool have other settings meanwhile.

        Parameters
        ----------
        settings
            As `condorloop.testbed.htcondor.config.text` takes them.

        Raises
        ------
        ControlError
            The pool does not take them.
        """
        before = self.config.read_text()
        try:
            self.config.write_text(before + pool_config.lines(settings))
            self._reread(settings)
            yield
        finally:
            self.config.write_text(before)
            self._reread({})

    def _reread(self, settings: Mapping[str, str]) -> None:
        """Let all daemons read the configuration, and wait until those that matter did."""
        done = self._run("condor_reconfig", timeout=_CONFIG_TIMEOUT)
        if done.returncode:
            raise ControlError(f"condor_reconfig: {done.stderr.strip()}")
        for name, value in settings.items():
            taken = functools.partial(self._has, name, value)
            if not name.startswith("use ") and not daemons.wait_until(taken, _CONFIG_TIMEOUT):
                raise ControlError(f"the pool does not take {name} = {value}")

    def _has(self, name: str, value: str) -> bool:
        for asked in ("-schedd", "-startd", "-negotiator"):
            told = self._run("condor_config_val", asked, name, timeout=5)
            if told.returncode or told.stdout.strip() != value:
                return False
        return True

    def _some(self, name: str, cluster: int | None) -> list[daemons.Process]:
        found = self.processes(name, cluster)
        if not found:
            of = "" if cluster is None else f" of cluster {cluster}"
            raise ControlError(f"the pool has no process condor_{name}{of}")
        return found


def _clusters(pid: int, words: list[str]) -> set[int]:
    """Tell which job a process is for: a shadow's arguments say so, a DAGMan's environment."""
    ids = [word for word in words[1:] if word.replace(".", "", 1).isdecimal() and "." in word]
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0"):
            name, _, value = line.partition("=")
            if name == CLUSTER_OF_DAGMAN:
                ids.append(value)
    return {int(each.partition(".")[0]) for each in ids if each.partition(".")[0].isdecimal()}
