"""Another machine of the testbed's pool, as far as one computer can show it.

Knows how its daemons find the pool and log in there, and what of the disk they see. It has a
user, a domain of users and a domain of files of its own; a folder that is hidden from it is an
empty one to all that runs there.
"""

from __future__ import annotations

import os
import pwd
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from condorloop.testbed.daemons import Process, end, wait_until
from condorloop.testbed.htcondor.pool import Pool, PoolError

LOGIN = "machines"
"""Who the daemons of machines with users of their own are to the pool."""

TAKES_MACHINES = {
    "SEC_DEFAULT_AUTHENTICATION_METHODS": "FS, IDTOKENS",
    "ALLOW_ADVERTISE_STARTD": f"$(THE_USER), {LOGIN}@*",
    "ALLOW_ADVERTISE_MASTER": f"$(THE_USER), {LOGIN}@*",
    "ALLOW_READ_COLLECTOR": f"$(THE_USER), {LOGIN}@*",
    # a machine that says nothing for so long is gone; 15 minutes by default
    "CLASSAD_LIFETIME": "20",
}
"""What a pool needs to be told so that machines with users of their own can join it."""


class Machine(Pool):
    """A machine whose daemons belong to another pool's.

    Parameters
    ----------
    folder
        Where all of its state is.
    pool
        The pool that it joins, which runs; to be one with `TAKES_MACHINES` if `hidden` is given.
    name
        Its name in the pool.
    daemons
        What it is there for: ``STARTD``, ``SCHEDD`` or both.
    cpus, memory_mb
        What it offers to jobs.
    hidden
        A folder of which it sees nothing. It then has a user of its own, by name and number; to
        the kernel that one is who started it.
    seen
        Folders in the hidden one that it sees all the same.
    settings
        Configuration that goes before its own.
    """

    def __init__(
        self,
        folder: Path,
        pool: Pool,
        name: str,
        daemons: Sequence[str] = ("STARTD",),
        cpus: int = 2,
        memory_mb: int = 4096,
        hidden: Path | None = None,
        seen: Sequence[Path] = (),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.pool = pool
        self.name = name
        self.daemons = tuple(daemons)
        self.hidden = hidden
        self.seen = tuple(seen)
        self._own = dict(settings or {})
        super().__init__(folder, pool.prefix, cpus, memory_mb)

    @property
    def user(self) -> str:
        """Who runs its daemons and its jobs, as it sees it."""
        ours = {os.geteuid(), 0}
        if self.hidden is None:
            return pwd.getpwuid(os.geteuid()).pw_name
        return next(p.pw_name for p in pwd.getpwall() if p.pw_uid not in ours)

    def _write_config(self) -> None:
        self.settings = self._joining() | (self._stranger() if self.hidden else {}) | self._own
        super()._write_config()
        if self.hidden:
            self._get_token()

    def _joining(self) -> dict[str, str]:
        with (self.pool.log / ".collector_address").open() as lines:
            collector = lines.readline().strip()
        return {
            "COLLECTOR_HOST": collector,
            "SHARED_PORT_PORT": "0",
            "DAEMON_LIST": ", ".join(("MASTER", "SHARED_PORT", *self.daemons)),
            "STARTD_NAME": self.name,
            "SCHEDD_NAME": f"{self.name}@",
        }

    def _stranger(self) -> dict[str, str]:
        return {
            "UID_DOMAIN": f"{self.name}.example",
            "FILESYSTEM_DOMAIN": f"{self.name}.example",
            "SEC_DEFAULT_AUTHENTICATION_METHODS": "IDTOKENS",
        }

    def _get_token(self) -> None:
        asked = self.pool._run("condor_token_create", "-identity", f"{LOGIN}@pool", timeout=20)
        if asked.returncode:
            raise PoolError(f"{self.name} gets no token of the pool: {asked.stderr.strip()}")
        file = self.folder / "tokens.d" / "pool"
        file.touch(mode=0o600)
        file.write_text(asked.stdout)

    def _within(self) -> list[str]:
        if self.hidden is None:
            return []
        stage = self.folder / "stage"
        stage.mkdir(exist_ok=True)
        user = pwd.getpwnam(self.user)
        seen = [str(s.relative_to(self.hidden)) for s in (self.folder, *self.seen)]
        return [
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            "--",
            "sh",
            "-euc",
            _HIDE,
            "sh",
            str(self.hidden),
            str(stage),
            *seen,
            "--",
            "unshare",
            "--user",
            f"--map-user={user.pw_uid}",
            f"--map-group={user.pw_gid}",
            "--",
        ]

    def _is_ready(self, seconds: float) -> bool:
        return wait_until(lambda: all(map(self._is_known, self.daemons)), seconds)

    def _is_known(self, kind: str) -> bool:
        """Tell whether the pool knows a daemon of this machine."""
        which = f'stringListIMember("{self.name}", Name, "@")'
        command = ("condor_status", f"-{kind.lower()}", "-constraint", which, "-af", "Name")
        told = self.pool._run(*command, timeout=10)
        return told.returncode == 0 and bool(told.stdout.strip())

    def _shut_down(self, master: Process, timeout: float) -> None:
        end([master], signal.SIGQUIT, timeout)


_HIDE = """
hidden=$1 stage=$2
shift 2
mount -t tmpfs none "$stage"
while [ "$1" != -- ]; do
    mkdir -p "$stage/$1"
    mount --bind "$hidden/$1" "$stage/$1"
    shift
done
shift
mount --rbind "$stage" "$hidden"
cd /
exec "$@"
"""
"""Runs a command that sees of a folder (first argument) only the folders in it that follow, up to
``--``; what it sees instead is put together in another one (second argument)."""
