"""Whose a path is: may what stands there be used and run, by owner, group and mode of its way.

Judges what `lstat` tells; the judgement is pure. The reader looks and changes nothing. Knows
nothing of what paths hold. DAGs use it on the access point, so it imports little.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
import shlex
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from condorloop.errors import CondorloopError

ROOT = 0

_ALL_IDS = ["0", "0", "4294967295"]
_OVERFLOW = 65534
_MOST_LINKS = 40
"""So many links on a way are taken for a circle, as the kernel does."""


class Untrusted(CondorloopError, PermissionError):
    """Other accounts could change what stands at a path; the message says what to type."""

    def __init__(self, objection: Objection) -> None:
        super().__init__(str(objection))
        self.objection = objection


@dataclass(frozen=True, slots=True)
class Account:
    """Whom this process works as.

    `unmapped` is the user id as which a user namespace shows all owners that it does not know; None
    outside of one.
    """

    uid: int
    groups: frozenset[int]
    unmapped: int | None = None

    @classmethod
    def here(cls) -> Account:
        """The account of this process."""
        groups = {os.getegid(), *os.getgroups()}
        if maps_all(_proc("/proc/self/uid_map")):
            return cls(os.geteuid(), frozenset(groups))
        groups.discard(_number(_proc("/proc/sys/kernel/overflowgid")))
        unmapped = _number(_proc("/proc/sys/kernel/overflowuid"))
        return cls(os.geteuid(), frozenset(groups), unmapped)


@dataclass(frozen=True, slots=True)
class Standing:
    """What `lstat` tells of a path; `owner_groups` are the groups that its owner is a member of.

    `mode` has the bits of the kind too; `links` counts the names of a file.
    """

    path: Path
    mode: int
    uid: int
    gid: int
    links: int = 1
    owner_groups: frozenset[int] = frozenset()

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link: its own mode says nothing."""
        return stat.S_ISLNK(self.mode)

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.mode)

    @property
    def sharing(self) -> int | None:
        """The group that may write into a folder; None if no group may."""
        return self.gid if self.is_folder and self.mode & stat.S_IWGRP else None

    def __str__(self) -> str:
        owner, group = account_name(self.uid), group_name(self.gid)
        return f"{self.path} (owner {owner}, group {group}, mode {stat.S_IMODE(self.mode):04o})"


@dataclass(frozen=True, slots=True)
class PathWalk:
    """What decides where a path leads: folders and links from ``/`` on, then what stands there.

    `end` is None if nothing stands there; then the last folder passed is the nearest one.
    """

    passed: tuple[Standing, ...]
    end: Standing | None


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a path is not used; `remedy` is what to type, with words after a ``#``."""

    path: Path
    words: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.words}: {self.remedy}"


def refuse(objections: Iterable[Objection]) -> None:
    """Raise the first of these objections, if there is one.

    Raises
    ------
    Untrusted
        There is one.
    """
    for objection in objections:
        raise Untrusted(objection)


def maps_all(uid_map: str) -> bool:
    """Whether a process sees the machine's own user ids, from ``/proc/self/uid_map``.

    >>> maps_all("         0          0 4294967295"), maps_all("1000 0 1")
    (True, False)
    """
    return not uid_map.strip() or any(line.split() == _ALL_IDS for line in uid_map.splitlines())


def is_shared(told: Standing, account: Account) -> bool:
    """Whether account and owner of a folder are members of the group that may write into it."""
    return told.sharing is not None and told.sharing in account.groups & told.owner_groups


def why_not_pass(told: Standing, account: Account) -> Objection | None:
    """Say why a folder or link may not lead to a place; None if it may.

    Others may write into a folder with the sticky bit, such as /tmp: they cannot rename what is
    not theirs. In a user namespace owners that it does not know count as root.
    """
    ours = told.uid in (ROOT, account.uid, account.unmapped)
    if not ours and not is_shared(told, account):
        remedy = f"ls -ld {_quoted(told)}  # name a work_dir elsewhere in the site file"
        return _of_another(told, account, remedy)
    if _all_may_write(told) and not told.mode & stat.S_ISVTX:
        words = f"{told}: every account may write there; expected: no write permission for others"
        remedy = f"{_as_owner(told, account)}chmod o-w {_quoted(told)}"
        return Objection(told.path, f"{words}, or the sticky bit", remedy)
    return None


