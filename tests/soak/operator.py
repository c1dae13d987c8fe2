"""The operator: a person who looks at ``status.json`` now and then, and asks for this and that.

He asks for what failed, holds runs for a while, and in the end releases all that is on hold. Some
never ask for files that were given up (``--include-quarantined``): all that is good must be taken
without that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

from condorloop.ledger.store import LedgerError, open_requests
from condorloop.model.enums import RequestKind
from condorloop.model.problem import ProblemKind
from condorloop.model.request import Request
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import LEDGER
from tests.soak.promises import Promises
from tests.soak.story import Agenda
from tests.soak.tripwire import unwatched

AT_THE_END = 2
"""How often each run is asked for when the faults are over: some files can never be processed."""


class Operator:
    """Someone who has other work, until the day is over at `end`."""

    def __init__(
        self,
        agenda: Agenda,
        rng: Random,
        work_dir: Path,
        promises: Promises,
        is_running: Callable[[], bool],
        end: float,
        on_release: Callable[[], None],
        *,
        thorough: bool,
    ) -> None:
        self._agenda = agenda
        self._rng = rng
        self._work_dir = work_dir
        self._promises = promises
        self._is_running = is_running
        self._end = end
        self._on_release = on_release
        self._thorough = thorough
        self._asked_at_the_end: dict[int, int] = {}

    def look(self) -> None:
        """Look at what is wrong, and ask for some of it; when the faults are over, for all."""
        over = self._agenda.now >= self._end
        self._agenda.after(600 if over else self._rng.uniform(1200, 5400), self.look)
        status = read_json(self._work_dir / "status.json")
        campaigns, held = status.get("campaigns", []), runs_on_hold(status)
        for run in sorted(held):
            if over or self._rng.random() < 0.5:
                self._release(run)
        for run in sorted({c["run"] for c in campaigns if _is_open(c)} - held):
            if not over and self._rng.random() < 0.1:
                self._hold(run)
        self._look_at_uploads(campaigns, over)
        for run in sorted({c["run"] for c in campaigns if _is_troubled(c)} - held):
            asked = self._asked_at_the_end.get(run, 0)
            if not over and self._rng.random() < 0.5:
                self._resubmit(run, self._thorough and self._rng.random() < 0.5)
            elif over and asked < AT_THE_END and self._is_running():
                self._asked_at_the_end[run] = asked + self._resubmit(run, self._thorough)

    def _look_at_uploads(self, campaigns: list[dict[str, Any]], over: bool) -> None:
        """Hold the uploads of some open runs for a while, and have some payload sent again."""
        held = {c["run"] for c in campaigns if c["uploads_held_by"]}
        for run in sorted(held):
            if over or self._rng.random() < 0.7:
                self._ask(RequestKind.RELEASE, run, only_uploads=True)
        for run in sorted({c["run"] for c in campaigns if _is_open(c)} - held):
            if not over and self._rng.random() < 0.3:
                self._ask(RequestKind.HOLD, run, only_uploads=True, reason="a tag is changed")
            elif not over and self._rng.random() < 0.1:
                self._ask(RequestKind.RESUBMIT, run, send_again="")

    def _resubmit(self, run: int, include_quarantined: bool) -> bool:
        left = self._ask(RequestKind.RESUBMIT, run, include_quarantined=include_quarantined)
        if left:
            self._promises.resubmitted(run)
        return left

    def _hold(self, run: int) -> None:
        if self._ask(RequestKind.HOLD, run, running=self._rng.random() < 0.3):
            self._promises.hold_asked(run)

    def _release(self, run: int) -> None:
        if self._ask(RequestKind.RELEASE, run):
            self._promises.release_asked(run)
            self._on_release()

    def _ask(self, kind: RequestKind, run: int, **options: Any) -> bool:
        """Leave a request; whether it could be left."""
        try:
            with unwatched(), open_requests(self._work_dir / LEDGER) as requests:
                requests.add(
                    Request(kind, run, made_by="alice", made_at=self._agenda.now, **options)
                )
        except LedgerError:
            return False
        self._agenda.tell(f"-- {kind} {run} is asked for")
        return True


def _is_open(campaign: dict[str, object]) -> bool:
    return campaign["state"] in ("active", "closing")


def runs_on_hold(status: Mapping[str, Any]) -> set[int]:
    """The runs of which ``status.json`` says that a campaign, a DAGMan or a job is on hold."""
    campaigns, problems = status.get("campaigns", ()), status.get("problems", ())
    held = {c["run"] for c in campaigns if c["held_by"] or c["jobs"].get("held")}
    return held | {p["run"] for p in problems if p["kind"] == ProblemKind.HELD and p["job"]}


def _is_troubled(campaign: dict[str, object]) -> bool:
    failed = campaign["failed_nodes"] or campaign["removed"] or campaign["quarantined"]
    return bool(failed) or campaign["state"] == "incomplete"
