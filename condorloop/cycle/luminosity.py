"""Luminosity for the calibrations that count it: asked of OMS, kept, given to their campaigns.

Knows which runs are to be asked for, and that nobody else is; knows nothing of harvests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from condorloop.config.calibration import Calibration
from condorloop.cycle.ports import RunSource
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import Reconstruction
from condorloop.runtime.shutdown import Shutdown


class LuminosityReader:
    """What was recorded in the lumisections of runs whose campaigns count it.

    Parameters
    ----------
    oms
        Who tells.
    ledger
        Where it is written down.
    interruption
        How the process is asked to end.
    """

    def __init__(self, oms: RunSource, ledger: Ledger, shutdown: Shutdown) -> None:
        self._oms = oms
        self._ledger = ledger
        self._shutdown = shutdown

    def observe(self, calibrations: Mapping[str, Calibration], since: float) -> None:
        """Ask for what is missing of runs that started since: one request a run, if anything is.

        Raises
        ------
        OmsUnavailable
            What was told before stands, and no other run was asked for.
        """
        counting = _counting(calibrations)
        missing = self._ledger.luminosity.unmeasured(counting, since) if counting else {}
        for run, last in missing.items():
            with self._shutdown.outside():
                told = self._oms.luminosity(run, last)
            self._ledger.luminosity.add(run, told)

    def given_to(
        self, reconstructions: Sequence[Reconstruction], calibrations: Mapping[str, Calibration]
    ) -> list[Reconstruction]:
        """Give campaigns what is known of their runs, if they count it and have what to harvest.

        The others stay as they are: with nothing new, nothing is read.
        """
        counting = _counting(calibrations)
        wanting = {
            c.id: c.key.run
            for of in reconstructions
            for c in of.campaigns
            if c.key.calibration in counting and (c.waiting or c.again or c.unharvested)
        }
        known = {run: self._ledger.luminosity.of_run(run) for run in set(wanting.values())}
        return [
            replace(
                of,
                campaigns=tuple(
                    replace(c, luminosity=known[c.key.run]) if c.id in wanting else c
                    for c in of.campaigns
                ),
            )
            for of in reconstructions
        ]


def _counting(calibrations: Mapping[str, Calibration]) -> frozenset[str]:
    return frozenset(n for n, c in calibrations.items() if c.harvesting.counts_luminosity)