def why_not_work(told: Standing, account: Account) -> Objection | None:
    """Say why nothing is done in a folder; None if it may be worked in.

    Another member of the account's group may have made it, if the group may write there.
    """
    if told.uid not in (ROOT, account.uid) and not is_shared(told, account):
        owner = account_name(told.uid)
        remedy = (
            f"ls -la {_quoted(told)}  # if the loop runs as {owner}, type the command as {owner}; "
            "else name another work_dir in the site file, or have root move this one away"
        )
        return _of_another(told, account, remedy, "a member of its group, if both are in it")
    return _why_open(told, account)


def why_not_use(told: Standing, account: Account, group: int | None) -> Objection | None:
    """Say why what stands in a work_dir is neither used nor run; None if it may be.

    Parameters
    ----------
    group
        Whose members may write the work_dir: what they have made is used.
    """
    if told.uid not in (ROOT, account.uid) and (group is None or group not in told.owner_groups):
        members = [] if group is None else [f"a member of group {group_name(group)}"]
        return _of_another(told, account, _move_away(told), *members)
    return _why_open(told, account)


def why_not_lock(told: Standing, account: Account, group: int | None) -> Objection | None:
    """Say why a file is not locked; None if it may be. `group` as `why_not_use` takes it."""
    what = "" if stat.S_ISREG(told.mode) else _kind(told.mode)
    if not what and told.links > 1:
        what = f"a file with {told.links} names"
    if what:
        words = f"{told}: {what}; expected: a lock file, one that has no other name"
        return Objection(told.path, words, _move_away(told))
    return why_not_use(told, account, group)


def closed_to_us(told: Standing, account: Account) -> Objection:
    """Say of a file that cannot be opened what would help."""
    me = account_name(account.uid)
    words = f"{told}: may not be opened by {me}"
    return Objection(told.path, words, f"sudo chown {me} {_quoted(told)}")


def foreign_group(told: Standing, account: Account) -> bool:
    """Whether members of a group that the account is not in may change what is in a folder."""
    known = {ROOT, *account.groups}
    sticky = told.mode & stat.S_ISVTX
    return told.sharing is not None and told.gid not in known and not sticky


def _of_another(told: Standing, account: Account, remedy: str, *others: str) -> Objection:
    wanted = list(dict.fromkeys([account_name(account.uid), account_name(ROOT), *others]))
    expected = wanted[0] if len(wanted) == 1 else f"{', '.join(wanted[:-1])} or {wanted[-1]}"
    words = f"{told}: another account could change what condorloop runs"
    return Objection(told.path, f"{words}; expected owner: {expected}", remedy)


def _why_open(told: Standing, account: Account) -> Objection | None:
    if not _all_may_write(told):
        return None
    words = f"{told}: every account may write it; expected: its owner and group alone"
    q, me = _quoted(told), account_name(account.uid)
    look = f"  # after a look at what others have made: find {q} ! -user {me}"
    return Objection(told.path, words, f"{_as_owner(told, account)}chmod o-w {q}{look}")


def _all_may_write(told: Standing) -> bool:
    return not told.is_link and bool(told.mode & stat.S_IWOTH)


