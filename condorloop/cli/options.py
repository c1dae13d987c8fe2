"""What the commands have in common: options, and the configuration.

Knows how a command begins; knows nothing of what it does.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from condorloop import config
from condorloop.cli import completions
from condorloop.config.destinations import ACCEPT
from condorloop.config.loader import (
    Config,
    Known,
    NotNamed,
)
from condorloop.config.site import Site
from condorloop.ledger.connection import LedgerError
from condorloop.ledger.store import LedgerReader
from condorloop.rundir.layout import LEDGER


@dataclass(frozen=True, slots=True)
class CommonOptions:
    """What the common options say: which site, which calibrations."""

    site: Path | None
    calibrations: Path | None
    only: tuple[str, ...]

    @property
    def site_file(self) -> Path:
        """The site file that was named.

        Raises
        ------
        click.UsageError
            None was.
        """
        if self.site is None:
            raise click.UsageError(
                "which site? Name its file with --site FILE, or by CONDORLOOP_SITE; "
                f"{_shipped_site()} is one to copy"
            )
        return self.site

    def accepted(self, accept: bool) -> Callable[[str], bool]:
        """Say of which calibrations another destination is meant, with ``--accept-destination``."""
        return lambda name: accept and (not self.only or name in self.only)

    def again(self) -> tuple[str, ...]:
        """The same, as the options of another command that may run in any folder."""
        named = [(f"--{k}", str(v.absolute())) for k, v in self._files().items()]
        return tuple(w for pair in (*named, *(("-c", name) for name in self.only)) for w in pair)

    def variables(self) -> dict[str, str]:
        """The files, as the variables of a shell whose commands find them in any folder."""
        return {f"CONDORLOOP_{k.upper()}": str(v.absolute()) for k, v in self._files().items()}

    def _files(self) -> dict[str, Path]:
        files = {"site": self.site, "calibrations": self.calibrations}
        return {name: file for name, file in files.items() if file}

    def read(self) -> Config:
        """Read the configuration for what can lead to no upload: the shipped one by default.

        Raises
        ------
        ConfigError
            Anything in it is wrong.
        """
        site = self.site or _shipped_site()
        try:
            return config.load(site, self.calibrations, self.only)
        except NotNamed:
            return config.load(site, config.shipped("calibrationYAML"), self.only)

    def load(self) -> Config:
        """Read the configuration; this process and its children get the site's environment.

        Raises
        ------
        ConfigError
            Anything in it is wrong.
        NotNamed
            Nobody has named the folder of calibrations.
        click.UsageError
            Nobody has named the site file.
        """
        loaded = config.load(self.site_file, self.calibrations, self.only)
        _enter(loaded.site)
        return loaded

    def glance(self) -> Known:
        """Read the site, and the calibrations that can be used; nothing else of them matters.

        Raises
        ------
        ConfigError
            The site file is wrong.
        """
        return config.look(self.site or _shipped_site(), self.calibrations)

    def look(self) -> Known:
        """Read what a command needs that only looks: one bad YAML file hides nothing.

        Raises
        ------
        ConfigError
            The site file is wrong.
        click.UsageError
            A calibration is asked for that is neither configured nor in the ledger.
        """
        known = self.glance()
        _enter(known.site)
        if self.only:
            there = {*known.calibrations, *_ever_latched(known.site.work_dir)}
            if strange := sorted(set(self.only) - there):
                names = ", ".join(sorted(there)) or "none"
                raise click.UsageError(f"-c: no calibration {strange[0]}; there are: {names}")
        return known


def _shipped_site() -> Path:
    return config.shipped("sites") / "calibration-node.yaml"


def _enter(site: Site) -> None:
    """Give this process and its children the site's environment."""
    os.environ.update(site.environment)
    tools = map(str, site.path)
    before = os.environ.get("PATH", os.defpath).split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join(dict.fromkeys([*tools, *before]))
    os.umask(0o002)


def _ever_latched(work_dir: Path) -> frozenset[str]:
    """The calibrations that the ledger knows; none where there is no ledger."""
    with suppress(LedgerError), LedgerReader(work_dir / LEDGER) as ledger:
        return ledger.campaigns.calibrations()
    return frozenset()


def _so_far(ctx: click.Context) -> CommonOptions:
    """What the options say on a command line that is not at its end."""
    return CommonOptions(ctx.params.get("site"), ctx.params.get("calibrations"), ())


class _Run(click.IntRange):
    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        found = completions.runs(_so_far(ctx).glance).items()
        return [CompletionItem(run, help=what) for run, what in found if run.startswith(incomplete)]


RUN = _Run(1, 10**9 - 1)
"""The number of a run."""


def _calibrations(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    found = completions.calibrations(_so_far(ctx).glance)
    return [CompletionItem(name) for name in found if name.startswith(incomplete)]


def options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that all have; it gets them as `given`."""

    @click.option(
        "--site",
        type=click.Path(path_type=Path),
        envvar="CONDORLOOP_SITE",
        show_envvar=True,
        help="Site file.",
    )
    @click.option(
        "--calibrations",
        type=click.Path(path_type=Path),
        envvar="CONDORLOOP_CALIBRATIONS",
        show_envvar=True,
        help="Folder of calibration YAML files. Default: key calibrations of the site file.",
    )
    @click.option(
        "-c",
        "--calibration",
        "only",
        multiple=True,
        shell_complete=_calibrations,
        help="Only this calibration. Can be given several times.",
    )
    @wraps(command)
    def with_options(
        site: Path | None, calibrations: Path | None, only: tuple[str, ...], **others: object
    ) -> None:
        try:
            command(CommonOptions(site, calibrations, only), **others)
        except NotNamed as error:
            raise click.UsageError(str(error)) from None

    return with_options


def accepting(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the option ``--accept-destination``; it gets it as `accept`."""
    return click.option(
        ACCEPT,
        "accept",
        is_flag=True,
        help="Let payloads go where the configuration says, though this work_dir remembers "
        "another database, tag or service; -c limits it to some calibrations.",
    )(command)
