"""The operator: a person who looks at ``status.json`` now and then, and asks for what failed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

from condorloop.ledger import LedgerError
from condorloop.ledger_file import LEDGER
from condorloop.ledger_requests import Requests
from condorloop.model import RequestKind
from condorloop.rundir import read_json
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
    ) -> None:
        self._agenda = agenda
        self._rng = rng
        self._work_dir = work_dir
        self._promises = promises
        self._is_running = is_running
        self._end = end
        self._asked_at_the_end: dict[int, int] = {}

    def look(self) -> None:
        """Look at what is wrong, and ask for some of it; when the faults are over, for all."""
        over = self._agenda.now >= self._end
        self._agenda.after(600 if over else self._rng.uniform(1200, 5400), self.look)
        status = read_json(self._work_dir / "status.json")
        for run in sorted({c["run"] for c in status.get("campaigns", []) if _is_troubled(c)}):
            asked = self._asked_at_the_end.get(run, 0)
            if not over and self._rng.random() < 0.5:
                self._ask(run, everything=self._rng.random() < 0.5)
            elif over and asked < AT_THE_END and self._is_running():
                self._asked_at_the_end[run] = asked + self._ask(run, everything=True)

    def _ask(self, run: int, everything: bool) -> bool:
        """Leave a request; whether it could be left."""
        try:
            with unwatched(), Requests(self._work_dir / LEDGER) as requests:
                requests.ask(
                    RequestKind.RESUBMIT,
                    run,
                    None,
                    node=None,
                    everything=everything,
                    made_by="alice",
                    now=self._agenda.now,
                )
        except LedgerError:
            return False
        self._agenda.tell(f"-- run {run} is asked for again")
        self._promises.resubmitted(run)
        return True


def _is_troubled(campaign: dict[str, object]) -> bool:
    failed = campaign["failed_nodes"] or campaign["removed"] or campaign["quarantined"]
    return bool(failed) or campaign["state"] == "incomplete"
