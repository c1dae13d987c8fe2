"""What the commands have in common: options, the configuration, a submitter of their own.

Knows how a command begins; knows nothing of what it does.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

import click

from condorloop import config, logs
from condorloop.config import Config
from condorloop.ledger_file import LEDGER
from condorloop.lock import sole_submitter
from condorloop.recovery import open_ledger
from condorloop.submitter import Submitter

RUN = click.IntRange(1, 10**9 - 1)
"""The number of a run."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the common options say: which site, which calibrations."""

    site: Path | None
    calibrations: Path | None
    only: tuple[str, ...]

    def load(self) -> Config:
        """Read the configuration, and let this process and its children see the site's tools.

        Raises
        ------
        ConfigError
            Anything in it is wrong.
        """
        loaded = config.load(
            self.site or config.shipped("sites") / "calibration-node.yaml",
            self.calibrations or config.shipped("calibrationYAML"),
            self.only,
        )
        tools = map(str, loaded.site.path)
        before = os.environ.get("PATH", os.defpath).split(os.pathsep)
        os.environ["PATH"] = os.pathsep.join(dict.fromkeys([*tools, *before]))
        os.umask(0o002)
        return loaded


def options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that all have; it gets them as `given`."""

    @click.option(
        "--site",
        type=click.Path(path_type=Path),
        envvar="CONDORLOOP_SITE",
        show_envvar=True,
        help="The site file; the shipped calibration node's by default.",
    )
    @click.option(
        "--calibrations",
        type=click.Path(path_type=Path),
        help="The folder of calibration YAML files; the shipped one by default.",
    )
    @click.option(
        "-c",
        "--calibration",
        "only",
        multiple=True,
        help="Only this calibration; may be given several times.",
    )
    @wraps(command)
    def with_options(
        site: Path | None, calibrations: Path | None, only: tuple[str, ...], **others: object
    ) -> None:
        command(Given(site, calibrations, only), **others)

    return with_options


@contextmanager
def submitter(
    loaded: Config, verbose: bool = False, *, one_pass: bool = False
) -> Iterator[Submitter]:
    """Open the ledger and a submitter on it, the only one of its work_dir.

    Raises
    ------
    AlreadyRunning
        There is another one.
    LedgerError
        The ledger cannot be used.
    """
    work_dir = loaded.site.work_dir
    work_dir.mkdir(parents=True, exist_ok=True)
    with sole_submitter(work_dir, one_pass=one_pass):
        logs.start(work_dir, loaded.calibrations, verbose=verbose)
        path = work_dir / LEDGER
        with open_ledger(path, loaded.calibrations, time.time()) as ledger:
            ours = Submitter(loaded, ledger)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, ours.interrupt)
            try:
                yield ours
            finally:
                ours.close()
