"""The promises, looked at after every step from the world's own books.

Knows what was really read, made and taken; of the ledger only what it decided.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from condorloop.config.loader import Config
from condorloop.ledger.store import Ledger, LedgerReader
from condorloop.ledger.updates.retries import SET_BACK
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import CampaignState
from condorloop.model.lumis import Lumis
from condorloop.model.problem import ProblemKind
from condorloop.model.status import CampaignStatus
from condorloop.monitoring.problems.campaigns import of_campaigns
from condorloop.policy.planner import why_not_latch
from condorloop.policy.window import AGAIN, LAST_CALL
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import MANIFEST, RUN_END, RUN_START, run_dir
from tests.soak.detector import SimulatedOms, TrueRun
from tests.soak.jobs import FEWEST_EVENTS, raw_in
from tests.soak.service import SimulatedService
from tests.soak.storage import SimulatedStorage, TrueFile
from tests.soak.story import Agenda, Violation

if TYPE_CHECKING:
    from tests.soak.dagman import DagMan
    from tests.soak.pool import SimulatedPool
    from tests.soak.weather import Weather

PENDING = 4 * 3600.0
"""Seconds that a person's request may wait for a submitter."""

PROMPTLY = 120.0
"""Seconds within which it is told that no job starts, or that jobs start again."""

MARGIN = 1200.0
"""Seconds before the end of a window that a file must be there to be surely taken."""


@dataclass(slots=True)
class _Book:
    """What is known of a campaign."""

    reco_of: dict[tuple[str, int], str] = field(default_factory=dict)
    latched: int = 0
    state: CampaignState | None = None
    asked_at: float = 0.0
    shown_since: float | None = None
    was_deleted: bool = False
    was_moved: bool = False
    held: bool = False
    hold_asked: bool = False


