"""systemd units for a site: the submitter, the renewal of its Kerberos ticket, cleaning up.

Knows unit files and how text is quoted in them. It writes nothing and asks nobody.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from condorloop.config.shipped_files import shipped
from condorloop.errors import CondorloopError
from condorloop.text import shown

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_BARE = re.compile(r"[A-Za-z0-9_./:=,+@-]+")


class Manager(StrEnum):
    """Whose systemd runs the units."""

    SYSTEM = "system"
    """The machine's."""
    USER = "user"
    """The account's own."""


class UnitError(CondorloopError):
    """A value that no unit can have."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """How the Kerberos ticket is got: from a keytab, into a file.

    `made` is the folder of the file if systemd is to make it, by its name below ``/run`` or the
    user's part of it.
    """

    keytab: Path
    principal: str
    cache: Path
    made: str | None = None

    @property
    def ccname(self) -> str:
        """The file, as ``KRB5CCNAME`` names it."""
        return f"FILE:{self.cache}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitOptions:
    """What the units are to run, and as whom.

    Attributes
    ----------
    name
        What the units' names begin with.
    account
        Who runs them; only system units name it.
    program
        The executable and the first words of every command of condorloop.
    options
        The options that every command of condorloop gets: ``--site`` and the like.
    environment
        The variables that its commands get; none of them is a secret.
    renewal
        How the ticket is renewed; None if that is somebody else's matter.
    """

    manager: Manager
    name: str
    account: str
    program: tuple[str, ...]
    options: tuple[str, ...]
    work_dir: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    renewal: Renewal | None = None


def render(wanted: UnitOptions) -> dict[str, str]:
    """Give the text of each unit, by its file's name.

    Raises
    ------
    UnitError
        A value cannot be written in a unit.
    """
    if not _NAME.fullmatch(wanted.name):
        raise UnitError(f"{shown(wanted.name)}: no name of a unit: letters, digits, _ . and -")
    environment = Environment(
        loader=FileSystemLoader(shipped("templates")),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    environment.filters |= {"words": words, "quoted": quoted, "text": specifiers_escaped}
    variables = dict(wanted.environment)
    if wanted.renewal:
        variables["KRB5CCNAME"] = wanted.renewal.ccname
    context = {
        "unit": wanted,
        "system": wanted.manager is Manager.SYSTEM,
        "environment": [f"{name}={value}" for name, value in variables.items()],
        "renewal": wanted.renewal,
    }
    kinds = ["service", "cleanup.service", "cleanup.timer"]
    if wanted.renewal:
        kinds += ["kerberos.service", "kerberos.timer"]
    return {
        _file(wanted.name, kind): environment.get_template(
            _file("condorloop", kind) + ".j2"
        ).render(context)
        for kind in kinds
    }


def to_enable(wanted: UnitOptions) -> list[str]:
    """Name the units that are enabled; they start the others."""
    kinds = ["kerberos.timer"] if wanted.renewal else []
    return [_file(wanted.name, kind) for kind in [*kinds, "cleanup.timer", "service"]]


def to_type(wanted: UnitOptions, folder: Path) -> list[str]:
    """Give the shell lines that install the units of a folder and start them."""
    system = wanted.manager is Manager.SYSTEM
    home = "/etc/systemd/system" if system else "~/.config/systemd/user"
    control = "systemctl" if system else "systemctl --user"
    files = " ".join(shlex.quote(str(folder / name)) for name in sorted(render(wanted)))
    # a user's systemd ends with the account's last login, unless it lingers
    before = (
        _folders(wanted) if system else [f"loginctl enable-linger {shlex.quote(wanted.account)}"]
    )
    return [
        *before,
        f"install -D -m 644 -t {home} {files}",
        f"{control} daemon-reload",
        f"{control} enable --now {' '.join(to_enable(wanted))}",
    ]


def _folders(wanted: UnitOptions) -> list[str]:
    """The lines that make the folders which must be there for a unit that may write to them."""
    modes = {wanted.work_dir: "2775"}
    if wanted.renewal and not wanted.renewal.made:
        modes.setdefault(wanted.renewal.cache.parent, "700")
    owner = shlex.quote(wanted.account)
    return [
        f'test -d {path} || install -d -m {mode} -o {owner} -g "$(id -gn {owner})" {path}'
        for path, mode in ((shlex.quote(str(path)), mode) for path, mode in modes.items())
    ]


def renewal(
    keytab: Path, principal: str, cache: str | None, manager: Manager, name: str, uid: int
) -> Renewal:
    """Say how a ticket is renewed.

    Parameters
    ----------
    cache
        The file of the ticket as ``KRB5CCNAME`` names it; None for one below ``/run``.

    Raises
    ------
    UnitError
        The cache is no file: any other belongs to a login, not to an account.
    """
    if cache is None:
        run = Path("/run") if manager is Manager.SYSTEM else Path(f"/run/user/{uid}")
        return Renewal(keytab, principal, run / name / "krb5cc", made=name)
    file = Path(cache.removeprefix("FILE:"))
    if not file.is_absolute():
        raise UnitError(f"{shown(cache)}: a ticket is renewed in a file, FILE: and its whole path")
    return Renewal(keytab, principal, file)


def _file(name: str, kind: str) -> str:
    return f"{name}.{kind}" if kind == "service" else f"{name}-{kind}"


def words(values: tuple[str, ...]) -> str:
    """Write as the words of a command line, in which ``$`` starts no variable.

    >>> print(words(("/bin/echo", "100 %", "$HOME")))
    /bin/echo "100 %%" "$$HOME"
    """
    program, *others = values
    return " ".join([quoted(program), *(quoted(v.replace("$", "$$")) for v in others)])


def quoted(value: object) -> str:
    r"""Write as one item of a list: an assignment, a path, a word.

    >>> print(quoted('say "50 %"'))
    "say \"50 %%\""
    """
    text = specifiers_escaped(value)
    if _BARE.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def specifiers_escaped(value: object) -> str:
    """Write as text in which ``%`` is no specifier.

    Raises
    ------
    UnitError
        It has characters that cannot be printed: a line end would begin another setting.
    """
    text = str(value)
    if not text.isprintable():
        raise UnitError(f"{shown(text)}: a unit takes printable characters only")
    return text.replace("%", "%%")
