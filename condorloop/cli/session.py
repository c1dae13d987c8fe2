"""How a command becomes the only submitter of a work_dir.

Knows lock, logs, ledger and signals; knows nothing of what the submitter is wanted for.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from condorloop.config.loader import Config
from condorloop.ledger.trial import refuse_unfit_sqlite
from condorloop.recovery.rebuild import open_ledger
from condorloop.rundir.layout import LEDGER
from condorloop.rundir.work_dir import close_to_others, prepare
from condorloop.runtime import logs
from condorloop.runtime.lock import sole_submitter
from condorloop.submitter import Submitter

log = logging.getLogger(__name__)


@contextmanager
def submitter(
    loaded: Config,
    verbose: bool = False,
    form: logs.Format = logs.Format.PLAIN,
    *,
    one_pass: bool = False,
) -> Iterator[Submitter]:
    """Open the ledger and a submitter on it, the only one of its work_dir.

    Raises
    ------
    AlreadyRunning
        There is another one.
    LedgerError
        The ledger cannot be used, or SQLite cannot keep one.
    Untrusted
        Other accounts could change what is run in the work_dir.
    """
    work_dir = loaded.site.work_dir
    prepare(work_dir)
    with sole_submitter(work_dir, one_pass=one_pass):
        logs.start(work_dir, loaded.calibrations, verbose=verbose, form=form)
        for line in close_to_others(work_dir):
            log.warning("%s", line)
        refuse_unfit_sqlite(work_dir)
        path = work_dir / LEDGER
        with open_ledger(path, loaded.calibrations, time.time()) as ledger:
            ours = Submitter(loaded, ledger)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, ours.interrupt)
            try:
                yield ours
            finally:
                ours.close()
