"""A real XRootD server on loopback, the testbed's EOS: read-only, and outliving its starter."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from string import Template

from condorloop.errors import CondorloopError
from condorloop.testbed import daemons
from condorloop.testbed.prefix.prefix import Prefix

CONFIG = Template("""\
xrd.port $port
all.export /eos r/o
oss.localroot $localroot
all.adminpath $folder/admin
all.pidpath $folder/admin
# the server listens on all interfaces, there is no setting for it; others than these are cut off
xrd.allow host 127.0.0.1
xrd.allow host localhost
# names of clients are not looked up: it can take seconds where there is no name service
xrd.network nodnr norpipa
xrd.trace none
ofs.trace none
xrootd.trace none
""")

# its sockets are in folder/admin/.xrd, and a socket's name has at most 107 bytes
LONGEST_FOLDER = 80

# a client's first 20 bytes, and how long the answer is (The XRootD Protocol, "handshake")
HANDSHAKE = struct.pack(">5i", 0, 0, 0, 4, 2012)
ANSWER_LENGTH = 16


class XrootdError(CondorloopError):
    """The server does not do what it should; the message says what to do and where to look."""


class XrootdServer:
    """An XRootD server of the files below `localroot`.

    It exports ``/eos`` for reading: ``/eos/cms/x`` is the file ``<localroot>/eos/cms/x``.
    Another process stops it, or asks about it, with an `XrootdServer` of the same folder.

    XRootD cannot be bound to one interface. Whoever connects from elsewhere than this machine's
    loopback is cut off before a request is read.

    Parameters
    ----------
    folder
        Where its configuration, log and pid file are.
    localroot
        What it serves.
    prefix
        Where XRootD's executables are.
    port
        0 for that of the last start, or any free one.
    """

    def __init__(self, folder: Path, localroot: Path, prefix: Prefix, port: int = 0) -> None:
        self.folder = folder.absolute()
        self.localroot = localroot.absolute()
        self.prefix = prefix
        self._port = port

    @property
    def port(self) -> int:
        """The port; 0 if none was asked for and the server was never started."""
        if self._port:
            return self._port
        try:
            return int((self.folder / "port").read_text())
        except (OSError, ValueError):
            return 0

    @property
    def url(self) -> str:
        """What a path is appended to: ``root://127.0.0.1:PORT/``."""
        return f"root://127.0.0.1:{self.port}/"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.folder / "log"

    def is_running(self) -> bool:
        """Tell whether this server runs."""
        return self._process() is not None

    def answers(self) -> bool:
        """Tell whether an XRootD server answers at this port."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(HANDSHAKE)
                return len(connection.recv(ANSWER_LENGTH, socket.MSG_WAITALL)) == ANSWER_LENGTH
        except OSError:
            return False

    def start(self, timeout: float = 15) -> None:
        """Start the server and wait until it answers; leave a running one alone.

        Raises
        ------
        XrootdError
            It cannot be started, or does not answer within `timeout` seconds.
        """
        if self.is_running():
            return
        _check_machine()
        if len(os.fsencode(self.folder)) > LONGEST_FOLDER:
            raise XrootdError(
                f"XRootD needs a folder of at most {LONGEST_FOLDER} characters,"
                f" which {self.folder} is not"
            )
        for name in ("admin", "core"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.localroot / "eos").mkdir(parents=True, exist_ok=True)
        port = self._port or _free_port(self.port)
        (self.folder / "port").write_text(f"{port}\n")
        config = CONFIG.substitute(port=port, localroot=self.localroot, folder=self.folder)
        self._config.write_text(config)
        xrootd = self.prefix.tool("xrootd")
        subprocess.run(
            [xrootd, "-b", "-c", self._config, "-l", self.log, "-s", self._pid_file],
            cwd=self.folder / "core",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            check=False,
        )
        if not daemons.wait_until(self.answers, timeout) or not self.is_running():
            self.stop()
            raise XrootdError(
                f"the XRootD server does not answer on port {port}."
                f" The end of {self.log}:\n{daemons.last_lines(self.log)}"
            )

    def stop(self, timeout: float = 10) -> None:
        """Stop the server.

        Raises
        ------
        XrootdError
            It did not end, even when killed.
        """
        process = self._process()
        if process is not None:
            family = daemons.with_descendants([process])
            ended = daemons.end(family, signal.SIGTERM, timeout)
            if not ended and not daemons.end(family, signal.SIGKILL, 5):
                raise XrootdError(f"the XRootD server (process {process.pid}) does not end")
        self._pid_file.unlink(missing_ok=True)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Let the server hang meanwhile: connections are taken, and nobody answers.

        Raises
        ------
        XrootdError
            It does not run.
        """
        process = self._process()
        if process is None:
            raise XrootdError("the XRootD server does not run")
        with daemons.paused(daemons.with_descendants([process])):
            yield

    @property
    def _config(self) -> Path:
        return self.folder / "xrootd.cfg"

    @property
    def _pid_file(self) -> Path:
        return self.folder / "xrootd.pid"

    def _process(self) -> daemons.Process | None:
        return daemons.named(self._pid_file, str(self._config))


def _check_machine() -> None:
    if os.geteuid() == 0:
        raise XrootdError(
            "XRootD does not run as root: start this as an ordinary user, or inside"
            " unshare --user --map-user=UID --map-group=GID as bin/condorloop does"
        )
    name = socket.gethostname()
    try:
        socket.getaddrinfo(name, None)
    except OSError as error:
        raise XrootdError(
            f"XRootD needs this machine's name to resolve: add '127.0.0.1 {name}' to /etc/hosts"
        ) from error


def _free_port(preferred: int) -> int:
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise XrootdError("no port is free")
