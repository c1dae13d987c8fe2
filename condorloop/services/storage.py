"""RAW files: which there are, and what is in them.

Knows `xrdfs`, `edmFileUtil` and EOS's folders; knows nothing of campaigns. An outage is told
from an empty folder: xrdfs's own exit codes and messages do so.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, Thread

from condorloop.config.site import StorageSite
from condorloop.runtime import subprocesses
from condorloop.services.cmssw import CmsswError
from condorloop.services.edm_file_util import Contents, parse_contents
from condorloop.services.xrdfs import (
    Listing,
    StorageUnavailable,
    XrdfsAnswer,
    parse_listing,
    parse_names,
    parse_stat,
    run_folder,
    unusable_name,
)
from condorloop.text import one_line

__all__ = ["Contents", "Storage", "StorageUnavailable", "parse_contents", "unusable_name"]

_PATHS_AT_ONCE = 200
_SECONDS_TO_DIE = 1.0
_MOST_ODD_LINES = 1000
_LISTINGS_KEPT = 100

log = logging.getLogger(__name__)


class Storage:
    """The XRootD server of a site.

    Parameters
    ----------
    site
        Where it is and which tools ask it.
    environment
        Gives the CMSSW environment that `edmFileUtil` runs in.
    on_probed
        Called from another thread when the last of the probes that are under way has ended: what
        comes of files that came together is decided at once.
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
        self._read: dict[str, tuple[str, Listing]] = {}
        self._odd: dict[tuple[str, int], tuple[str, ...]] = {}
        self._odd_told: set[str] = set()
        self._threads: list[Thread] = []
        self._queue: SimpleQueue[str | None] = SimpleQueue()
        self._probes: dict[str, Contents | None] = {}
        self._under_way = 0
        self._lock = Lock()
        self._closed = False
        self._running: set[subprocess.Popen[bytes]] = set()

    def url(self, path: str) -> str:
        """The URL of a path on the server.

        >>> Storage(StorageSite(url="root://eoscms.cern.ch"), dict).url("/eos/f.root")
        'root://eoscms.cern.ch//eos/f.root'
        """
        return f"{self._site.url.rstrip('/')}/{path}"

    def list_run(self, stream: str, run: int) -> Mapping[str, int]:
        """List the RAW files of a run in all of its block folders: path to size in bytes.

        As long as the server says the very same, the very same mapping is given. A folder that
        is not there yet has no files. xrdfs leaves out a folder that it cannot read, and ends
        well: then the folders are asked for one by one.

        Raises
        ------
        StorageUnavailable
            The server did not answer, or refused; or it listed a part only: then the error's
            `files` are those that it did list.
        """
        folder = run_folder(stream, run)
        deadline = time.monotonic() + self._site.timeout
        answer = self._ask(deadline, "ls", "-l", "-R", folder)
        if answer.not_there:
            self._note_odd(stream, run, ())
            return {}
        if answer.code:
            raise StorageUnavailable(f"{self._server}: ls {folder}: {answer}")
        if not answer.partial:
            listing, missing = self._parsed(answer.out, folder), ""
        else:
            listing, missing = self._walk(folder, deadline)
        self._note_odd(stream, run, listing.odd)
        if missing:
            raise StorageUnavailable(
                f"{self._server} lists only a part of {folder}: {missing}", files=listing.files
            )
        return listing.files

    def _parsed(self, text: str, folder: str) -> Listing:
        """Read a listing, unless it is what was read last, to the last character."""
        with self._lock:
            before, listing = self._read.pop(folder, ("", None))
        if listing is None or before != text:
            listing = parse_listing(text, folder)
        with self._lock:
            self._read[folder] = (text, listing)
            if len(self._read) > _LISTINGS_KEPT:
                del self._read[next(iter(self._read))]
        return listing

    def folders(self, path: str) -> tuple[str, ...] | None:
        """List the folders in a folder; None if it is not there.

        Raises
        ------
        StorageUnavailable
            The server did not answer, or refused.
        """
        answer = self._ask(time.monotonic() + self._site.timeout, "ls", "-l", path)
        if answer.not_there:
            return None
        if answer.code:
            raise StorageUnavailable(f"{self._server}: ls {path}: {answer}")
        return parse_listing(answer.out, path).folders

    def odd_lines(self, stream: str, run: int) -> tuple[str, ...]:
        """What the last listing of a run had that is no file that can be told by a name."""
        return self._odd.get((stream, run), ())

    def _note_odd(self, stream: str, run: int, odd: tuple[str, ...]) -> None:
        self._odd.pop((stream, run), None)
        if odd:
            self._odd[stream, run] = odd
        for line in odd:
            if line not in self._odd_told and len(self._odd_told) < _MOST_ODD_LINES:
                self._odd_told.add(line)
                said = one_line(line)
                log.warning("run %d: unusable file name in the xrdfs listing: %s", run, said)

    def _walk(self, top: str, deadline: float) -> tuple[Listing, str]:
        """List folder by folder; also say which could not be listed, and why."""
        files: dict[str, int] = {}
        odd: list[str] = []
        missing = ""
        folders = [top]
        for folder in folders:
            answer = self._ask(deadline, "ls", "-l", folder)
            if answer.not_there:
                continue
            if answer.garbled:
                part = self._by_name(folder, deadline)
            elif answer.code or answer.partial:
                missing = missing or f"{folder}: {answer}"
                continue
            else:
                part = parse_listing(answer.out, folder)
            files |= part.files
            odd += part.odd
            folders += part.folders
        return Listing(files, tuple(folders), tuple(odd)), missing

    def _by_name(self, folder: str, deadline: float) -> Listing:
        """List a folder in which a name has a line end, which breaks a listing with sizes."""
        answer = self._ask(deadline, "ls", folder)
        if answer.code:
            raise StorageUnavailable(f"{self._server}: ls {folder}: {answer}")
        names, odd = parse_names(answer.out, folder)
        files: dict[str, int] = {}
        folders: tuple[str, ...] = ()
        for i in range(0, len(names), _PATHS_AT_ONCE):
            asked = names[i : i + _PATHS_AT_ONCE]
            answer = self._ask(deadline, "stat", *asked)
            if answer.code and not answer.not_there:
                raise StorageUnavailable(f"{self._server}: stat in {folder}: {answer}")
            part = parse_stat(answer.out, asked)
            files |= part.files
            folders += part.folders
            odd += part.odd
        return Listing(files, folders, odd)

    @property
    def _server(self) -> str:
        return self._site.url.removeprefix("root://").rstrip("/")

    def _ask(self, deadline: float, *words: str) -> XrdfsAnswer:
        """Run xrdfs; an outage is raised, everything else is the caller's to judge."""
        seconds = str(max(1, int(self._site.timeout)))
        limits = {
            "XRD_CONNECTIONWINDOW": seconds,
            "XRD_CONNECTIONRETRY": "1",
            "XRD_REQUESTTIMEOUT": seconds,
            "XRD_STREAMTIMEOUT": seconds,
        }
        command = [self._site.xrdfs, self._server, *words]
        left = max(0.0, deadline - time.monotonic())
        try:
            code, out, err = self._run(command, os.environ | limits, left)
        except subprocess.TimeoutExpired as error:
            what = one_line(" ".join(command))
            message = f"{what}: no answer in {self._site.timeout:g} s"
            raise StorageUnavailable(message, everywhere=True) from error
        except OSError as error:
            message = f"{command[0]}: {error.strerror}"
            raise StorageUnavailable(message, everywhere=True) from error
        answer = XrdfsAnswer(
            code, out.decode(errors="surrogateescape"), err.decode(errors="replace")
        )
        if answer.outage:
            raise StorageUnavailable(f"{self._server}: {answer}", everywhere=True)
        return answer

    def probe(self, path: str) -> Contents:
        """Ask `edmFileUtil` which lumisections a file holds."""
        command = [self._site.edm_file_util, "--eventsInLumis", self.url(path)]
        try:
            environment = self._environment()
        except CmsswError as error:
            return Contents({}, one_line(str(error)), True, answered=False)
        try:
            code, out, err = self._run(command, environment, self._site.probe_timeout)
        except subprocess.TimeoutExpired:
            limit = f"{self._site.probe_timeout:g} s"
            return Contents({}, f"edmFileUtil took more than {limit}", transient=True)
        except OSError as error:
            return Contents({}, f"{command[0]}: {error.strerror}", True, answered=False)
        except ValueError as error:
            return Contents({}, f"its name cannot be given to a program: {error}")
        return parse_contents(
            (out + err).decode(errors="replace").replace(self.url(path), ""), code
        )

    def start_probe(self, path: str) -> None:
        """Probe a file in the background, unless its last result is awaited or not forgotten."""
        if path in self._probes:
            return
        self._probes[path] = None
        with self._lock:
            self._under_way += 1
        self._queue.put(path)
        if len(self._threads) < min(self._site.probes_at_once, len(self._probes)):
            thread = Thread(target=self._probe_queued, name="probe", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _probe_queued(self) -> None:
        while (path := self._queue.get()) is not None and not self._closed:
            try:
                contents = self.probe(path)
            except Exception as error:  # one file must not end the probing of others
                contents = Contents({}, one_line(repr(error)), True, answered=False)
            if not self._closed:
                self._probes[path] = contents
            with self._lock:
                self._under_way -= 1
                is_last = not self._under_way
            if is_last and not self._closed:
                self._on_probed()

    def probed(self) -> dict[str, Contents]:
        """Give the results of the probes that have ended, again and again until `forget`."""
        return {path: c for path, c in list(self._probes.items()) if c is not None}

    def forget(self, path: str) -> None:
        """Drop the result of a probe: it is written down, and the file may be probed anew."""
        if self._probes.get(path) is not None:
            del self._probes[path]

    @property
    def probing(self) -> int:
        """How many probes are under way, or ended and not forgotten."""
        return len(self._probes)

    def close(self) -> None:
        """Start no more probes, and end those that run; their results are dropped."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for _ in self._threads:
            self._queue.put(None)
        for process in running:
            _end(process)

    def _run(
        self, command: list[str], env: Mapping[str, str], timeout: float
    ) -> tuple[int, bytes, bytes]:
        """Run a command in a process group of its own; at the time limit all of it is ended.

        Should this process be killed, the command ends too.
        """
        if shutil.which(command[0], path=env.get("PATH")) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), command[0])
        with self._lock:
            if self._closed:
                raise OSError(0, "storage is closed")
            process = subprocess.Popen(
                [*subprocesses.tied(), *command],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            self._running.add(process)
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            _end(process)
            # a process that has left the group may hold the pipes open for ever
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=_SECONDS_TO_DIE)
            raise
        finally:
            self._running.discard(process)
        return process.returncode, out, err


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
