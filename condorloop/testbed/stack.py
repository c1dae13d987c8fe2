"""The whole testbed in one folder: brought up, played on, brought down.

Knows which parts there are and in which order they start; each part knows itself.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from condorloop.config.shipped_files import shipped
from condorloop.errors import CondorloopError
from condorloop.rundir.durable import read_json, write_whole
from condorloop.testbed import calibrations, daemons
from condorloop.testbed.cmssw.install import install
from condorloop.testbed.conditions.service import NETRC_MACHINE
from condorloop.testbed.htcondor.pool import Pool
from condorloop.testbed.prefix import prefix
from condorloop.testbed.services import PASSWORD, PLAYING, USER, Play
from condorloop.testbed.xrootd import XrootdServer

START_TIMEOUT = 30.0


class TestbedError(CondorloopError):
    """The testbed does not come up; the message says which part and where to look."""


@dataclass(frozen=True)
class Stack:
    """A testbed: pool, XRootD server, OMS, conditions service, CMSSW stand-ins.

    All of it outlives its starter; another process brings it down with a `Stack` of the same
    folder.

    Attributes
    ----------
    folder, prefix
        Where all of its state is, and where the executables are.
    cpus, settings
        As a `Pool` takes them.
    """

    folder: Path
    prefix: prefix.Prefix
    cpus: int = 6
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def pool(self) -> Pool:
        """The HTCondor pool."""
        return Pool(self.folder / "pool", self.prefix, self.cpus, settings=self.settings)

    @property
    def xrootd(self) -> XrootdServer:
        """The XRootD server that stands for EOS."""
        return XrootdServer(self.folder / "xrootd", self.folder / "eos", self.prefix)

    @property
    def site(self) -> Path:
        """The site file of this testbed."""
        return self.folder / "site.yaml"

    @property
    def calibrations(self) -> Path:
        """The folder of the calibrations that fit its conditions service."""
        return self.folder / "calibrationYAML"

    @property
    def work_dir(self) -> Path:
        """The work_dir of its submitter."""
        return self.folder / "work"

    @property
    def oms_url(self) -> str:
        """The base of OMS's API."""
        return f"http://127.0.0.1:{self._ports['oms_port']}/agg/api"

    @property
    def _ports(self) -> dict[str, int]:
        return read_json(self.folder / "services.json")

    def up(self, progress: Callable[[str], None] = lambda line: None) -> None:
        """Start every part that does not run.

        Raises
        ------
        PrefixError, PoolError, XrootdError, TestbedError
            A part does not start.
        """
        for name in ("eos/eos", "conditions", "faults", "work", "auth"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        progress("HTCondor pool")
        self.pool.start()
        progress("XRootD server")
        self.xrootd.start()
        progress("CMSSW stand-ins")
        install(
            self.folder / "cvmfs",
            sys.executable,
            self.folder / "faults",
            conditions=self.folder / "conditions" / "conditions.db",
        )
        netrc = self.folder / "auth" / ".netrc"
        netrc.touch(mode=0o600)
        netrc.write_text(f"machine {NETRC_MACHINE} login {USER} password {PASSWORD}\n")
        progress("OMS and conditions service")
        self.start_services()
        self._write_site()
        calibrations.write(self.calibrations)

    @property
    def submitter_pid(self) -> Path:
        """Where a submitter that belongs to this testbed leaves its pid."""
        return self.folder / "submitter.pid"

    def down(self) -> None:
        """Stop every part, and the submitter that was started with it."""
        if submitter := daemons.named(self.submitter_pid, str(self.site)):
            daemons.end([submitter], signal.SIGTERM, START_TIMEOUT)
        if services := self._services():
            daemons.end([services], signal.SIGTERM, START_TIMEOUT)
        self.xrootd.stop()
        self.pool.stop()

    def play(self, scenario: Path, speed: float = 1.0, after: float = 1.0) -> Play:
        """Let a scenario begin `after` seconds from now, once the services know of it.

        Raises
        ------
        TestbedError
            They do not take it up.
        """
        played = self.folder / "scenario.yaml"
        shutil.copyfile(scenario, played)
        play = Play(str(played), time.time() + after, speed)
        play.write(self.folder)
        if not daemons.wait_until(lambda: Play.of(self.folder, PLAYING) == play, START_TIMEOUT):
            said = daemons.last_lines(self.folder / "services.log")
            raise TestbedError(f"{scenario} is not played; services.log says:\n{said}")
        return play

    def kill_services(self) -> None:
        """End OMS, conditions service and player as a crash would."""
        if services := self._services():
            daemons.end([services], signal.SIGKILL, START_TIMEOUT)

    @contextlib.contextmanager
    def services_paused(self) -> Iterator[None]:
        """Let OMS, conditions service and player hang meanwhile.

        Raises
        ------
        TestbedError
            They do not run.
        """
        services = self._services()
        if services is None:
            raise TestbedError("the testbed's services do not run")
        with daemons.paused([services]):
            yield

    def _services(self) -> daemons.Process | None:
        return daemons.named(self.folder / "services.pid", str(self.folder))

    def start_services(self) -> None:
        """Start OMS, conditions service and player, on the ports that they had."""
        if self._services():
            return
        log = self.folder / "services.log"
        with log.open("a") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "condorloop.testbed.services", str(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_TIMEOUT
        while self._services() is None or not self._ports:
            if process.poll() is not None or time.monotonic() > deadline:
                said = daemons.last_lines(log)
                raise TestbedError(f"the testbed's services do not start; {log} says:\n{said}")
            time.sleep(0.05)

    def _write_site(self) -> None:
        text = (shipped("sites") / "testbed.yaml").read_text(encoding="utf-8")
        values = {
            "CONDORLOOP_TESTBED": str(self.folder),
            "CONDORLOOP_TESTBED_CALIBRATIONS": str(self.calibrations),
            "CONDORLOOP_TESTBED_BIN": str(self.prefix.bin),
            "CONDORLOOP_TESTBED_XROOTD_BIN": str(self.prefix.xrootd_bin),
            "CONDORLOOP_TESTBED_OMS_PORT": self._ports["oms_port"],
            "CONDORLOOP_TESTBED_CONDITIONS_PORT": self._ports["conditions_port"],
            "CONDORLOOP_TESTBED_XROOTD_PORT": self.xrootd.port,
        }
        write_whole(self.site, Template(text).substitute(values))

    def environment(self) -> dict[str, str]:
        """The variables with which a person's commands talk to this testbed."""
        pool = self.pool.environment()
        own = str(Path(sys.executable).parent)
        pool["PATH"] = os.pathsep.join([own, pool["PATH"]])
        return pool | {"CONDORLOOP_SITE": str(self.site)}
