"""Runs: what OMS tells of them goes into the ledger, and those that qualify are latched.

Knows what it means when OMS does not answer, or does not show what it has shown; the planner says
which runs are latched, and why others are not.
"""

from __future__ import annotations

from condorloop.config.loader import Config
from condorloop.cycle.luminosity import LuminosityReader
from condorloop.cycle.ports import RunSource
from condorloop.cycle.settings import Settings
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey, MissedRun, ReconstructionKey, Run
from condorloop.model.service import Service
from condorloop.policy import planner, window
from condorloop.policy.missed_runs import missed_runs
from condorloop.rundir.work_dir import check_dag
from condorloop.runtime.logs import say
from condorloop.runtime.shutdown import Shutdown
from condorloop.services.oms import OmsUnavailable


class Latcher:
    """Watches the runs of an OMS."""

    def __init__(self, oms: RunSource, ledger: Ledger, shutdown: Shutdown) -> None:
        self.service = Service("OMS")
        self.luminosity = LuminosityReader(oms, ledger, shutdown)
        self._oms = oms
        self._ledger = ledger
        self._shutdown = shutdown
        self._not_latched: dict[CampaignKey, str] = {}
        self._runs: list[Run] = []
        self._known: frozenset[CampaignKey] = frozenset()
        self._by_lumi: dict[str, bool] = {}

    def observe(self, config: Config, now: float) -> list[Run]:
        """Ask OMS; give what it tells of runs, none when it does not answer."""
        since = self._since(config, now)
        known = self._ledger.campaigns.open_runs(since)
        runs: list[Run] = []
        try:
            with self._shutdown.outside():
                runs = self._oms.runs(since)
            self._ledger.campaigns.update_runs(runs)
            if hidden := sorted(set(known) - {run.number for run in runs}):
                named = ", ".join(map(str, hidden))
                raise OmsUnavailable(f"it does not show run {named}, which it has shown")
            self.luminosity.observe(config.calibrations, now - window.longest(config.calibrations))
            self.service.good(now)
        except OmsUnavailable as error:
            self.service.failed(error, now)
        return runs

    def _since(self, config: Config, now: float) -> float:
        """From which start on runs are of interest: a long one may have begun before the buffer.

        So may one whose campaign nobody could close when its window ended.
        """
        by_lumi = {name: c.by_lumi for name, c in config.calibrations.items()}
        for name in by_lumi.keys() if by_lumi != self._by_lumi else ():
            self._ledger.campaigns.set_by_lumi(name, by_lumi[name])
        self._by_lumi = by_lumi
        recent = now - window.longest(config.calibrations)
        return min(recent, self._ledger.campaigns.first_start(recent) or recent)

    def say_why_not(
        self, config: Config, now: float, runs: list[Run], known: frozenset[CampaignKey]
    ) -> None:
        """Log what keeps runs from being latched, once as long as it stays the same."""
        if not runs:
            return
        self._runs, self._known = runs, known
        told, self._not_latched = self._not_latched, {}
        since = now - window.longest(config.calibrations)
        for run in (run for run in runs if run.start >= since):
            for name, calibration in config.calibrations.items():
                key = CampaignKey(name, run.number)
                reason = planner.why_not_latch(now, run, calibration)
                if key in known or not reason:
                    continue
                self._not_latched[key] = reason
                if told.get(key) != reason:
                    say(key, f"not latched: {reason}")

    def missed(self, config: Config, now: float) -> tuple[MissedRun, ...]:
        """The runs that should have been latched, as OMS last told of them."""
        return tuple(missed_runs(now, self._runs, self._known, config.calibrations))

    def latch(
        self, settings: Settings, key: CampaignKey, run: Run, reason: str, now: float
    ) -> None:
        """Open a campaign: its run directory, then its row.

        One that joins others of its stream takes the release and global tag that they have.

        Raises
        ------
        OSError
            The run directory cannot be made.
        RunConfigurationError
            The configuration of one that it joins is damaged.
        Untrusted
            A directory is there that another account could change.
        """
        stream = settings.config.stream_of(key.calibration)
        made_from = ReconstructionKey(stream.name, key.run)
        joined = self._ledger.campaigns.first_of(made_from)
        renderer = settings.renderer_of(joined) if joined else settings.renderer
        for each in (made_from, key):
            check_dag(renderer.work_dir, renderer.run_dir(each))
        renderer.begin_run(key, run.start, made_from)
        calibration = renderer.config.calibrations[key.calibration]
        self._ledger.campaigns.latch(
            key,
            stream.raw_path,
            run,
            reason,
            now,
            by_lumi=calibration.by_lumi,
            stream=stream.name,
        )
        say(key, f"latched: {reason}")
