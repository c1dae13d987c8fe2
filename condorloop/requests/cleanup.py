"""`condorloop cleanup`: files past their retention time deleted."""

from __future__ import annotations

from dataclasses import dataclass

from condorloop.ledger.store import LedgerReader
from condorloop.model.enums import RequestKind
from condorloop.model.request import ALL_RUNS, Request
from condorloop.requests.command import Command, Plan, Step
from condorloop.requests.context import Context, NotDone, NotYet


@dataclass(frozen=True, slots=True)
class DeleteExpired(Step):
    """Delete files of one run or all, of one calibration or all."""

    run: int
    calibration: str | None

    @property
    def about(self) -> str:
        """Nothing: the description says it all."""
        return ""

    def describe(self) -> str:
        """Say whose files are deleted."""
        runs = "all runs" if self.run == ALL_RUNS else f"run {self.run}"
        whose = f"{self.calibration}, {runs}" if self.calibration else runs
        return f"delete files past their retention time of {whose}"

    def carry_out(self, request: Request, context: Context, now: float) -> str:
        """Delete a part; what is left is for the next cycle."""
        cleaner = context.cleaner
        which = (self.run, self.calibration)
        total = cleaner.clean_on_request(request.id, context.config, now, *which)
        if total is None:
            raise NotYet("more files are to be deleted")
        if errors := [f"{key}: {error}" for key, error in cleaner.errors.items()]:
            raise NotDone("; ".join([f"{total} removed", *errors]))
        return f"{total} removed"


class Cleanup(Command):
    """Delete files of closed campaigns past their retention time: of all runs, or of each RUN.

    Retention times are set in the section retention of a calibration's YAML file, or of the site
    file's defaults. What is not named there is kept. The submitter does the same by itself, a
    little each minute. Nothing is deleted of a campaign that is open, is inside its window, or has
    a DAG in the queue. Payloads are deleted only with the whole run directory.
    """

    kind = RequestKind.CLEANUP
    examples = ("cleanup --dry-run", "cleanup 398600 398603")
    several_runs = True
    only_stops = True
    in_parts = True

    def plan(self, request: Request, ledger: LedgerReader) -> Plan:
        """Delete what may go; which files, the disk says."""
        return Plan((DeleteExpired(request.run, request.calibration),))


COMMAND = Cleanup()
