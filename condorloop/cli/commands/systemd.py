"""`condorloop systemd`: units that keep the loop running on a node."""

from __future__ import annotations

import getpass
import os
import pwd
import shlex
import sys
from pathlib import Path

import click
from pydantic import TypeAdapter, ValidationError

from condorloop.cli import systemd_units
from condorloop.cli.help import examples
from condorloop.cli.options import CommonOptions, options
from condorloop.cli.systemd_units import Manager, UnitError, UnitOptions
from condorloop.config.fields import Variables
from condorloop.config.loader import variables_of
from condorloop.rundir.durable import write_whole

_VARIABLES: TypeAdapter[dict[str, str]] = TypeAdapter(Variables)


@click.command(
    epilog=examples(
        "condorloop systemd --account ngt --keytab /etc/ngt.keytab --principal ngt@CERN.CH",
        "condorloop systemd --user --output units",
    )
)
@options
@click.option(
    "--system/--user",
    "system",
    default=True,
    help="Units of the machine's systemd (the default; it can isolate more), or of the "
    "systemd of your account.",
)
@click.option("--account", metavar="NAME", help="Account that runs the loop. Default: yours.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("systemd"),
    show_default=True,
    help="Folder for the units.",
)
@click.option("--name", default="condorloop", show_default=True, help="Prefix of the units' names.")
@click.option(
    "--keytab",
    type=click.Path(path_type=Path),
    help="Renew the Kerberos ticket from this keytab every hour, in the file KRB5CCNAME of the "
    "site file's environment, or else one below /run.",
)
@click.option("--principal", help="Kerberos principal of the keytab.")
@click.option(
    "-e",
    "--environment",
    "assignments",
    metavar="NAME=VALUE",
    multiple=True,
    help="Another environment variable of the units. Can be given several times.",
)
def systemd(
    given: CommonOptions,
    system: bool,
    account: str | None,
    output: Path,
    name: str,
    keytab: Path | None,
    principal: str | None,
    assignments: tuple[str, ...],
) -> None:
    """Write systemd units: the submitter, cleaning up and, with a keytab, the Kerberos ticket.

    It installs nothing; it prints the commands that do.
    """
    set_now = dict(os.environ)
    site = given.load().site
    manager = Manager.SYSTEM if system else Manager.USER
    user = _user(account)
    if bool(keytab) is not bool(principal):
        raise click.UsageError("--keytab and --principal go together")
    try:
        cache = site.environment.get("KRB5CCNAME")
        wanted = UnitOptions(
            manager=manager,
            name=name,
            account=user.pw_name,
            program=(sys.executable, "-m", "condorloop"),
            options=given.again(),
            work_dir=site.work_dir,
            environment=_asked_for(given.site_file, set_now) | _assigned(assignments),
            renewal=systemd_units.renewal(
                keytab.absolute(), principal, cache, manager, name, user.pw_uid
            )
            if keytab and principal
            else None,
        )
        written = systemd_units.render(wanted)
    except UnitError as error:
        raise click.UsageError(str(error)) from error
    output.mkdir(parents=True, exist_ok=True)
    for file, text in written.items():
        write_whole(output / file, text)
        click.echo(f"# {output / file}")
    click.echo(f"# Look at them, then type{', as root' if system else ''}:")
    for line in systemd_units.to_type(wanted, output.absolute()):
        click.echo(line)
    variables = " ".join(f"{k}={shlex.quote(v)}" for k, v in given.variables().items())
    if variables:
        click.echo(f"# For your shell, that its commands see the same: export {variables}")
    if wanted.renewal:
        click.echo(f"# The ticket, for your shell and for jobs: KRB5CCNAME={wanted.renewal.ccname}")


def _user(account: str | None) -> pwd.struct_passwd:
    name = account or getpass.getuser()
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        raise click.UsageError(f"--account: {name}: nobody here has this name") from None
    if user.pw_uid == 0:
        raise click.UsageError("HTCondor runs no jobs of root: --account names who runs the loop")
    return user


def _asked_for(site_file: Path, set_now: dict[str, str]) -> dict[str, str]:
    asked = ["CONDOR_CONFIG", *variables_of(site_file.read_text("utf-8"))]
    return {name: set_now[name] for name in asked if name in set_now}


def _assigned(assignments: tuple[str, ...]) -> dict[str, str]:
    pairs = [assignment.partition("=") for assignment in assignments]
    try:
        return _VARIABLES.validate_python({name: value for name, _, value in pairs})
    except ValidationError as error:
        [first, *_] = error.errors()
        raise click.UsageError(f"--environment: {first['msg']}") from None