class Promises:
    """Looks on, and raises `Violation`."""

    def __init__(
        self,
        agenda: Agenda,
        config: Config,
        runs: list[TrueRun],
        oms: SimulatedOms,
        storage: SimulatedStorage,
        service: SimulatedService,
    ) -> None:
        self._agenda = agenda
        self._config = config
        self._runs = {r.number: r for r in runs}
        self._oms = oms
        self._storage = storage
        self._service = service
        self._books: dict[CampaignKey, _Book] = {}
        self.pool_failed_at = -1.0
        self.stands_told = 0
        self._ledger_is_lost = False

    def _book(self, key: CampaignKey) -> _Book:
        return self._books.setdefault(key, _Book())

    def _window_end(self, key: CampaignKey) -> float:
        """When the window ends that is surely kept: by lumisection, that of the run's last one."""
        calibration, run = self._config.calibrations[key.calibration], self._runs[key.run]
        begin = run.end if calibration.by_lumi else run.start
        return begin + calibration.closing.buffer

    def _run_dir(self, key: CampaignKey) -> Path:
        return run_dir(self._config.site.work_dir, key.calibration, key.run)

    def submitted(self, file: Path, queue: Iterable[DagMan]) -> None:
        """The schedd takes a DAG."""
        dag_id = _id_in(file)
        for other in queue:
            if other.id == dag_id or other.file == file:
                raise Violation(f"{dag_id} is submitted while it runs as {other.cluster}")
        manifest = read_json(file.parent / MANIFEST)
        key = CampaignKey(manifest["calibration"], manifest["run"])
        book = self._book(key)
        if book.held:
            raise Violation(f"{dag_id} is submitted while a person holds {key}")
        closed = book.state is not None and not book.state.open
        late = self._agenda.now - max(self._window_end(key), book.asked_at + AGAIN + PENDING)
        if closed and late > 0:
            raise Violation(f"{dag_id} is submitted after its window, of a closed campaign")
        if late > LAST_CALL:
            raise Violation(f"{dag_id} is submitted {late:.0f} s after its window")

    def node_succeeded(self, dag_id: str, key: CampaignKey, directory: Path, name: str) -> None:
        """A node has succeeded, as DAGMan sees it."""
        self.stamp(directory, name)
        if not name.startswith("RECO"):
            return
        node = read_json(directory / MANIFEST)["nodes"][name]
        book, whole = self._book(key), f"{dag_id}/{name}"
        for path, lumis, _ in raw_in(directory.parent / f"{node['output']}.root"):
            for ls in Lumis.parse(lumis):
                before = book.reco_of.setdefault((path, ls), whole)
                if before != whole and not book.was_moved:
                    words = f"LS {ls} of {path} is in two RECO nodes that succeeded"
                    raise Violation(f"{words}: {before}, {whole}")

    def stamp(self, directory: Path, name: str) -> None:
        """Give what a node left the day's time."""
        node = read_json(directory / MANIFEST).get("nodes", {}).get(name, {})
        witness = directory.parent / node.get("witness", "none")
        if witness.is_file() and witness.stat().st_mtime > self._agenda.now + 1:
            os.utime(witness, (self._agenda.now, self._agenda.now))

    def run_directory_deleted(self, key: CampaignKey, known: Lumis) -> None:
        """All that was made of a campaign is gone, but for what the ledger knew at that moment."""
        book = self._book(key)
        taken = self._service.taken.get(key)
        if taken and taken[-1].lumis != known:
            self._service.forgotten.add(key)
        self._service.tags.unknown.add(key)
        book.reco_of.clear()
        book.was_deleted = True
        if self._ledger_is_lost:
            book.latched = 0
            book.state = None

    def run_directory_moved(self, key: CampaignKey) -> None:
        """What is gone of a campaign comes back: its files may be in two RECO nodes that succeed.

        In a payload they are once all the same.
        """
        self._book(key).was_moved = True

    def dag_directory_deleted(
        self, dag: DagMan, manifest: Mapping[str, Mapping[str, object]]
    ) -> None:
        """What RECO made for ALCA nodes that are not done is made again."""
        book, done = self._book(dag.key), set()
        for node in manifest["nodes"].values():
            assert isinstance(node, Mapping)
            if node["kind"] == "ALCA" and (dag.file.parents[1] / str(node["witness"])).exists():
                done |= set(node["parents"])
        again = [
            p
            for p, n in book.reco_of.items()
            if _of(n, dag.id) and n.rpartition("/")[2] not in done
        ]
        for path in again:
            del book.reco_of[path]

    def ledger_lost(self) -> None:
        """The ledger is gone: campaigns that have left nothing are latched again."""
        self._ledger_is_lost = True
        for key, book in self._books.items():
            self._not_in_ledger(key, book)

    def _not_in_ledger(self, key: CampaignKey, book: _Book) -> None:
        """A campaign is known to its run directory alone."""
        book.held = False
        left = self._run_dir(key)
        if not (left / RUN_START).exists() or (left / RUN_END).exists():
            book.latched = 0
            book.state = book.shown_since = None
        if book.was_deleted and not any(left.glob(f"dag*/{MANIFEST}")):
            self._service.forgotten.add(key)

    def older_ledger(self, ledger: LedgerReader) -> None:
        """An older ledger is put back; what is asked for in it is asked for again."""
        self._ledger_is_lost = True
        known = {summary.key: summary for summary in ledger.status.summaries(since=0.0)}
        for key, book in self._books.items():
            if (summary := known.get(key)) is None:
                self._not_in_ledger(key, book)
                continue
            book.held, book.state = False, summary.state
            taken = self._service.taken.get(key)
            if book.was_deleted and taken and taken[-1].lumis != summary.lumis.in_payload:
                self._service.forgotten.add(key)
        for request in ledger.requests.waiting():
            self.resubmitted(request.run)

    def open_campaign(self, folder: Path) -> CampaignKey | None:
        """The campaign of a run directory, if it is open."""
        key = CampaignKey(folder.parent.name, int(folder.name.removeprefix("run")))
        state = self._book(key).state
        return key if state is not None and state.open else None

    def hold_asked(self, run: int) -> None:
        """A person wants a run held."""
        for name in self._config.calibrations:
            self._book(CampaignKey(name, run)).hold_asked = True

    def release_asked(self, run: int) -> None:
        """A person wants a run to go on."""
        for name in self._config.calibrations:
            book = self._book(CampaignKey(name, run))
            book.held = book.hold_asked = False

    def resubmitted(self, run: int) -> None:
        """A person has asked for a run again."""
        for name in self._config.calibrations:
            key = CampaignKey(name, run)
            self._book(key).asked_at = self._agenda.now
            self._service.asked_again.add(str(self._run_dir(key)))

    def said(self, message: str) -> None:
        """The submitter has logged something."""
        if match := re.match(r"(\w+) run(\d+): latched: ", message):
            key = CampaignKey(match[1], int(match[2]))
            self._book(key).latched += 1
            if self._book(key).latched > 1:
                raise Violation(f"{key} is latched twice")
            if self._agenda.now > self._window_end(key):
                raise Violation(f"{key} is latched after its window")

    def polled(self, ledger: Ledger, failed: Mapping[str, float]) -> None:
        """A whole cycle was made; `failed` tells when each service last gave no answer."""
        self._ledger_is_lost = False
        now = self._agenda.now
        for row in ledger.connection.rows("SELECT * FROM campaign"):
            key, state = CampaignKey(row["calibration"], row["run"]), CampaignState(row["state"])
            book = self._book(key)
            book.held = bool(row["held_by"]) and book.hold_asked
            if state is not book.state:
                if not state.open:
                    self._closed(key, row["reason"])
                book.state = state
        if self._oms.failed_at != now:
            for run in self._oms.answer:
                for name, calibration in self._config.calibrations.items():
                    if why_not_latch(now, run, calibration) is None:
                        book = self._book(CampaignKey(name, run.number))
                        book.shown_since = book.shown_since or now
        status = read_json(self._config.site.work_dir / "status.json")
        if status.get("time") == now:
            for name, at in failed.items():
                if at == now and name not in {p["service"] for p in status["problems"]}:
                    raise Violation(f"{name} gave no answer, and status.json does not say so")
            missed = [m["reason"] for m in status["missed_runs"] if "tells no" not in m["reason"]]
            if missed:
                raise Violation(f"all runs are as they are wanted, and it is told: {missed[0]}")

    def jobs_start(self, pool: SimulatedPool, weather: Weather) -> None:
        """That no job starts is told if, and only if, the pool gives no slots for that long."""
        now, within = self._agenda.now, self._config.site.pool.start_within
        status = read_json(self._config.site.work_dir / "status.json")
        if status.get("time") != now or now - pool.failed_at < PROMPTLY:
            return
        told = [p["text"] for p in status["problems"] if p["kind"] == ProblemKind.WAITING]
        self.stands_told += bool(told)
        if told and weather.lasted("the pool is idle", now - PROMPTLY) < within - PROMPTLY:
            raise Violation(f"jobs start, and it is told: {told[0]}")
        waited = min(weather.lasts("the pool is idle"), pool.longest_wait())
        if waited > within + PROMPTLY and not told:
            raise Violation("no job starts, and it is not told")

    def _closed(self, key: CampaignKey, reason: str) -> None:
        run, now = self._runs[key.run], self._agenda.now
        if now >= self._window_end(key):
            return
        if now < run.told_end:
            raise Violation(f"{key} is closed before the run's end: {reason}")
        calibration = self._config.calibrations[key.calibration]
        stream = self._config.stream_of(key.calibration).raw_path
        listed = self._storage.listed_at.get((stream, key.run), 0.0)
        last = max(run.end, self._storage.last_new(stream, key.run, until=listed))
        if listed < last + calibration.closing.quiet_time:
            raise Violation(f"{key} is closed though storage was silent: {reason}")

    def open_or_missing(self) -> list[str]:
        """The campaigns that are not what they are to be at the end, and why not."""
        found = []
        for key, book in sorted(self._books.items()):
            if book.shown_since is not None and book.state is None:
                found.append(f"{key} was never latched")
            elif book.state is not None and book.state.open:
                found.append(f"{key} is {book.state}")
        return found

    def at_the_end(self, ledger: Ledger, faults_ended: float) -> None:
        """All faults are over, and everything was asked for again: is everything done?"""
        if left := self.open_or_missing():
            raise Violation(f"at the end of the day: {'; '.join(left)}")
        summaries = {s.key: s for s in ledger.status.summaries(since=0.0)}
        for key, summary in summaries.items():
            self._judge(key, summary, faults_ended)

    def _judge(self, key: CampaignKey, summary: CampaignStatus, faults_ended: float) -> None:
        good = self._good_files(key)
        taken = self._service.taken.get(key, [])
        last = taken[-1] if taken else None
        covered = last.lumis if last else Lumis()
        if summary.state is CampaignState.COMPLETE and not last:
            raise Violation(f"{key} is complete, and the database has no payload: {summary.reason}")
        if summary.no_payload and not summary.no_payload.cause.normal:
            raise Violation(f"{key}: too few events, and it is told: {summary.no_payload}")
        lost = [f for f in good if last is None or f.path not in last.raw or f.lumis - covered]
        if taken and self._service.tags.takes_once(key):
            lost = [f for f in lost if f.settled_at < taken[0].at - MARGIN]
        if sum(f.events for f in good) < FEWEST_EVENTS:
            return
        words = " ".join([summary.reason, *_problems_of(summary)])
        in_time = self._window_end(key) > faults_ended + 3 * MARGIN + self._to_find_out(summary)
        kept_out = self._service.tags.has_younger(key) or key in self._service.refused
        if lost and in_time and not kept_out:
            names = ", ".join(f"{f.name} (LS {f.lumis})" for f in lost[:10])
            raise Violation(f"{key}: {len(lost)} good files are in no payload: {names}: {words}")
        if served_by_others := self._service.tags.not_served(key, covered):
            raise Violation(
                f"{key}: LS {served_by_others} are in its payload, and not served by it"
            )
        known = max(summary.last_ls or 0, summary.lumis.seen.last)
        told = self._runs[key.run].told_end + 3 * MARGIN < self._window_end(key)
        told = told and summary.last_ls is not None
        hole = Lumis.span(1, self._runs[key.run].last_ls if told else known) - covered
        named = Lumis.span(1, known) - summary.lumis.in_payload
        surely = in_time or not self._lost_answer(key, summary)
        surely = surely and key not in self._service.forgotten
        if last and surely and summary.lumis.in_payload != covered:
            raise Violation(f"{key}: LS {covered} in the database, told {summary.lumis.in_payload}")
        if hole - named:
            raise Violation(f"{key}: LS {hole - named} are in no payload, and not named: {words}")

    def _lost_answer(self, key: CampaignKey, summary: CampaignStatus) -> bool:
        """Whether the database may have more than is known: an answer was lost for good."""
        known = {str(t.lumis) for t in self._service.taken.get(key, ())} | {""}
        return str(summary.lumis.in_payload) in known and "no answer" in str(summary.last_outcome)

    def _to_find_out(self, summary: CampaignStatus) -> float:
        """How long it may take to find the files that make a node fail, one after another."""
        rescues = self._config.calibrations[summary.calibration].rescues
        suspects = (SET_BACK + 1) * (len(summary.quarantined) + len(summary.failed_nodes))
        return suspects * rescues.wait * 2.0 ** (rescues.max_rescues + 1)

    def _good_files(self, key: CampaignKey) -> list[TrueFile]:
        stream = self._config.stream_of(key.calibration).raw_path
        before = min(self._window_end(key), self._agenda.now) - MARGIN
        files = self._storage.of(stream, key.run)
        return [f for f in files if f.lasts and f.settled_at < before]


def _problems_of(summary: CampaignStatus) -> list[str]:
    return [problem.text for problem in of_campaigns([summary])]


def _of(node: str, dag_id: str) -> bool:
    return node.rpartition("/")[0] == dag_id


def _id_in(file: Path) -> str:
    match = re.search(r'^SET_JOB_ATTR CondorloopId = "([^"]*)"', file.read_text(), re.MULTILINE)
    return match[1] if match else ""
