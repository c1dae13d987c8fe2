"""A real HTCondor pool in one folder: daemons on loopback that outlive the process starting them.

Run as ``python -m condorloop.testbed.htcondor.pool up|down|status|env FOLDER``.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from condorloop.errors import CondorloopError
from condorloop.runtime.lock_file import open_lock
from condorloop.testbed import daemons
from condorloop.testbed.htcondor import config as pool_config
from condorloop.testbed.htcondor.controls import Controls
from condorloop.testbed.prefix import prefix as prefixes
from condorloop.testbed.prefix.cache import PrefixError
from condorloop.testbed.prefix.prefix import Prefix

FOLDERS = ("log", "spool", "execute", "lock", "run", "tokens.d", "passwords.d")
PRIVATE = ("tokens.d", "passwords.d")

READY = 'IsReady && STARTD_State =?= "Ready"'


class PoolError(CondorloopError):
    """The pool does not do what it should; the message says what to do and where to look."""


class Pool(Controls):
    """A personal HTCondor pool.

    Another process stops it, or asks about it, with a `Pool` of the same folder.

    Parameters
    ----------
    folder
        Where all of its state is: configuration, logs, queue, jobs.
    prefix
        Where HTCondor's executables are.
    cpus, memory_mb
        What the pool offers to jobs; may be more than the machine has.
    settings
        Configuration that goes before the pool's own.

    Attributes
    ----------
    config
        The configuration file, CONDOR_CONFIG of whoever uses the pool.
    """

    def __init__(
        self,
        folder: Path,
        prefix: Prefix,
        cpus: int = 4,
        memory_mb: int = 8192,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.config = self.folder / "condor_config"
        self.prefix = prefix
        self.cpus = cpus
        self.memory_mb = memory_mb
        self.settings = dict(settings or {})

    @property
    def log(self) -> Path:
        """The folder of the daemons' logs."""
        return self.folder / "log"

    def environment(self) -> dict[str, str]:
        """Give the variables that make HTCondor's commands and bindings talk to this pool."""
        return {
            "CONDOR_CONFIG": str(self.config),
            # condor_dagman asks for it before it reads the configuration
            "CONDOR_IDS": "0.0",
            "PATH": self.prefix.path(os.environ.get("PATH", os.defpath)),
        }

    def is_running(self) -> bool:
        """Tell whether this pool's ``condor_master`` runs."""
        return self._master() is not None

    @property
    def ready(self) -> bool:
        """Whether jobs can be submitted and would find a slot."""
        return self.is_running() and self._is_ready(1)

    def wait_ready(self, timeout: float = 30) -> None:
        """Wait until jobs can be submitted and would find a slot.

        Raises
        ------
        PoolError
            The master is gone, or the pool is not ready within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while self.is_running():
            if self._is_ready(min(2, timeout)):
                return
            if time.monotonic() > deadline:
                raise self._error(f"the HTCondor pool is not ready after {timeout:.0f} s")
        raise self._error("the HTCondor pool does not run")

    def start(self, timeout: float = 30) -> None:
        """Start the pool and wait until it is ready; leave a running one alone.

        Raises
        ------
        PoolError
            It cannot be started, or is not ready within `timeout` seconds.
        """
        if os.geteuid() == 0:
            raise PoolError(
                "HTCondor does not run root's jobs: start this as an ordinary user, or inside"
                " unshare --user --map-user=UID --map-group=GID as bin/condorloop does"
            )
        with self._locked():
            if not self.is_running():
                self._end_orphans()
                self._write_config()
                self._start_master()
            self.wait_ready(timeout)

    def stop(self, timeout: float = 20) -> None:
        """Stop the pool with all of its jobs; nothing of it runs afterwards.

        Raises
        ------
        PoolError
            Some processes did not end, even when killed.
        """
        with self._locked():
            master = self._master()
            if master is not None:
                family = daemons.with_descendants([master])
                self._shut_down(master, timeout)
                self._end(family)
            self._end_orphans()
            self._pid_file.unlink(missing_ok=True)

    def _shut_down(self, master: daemons.Process, timeout: float) -> None:
        self._run("condor_off", "-fast", "-daemon", "master", timeout=timeout)
        if not daemons.wait_until(lambda: not master.is_running(), timeout):
            daemons.end([master], signal.SIGQUIT, timeout)

    def crash(self) -> None:
        """End all of it at once, as a power cut would: daemons, jobs and DAGMans.

        `start` brings it up again, with the same queue.

        Raises
        ------
        PoolError
            Some processes did not end.
        """
        with self._locked():
            if not daemons.crash(self._family, 10):
                raise self._error("the HTCondor pool leaves processes that do not end")

    def _family(self) -> list[daemons.Process]:
        master = self._master()
        return daemons.with_descendants([*([master] if master else []), *self._ours()])

    @property
    def _pid_file(self) -> Path:
        return self.folder / "run" / "master.pid"

    def _master(self) -> daemons.Process | None:
        return daemons.named(self._pid_file, str(self._pid_file))

    def _write_config(self) -> None:
        for name in FOLDERS:
            path = self.folder / name
            path.mkdir(parents=True, exist_ok=True)
            if name in PRIVATE:
                path.chmod(0o700)
        config = pool_config.text(
            self.folder, self.prefix, self.cpus, self.memory_mb, self.settings
        )
        self.config.write_text(config)

    def _start_master(self) -> None:
        # addresses of an earlier start would send condor_who and clients to a dead port
        for address in self.log.glob(".*_address"):
            address.unlink()
        command = ("condor_master", "-pidfile", str(self._pid_file))
        done = self._run(*command, timeout=30, within=self._within())
        if done.returncode:
            raise self._error(f"condor_master does not start: {done.stderr.strip()}")
        if not daemons.wait_until(self.is_running, 10):
            raise self._error("condor_master ended at once")

    def _within(self) -> list[str]:
        """Give the command that starts the master in a world of its own, if it is to have one."""
        return []

    def _is_ready(self, seconds: float) -> bool:
        wait = f"-wait:{max(1, round(seconds))}"
        if self._run("condor_who", wait, READY, timeout=seconds + 10).returncode:
            return False
        slots = self._run("condor_status", "-af", "Name", timeout=10)
        queue = self._run("condor_q", "-totals", timeout=10)
        return slots.returncode == queue.returncode == 0 and bool(slots.stdout.strip())

    def _end(self, family: Sequence[daemons.Process]) -> None:
        left = [process for process in family if process.is_running()]
        if not daemons.wait_until(lambda: not any(p.is_running() for p in left), 5):
            left = daemons.with_descendants(p for p in left if p.is_running())
            if not daemons.end(left, signal.SIGKILL, 5):
                pids = " ".join(str(p.pid) for p in left if p.is_running())
                raise self._error(f"the HTCondor pool leaves processes that do not end: {pids}")

    def _ours(self) -> list[daemons.Process]:
        """Find the daemons by the folder on their command lines, the master gone or not."""
        ours = f"{self.folder / 'run'}/"
        return [
            process
            for process in daemons.everything()
            if any(word.startswith(ours) for word in daemons.command_line(process.pid))
        ]

    def _end_orphans(self) -> None:
        family = daemons.with_descendants(self._ours())
        if family and not daemons.end(family, signal.SIGKILL, 10):
            raise self._error("daemons of an earlier start of the HTCondor pool do not end")

    def _run(
        self, tool: str, *arguments: str, timeout: float, within: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        command = [*within, str(self.prefix.tool(tool)), *arguments]
        try:
            return subprocess.run(
                command,
                env={**os.environ, **self.environment()},
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 124, "", f"{tool} hung")

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = open_lock(self.folder / ".lock")
        except OSError as error:
            why = error.strerror or error
            raise PoolError(f"no pool can be kept in {self.folder}: {why}") from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _error(self, message: str) -> PoolError:
        logs = [self.log / name for name in ("MasterLog", "StartLog", "SchedLog")]
        log = max(logs, key=lambda path: path.stat().st_mtime if path.exists() else 0.0)
        return PoolError(f"{message}. The end of {log}:\n{daemons.last_lines(log)}")


def main(arguments: Sequence[str]) -> int:
    """Bring the pool of a folder up or down, or say how it is, or print its environment."""
    if len(arguments) != 2 or arguments[0] not in ("up", "down", "status", "env"):
        print(
            "usage: python -m condorloop.testbed.htcondor.pool up|down|status|env FOLDER",
            file=sys.stderr,
        )
        return 2
    verb, folder = arguments[0], Path(arguments[1])
    try:
        return _VERBS[verb](folder)
    except (PoolError, PrefixError) as error:
        print(f"pool: {error}", file=sys.stderr)
        return 1


def _found(folder: Path) -> Pool:
    prefix = prefixes.find()
    if prefix is None:
        raise PoolError("HTCondor is not here yet: bring the pool up first")
    return Pool(folder, prefix)


def _up(folder: Path) -> int:
    prefix = prefixes.ensure(lambda line: print(line, file=sys.stderr, flush=True))
    pool = Pool(folder, prefix)
    already = pool.is_running()
    pool.start()
    print(f"the pool {'was up' if already else 'is up'}, its state and logs in {pool.folder}")
    return 0


def _down(folder: Path) -> int:
    pool = _found(folder)
    was_up = pool.is_running()
    pool.stop()
    print("the pool is down" if was_up else "the pool was not up")
    return 0


def _status(folder: Path) -> int:
    pool = _found(folder)
    if not pool.is_running():
        print("the pool is down")
        return 1
    pool.wait_ready(10)
    print(f"the pool is up, its state and logs in {pool.folder}")
    for command in (["condor_status"], ["condor_q"]):
        subprocess.run(
            [pool.prefix.tool(command[0])], env={**os.environ, **pool.environment()}, check=False
        )
    return 0


def _env(folder: Path) -> int:
    pool = _found(folder)
    # the htcondor command is a script that needs the bindings of this Python environment
    scripts = sysconfig.get_path("scripts")
    inherited = ":".join(p for p in os.environ.get("PATH", "").split(":") if p != scripts)
    path = f"{scripts}:{pool.prefix.path(inherited)}"
    for name, value in (pool.environment() | {"PATH": path}).items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


_VERBS = {"up": _up, "down": _down, "status": _status, "env": _env}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