def _kind(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a link"
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a named pipe" if stat.S_ISFIFO(mode) else "a device or socket"


def _as_owner(told: Standing, account: Account) -> str:
    return "" if told.uid == account.uid else "sudo "


def _move_away(told: Standing) -> str:
    return f"mv {_quoted(told)} {_quoted(told)}.not-ours  # after a look at what is in it"


def _quoted(told: Standing) -> str:
    return shlex.quote(str(told.path))


def account_name(uid: int) -> str:
    """What an account is called; ``uid 1234`` if it has no name."""
    with suppress(KeyError, OSError):
        return pwd.getpwuid(uid).pw_name
    return f"uid {uid}"


def group_name(gid: int) -> str:
    """What a group is called; ``gid 1234`` if it has no name."""
    with suppress(KeyError, OSError):
        return grp.getgrgid(gid).gr_name
    return f"gid {gid}"


class Reader:
    """Looks at paths; the groups of an account are asked for once."""

    def __init__(self, account: Account | None = None) -> None:
        self.account = account or Account.here()
        self._groups: dict[int, frozenset[int]] = {}

    def read(self, path: Path) -> Standing:
        """Look at a path itself, not at where a link leads.

        Raises
        ------
        OSError
            It is not there, or may not be looked at.
        """
        return self.of(path, path.lstat())

    def of(self, path: Path, told: os.stat_result) -> Standing:
        """Put together what the system tells of a path."""
        groups = self._groups_of(told.st_uid)
        return Standing(path, told.st_mode, told.st_uid, told.st_gid, told.st_nlink, groups)

    def way(self, path: Path) -> PathWalk:
        """Look at all that decides where a path leads.

        Raises
        ------
        OSError
            Something on it may not be looked at, or its links lead in a circle.
        """
        here, links = Path("/"), 0
        told = self.read(here)
        passed: dict[Path, Standing] = {}
        left = list(reversed(path.absolute().parts[1:]))
        while left:
            name = left.pop()
            passed[here] = told
            if name == "..":
                here = here.parent
                told = self.read(here)
                continue
            try:
                found = self.read(here / name)
            except FileNotFoundError:
                return PathWalk(tuple(passed.values()), None)
            if not found.is_link:
                here, told = found.path, found
                continue
            passed[found.path] = found
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
            target = found.path.readlink()
            if target.is_absolute():
                here = Path("/")
                told = self.read(here)
            left += [part for part in reversed(target.parts) if part != "/"]
        return PathWalk(tuple(passed.values()), told)

    def objections_to_place(self, path: Path) -> Iterator[Objection]:
        """Say why nothing is done in a folder: for each part of its way, then for itself.

        Raises
        ------
        OSError
            Something on the way may not be looked at.
        """
        way = self.way(path)
        judged = [why_not_pass(told, self.account) for told in way.passed]
        if way.end:
            judged.append(why_not_work(way.end, self.account))
        yield from (objection for objection in judged if objection)

    def objections_to_use(self, path: Path, group: int | None) -> Iterator[Objection]:
        """Say why a path in a work_dir is not used; of a link, also why it may not lead there.

        Nothing is said of what is not there, and of what cannot be looked at: it cannot be used.

        Parameters
        ----------
        group
            As `why_not_use` takes it.

        Raises
        ------
        OSError
            The file system fails.
        """
        judged: list[Objection | None] = []
        with suppress(FileNotFoundError, PermissionError):
            told = self.read(path)
            judged.append(why_not_use(told, self.account, group))
            if told.is_link and not any(judged):
                way = self.way(path)
                judged += [why_not_pass(each, self.account) for each in way.passed if each != told]
                judged += [why_not_use(way.end, self.account, group)] if way.end else []
        yield from (objection for objection in judged if objection)

    def group_of(self, folder: Path) -> int | None:
        """The group whose members work in a folder; None if none does, or it is not there."""
        try:
            return self.of(folder, folder.stat()).sharing
        except FileNotFoundError:
            return None

    def _groups_of(self, uid: int) -> frozenset[int]:
        """The groups of an owner; not asked for where nothing depends on them."""
        if uid in (ROOT, self.account.uid, self.account.unmapped):
            return frozenset()
        if uid not in self._groups:
            self._groups[uid] = _groups(uid)
        return self._groups[uid]


def _groups(uid: int) -> frozenset[int]:
    try:
        known = pwd.getpwuid(uid)
        return frozenset(os.getgrouplist(known.pw_name, known.pw_gid))
    except (KeyError, OSError):
        return frozenset()


def _proc(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except OSError:
        return ""


def _number(text: str) -> int:
    return int(text) if text.strip().isdecimal() else _OVERFLOW
