"""How a command becomes the only submitter of a work_dir.

Knows lock, logs, ledger and signals; knows nothing of what the submitter is wanted for.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from condorloop.config.destinations import ACCEPT, DestinationChanged
from condorloop.config.loader import Config
from condorloop.cycle.ports import RunSource
from condorloop.dagman import destination_memory
from condorloop.ledger.health.trial import refuse_unfit_sqlite
from condorloop.recovery.rebuild import open_ledger
from condorloop.rundir.layout import LEDGER
from condorloop.rundir.work_dir import close_to_others, prepare
from condorloop.runtime import logs
from condorloop.runtime.lock import running_submitter, sole_submitter
from condorloop.submitter import Submitter, build_submitter

log = logging.getLogger(__name__)

_RUNS = (
    "a submitter runs here, and its configuration counts: name its folder with --calibrations; "
    f"or, if the other destination is meant, end it and start it with {ACCEPT}"
)


def agree(
    loaded: Config, accepted: Callable[[str], bool], *, only_stops: bool = False
) -> tuple[str, ...]:
    """Make sure that what is asked for is done with the destinations that this shell has.

    A submitter that runs does it with its own.

    Returns
    -------
    tuple of str
        What differs, if a submitter runs and what is asked for `only_stops` something.

    Raises
    ------
    DestinationChanged
        The work_dir remembers others.
    """
    if running_submitter(loaded.site.work_dir) is None:
        destination_memory.check(loaded, accepted)
        return ()
    found = destination_memory.changed(loaded)
    if found and not only_stops:
        raise DestinationChanged(found, _RUNS)
    return tuple(map(str, found))


@contextmanager
def submitter(
    loaded: Config,
    verbose: bool = False,
    form: logs.Format = logs.Format.PLAIN,
    *,
    one_pass: bool = False,
    accepted: Callable[[str], bool] = lambda _: False,
    runs: RunSource | None = None,
) -> Iterator[Submitter]:
    """Open the ledger and a submitter on it, the only one of its work_dir.

    Parameters
    ----------
    accepted
        Says of a calibration's name whether its payloads may go elsewhere than before.
    runs
        What tells of runs in the place of OMS; OMS if None.

    Raises
    ------
    AlreadyRunning
        There is another one.
    DestinationChanged
        Payloads would go elsewhere than before.
    LedgerError
        The ledger cannot be used, or SQLite cannot keep one.
    Untrusted
        Other accounts could change what is run in the work_dir.
    """
    work_dir = loaded.site.work_dir
    prepare(work_dir)
    with sole_submitter(work_dir, one_pass=one_pass):
        destination_memory.check(loaded, accepted)
        logs.start(work_dir, loaded.calibrations, verbose=verbose, form=form)
        for line in close_to_others(work_dir):
            log.warning("%s", line)
        refuse_unfit_sqlite(work_dir)
        path = work_dir / LEDGER
        with open_ledger(path, loaded, time.time()) as ledger:
            destination_memory.take_up(ledger, loaded, time.time(), accepted)
            ours = build_submitter(loaded, ledger, runs=runs)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, ours.interrupt)
            try:
                yield ours
            finally:
                ours.close()
