"""RAW files: which there are, and what is in them.

Knows `xrdfs`, `edmFileUtil` and EOS's folders; knows nothing of campaigns. An outage is told
from an empty folder: xrdfs's own exit codes and messages do so.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from condorloop.cmssw import CmsswError
from condorloop.lumis import Lumis
from condorloop.site import StorageSite

_LISTED = re.compile(r"^-\S+ +\S+ +\S+ +(\d+) +\S+ +\S+ +(/.*)$")
_DIRECTORY = re.compile(r"^d\S+ .* /.*$")
_LUMI_ROW = re.compile(r"^ *(\d+) +(\d+) +(\d+) *$")
_NOT_FOUND_EXIT = 54
_NO_SERVER_EXIT = 51
_NOT_FOUND = "[3011]"


class StorageUnavailable(Exception):
    """Storage gave no answer, or none that can be understood: it says nothing about files.

    With `everywhere` the server itself did not answer, so that asking for other folders is of no
    use.
    """

    def __init__(self, message: str, *, everywhere: bool = False) -> None:
        super().__init__(message)
        self.everywhere = everywhere


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a RAW file: events by run and LS, or why it cannot be read.

    `transient` says that another try may go better; `answered` is False when the tool could not
    be asked at all, which says nothing about the file.
    """

    events: Mapping[int, Mapping[int, int]]
    error: str = ""
    transient: bool = False
    answered: bool = True

    def lumis(self, run: int) -> Lumis:
        """The LS of one run."""
        return Lumis.of(self.events.get(run, {}))


def run_folder(stream: str, run: int) -> str:
    """The folder of a run: its number as nine digits in threes.

    >>> run_folder("/eos/cms/RAW/Express-v1", 398600)
    '/eos/cms/RAW/Express-v1/000/398/600'
    """
    digits = f"{run:09d}"
    return f"{stream}/{digits[:3]}/{digits[3:6]}/{digits[6:]}"


def parse_listing(text: str) -> dict[str, int]:
    """Read the output of ``xrdfs ls -l -R``: path to size in bytes of each ``.root`` file.

    Raises
    ------
    StorageUnavailable
        A line is neither of a file nor of a directory.
    """
    files = {}
    for line in filter(None, text.split("\n")):
        if match := _LISTED.match(line):
            files[match[2]] = int(match[1])
        elif not _DIRECTORY.match(line):
            raise StorageUnavailable(f"xrdfs lists what cannot be understood: {line[:80]!r}")
    return {path: size for path, size in files.items() if path.endswith(".root")}


def parse_contents(output: str, exit_code: int) -> Contents:
    """Read what ``edmFileUtil --eventsInLumis FILE`` printed and how it ended.

    The tool's messages are those of IOPool/Common/bin/EdmFileUtil.cpp in cms-sw/cmssw.
    """
    if exit_code:
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        told = next((x for x in lines if _is_message(x)), lines[-1] if lines else "no message")
        error = f"edmFileUtil, exit {exit_code}: {told}"
        return Contents({}, error, transient="Could not open file" in output)
    events: dict[int, dict[int, int]] = {}
    for line in output.splitlines():
        if match := _LUMI_ROW.match(line):
            run, lumi, count = map(int, match.groups())
            of_run = events.setdefault(run, {})
            of_run[lumi] = of_run.get(lumi, 0) + count
    if not events:
        return Contents({}, "edmFileUtil lists no lumisection")
    return Contents(events)


def _is_message(line: str) -> bool:
    return line.startswith("ERR") or "autorecovered" in line or "appears to be missing" in line


class Storage:
    """The XRootD server of a site.

    Parameters
    ----------
    site
        Where it is and which tools ask it.
    environment
        Gives the CMSSW environment that `edmFileUtil` runs in.
    on_probed
        Called from another thread whenever a probe has ended.
    """

    def __init__(
        self,
        site: StorageSite,
        environment: Callable[[], Mapping[str, str]],
        on_probed: Callable[[], None] = lambda: None,
    ) -> None:
        self._site = site
        self._environment = environment
        self._on_probed = on_probed
        self._pool = ThreadPoolExecutor(site.probes_at_once, thread_name_prefix="probe")
        self._probes: dict[str, Future[Contents]] = {}
        self._running: set[subprocess.Popen[bytes]] = set()

    def url(self, path: str) -> str:
        """The URL of a path on the server.

        >>> Storage(StorageSite(url="root://eoscms.cern.ch"), dict).url("/eos/f.root")
        'root://eoscms.cern.ch//eos/f.root'
        """
        return f"{self._site.url.rstrip('/')}/{path}"

    def list_run(self, stream: str, run: int) -> dict[str, int]:
        """List the RAW files of a run in all of its block folders: path to size in bytes.

        A folder that is not there yet has no files.

        Raises
        ------
        StorageUnavailable
            The server did not answer, or refused.
        """
        server = self._site.url.removeprefix("root://").rstrip("/")
        command = [self._site.xrdfs, server, "ls", "-l", "-R", run_folder(stream, run)]
        seconds = str(max(1, int(self._site.timeout)))
        limits = {
            "XRD_CONNECTIONWINDOW": seconds,
            "XRD_CONNECTIONRETRY": "1",
            "XRD_REQUESTTIMEOUT": seconds,
            "XRD_STREAMTIMEOUT": seconds,
        }
        try:
            code, out, err = self._run(command, os.environ | limits, self._site.timeout)
        except subprocess.TimeoutExpired as error:
            message = f"{' '.join(command)}: no answer in {self._site.timeout:g} s"
            raise StorageUnavailable(message, everywhere=True) from error
        except OSError as error:
            raise StorageUnavailable(
                f"{error.filename}: {error.strerror}", everywhere=True
            ) from error
        if code == _NOT_FOUND_EXIT and _NOT_FOUND in err:
            return {}
        if code:
            said = " ".join(err.split()) or "no message"
            message = f"{' '.join(command)}: exit {code}: {said}"
            raise StorageUnavailable(message, everywhere=code == _NO_SERVER_EXIT)
        return parse_listing(out)

    def probe(self, path: str) -> Contents:
        """Ask `edmFileUtil` which lumisections a file holds."""
        command = [self._site.edm_file_util, "--eventsInLumis", self.url(path)]
        try:
            environment = self._environment()
        except CmsswError as error:
            return Contents({}, str(error), True, answered=False)
        try:
            code, out, err = self._run(command, environment, self._site.probe_timeout)
        except subprocess.TimeoutExpired:
            limit = f"{self._site.probe_timeout:g} s"
            return Contents({}, f"edmFileUtil took more than {limit}", transient=True)
        except OSError as error:
            return Contents({}, f"{command[0]}: {error.strerror}", True, answered=False)
        return parse_contents((out + err).replace(self.url(path), ""), code)

    def start_probe(self, path: str) -> None:
        """Probe a file in the background, unless that is under way."""
        if path not in self._probes:
            future = self._pool.submit(self.probe, path)
            self._probes[path] = future
            future.add_done_callback(lambda _: self._on_probed())

    def probed(self) -> dict[str, Contents]:
        """Take the results of the probes that have ended since the last call."""
        ended = {path: f for path, f in self._probes.items() if f.done()}
        results = {}
        for path, future in ended.items():
            del self._probes[path]
            error = future.exception()
            results[path] = Contents({}, str(error), transient=True) if error else future.result()
        return results

    @property
    def probing(self) -> int:
        """How many probes are under way, or ended and not taken."""
        return len(self._probes)

    def close(self) -> None:
        """Start no more probes, and end those that run."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in list(self._running):
            _end(process)

    def _run(
        self, command: list[str], env: Mapping[str, str], timeout: float
    ) -> tuple[int, str, str]:
        """Run a command in a process group of its own; at the time limit all of it is ended."""
        process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._running.add(process)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            process.communicate()
            raise
        finally:
            self._running.discard(process)
        return process.returncode, out.decode(errors="replace"), err.decode(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
