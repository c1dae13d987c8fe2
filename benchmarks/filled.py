"""Ledgers of any size, as a loop of so many runs would have left them, written fast.

Knows the tables, and what a campaign that went well leaves in them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path

from condorloop.config.calibration import Calibration
from condorloop.config.loader import Known
from condorloop.ledger.archive import archive_of
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import window_from
from condorloop.model.enums import CampaignState, DagState, NodeState
from condorloop.services.xrdfs import run_folder

LUMIS = 1200
"""How many lumisections a run has: eight hours."""

RECO, ALCA, FILES_A_RECO = 10, 3, 5
FILES_A_DAG = RECO * FILES_A_RECO
SIZE = 3_000_000_000


@dataclass(frozen=True, slots=True)
class FilledRun:
    """A run to be written down: `files` of each stream, `active_dags` of each campaign.

    A run with an `end` has closed campaigns, all their DAGs done.
    """

    number: int
    start: float
    end: float | None
    files: int
    active_dags: int = 0

    def paths(self, stream: str) -> Iterator[str]:
        """Its RAW files in a stream."""
        folder = run_folder(stream, self.number)
        return (f"{folder}/{i // 1000:05d}/{self.number}-{i:07d}.root" for i in range(self.files))

    def lumi(self, file: int) -> int:
        """The lumisection of a file."""
        return 1 + file * LUMIS // max(1, self.files)


def fill_archives(ledger: Path, known: Known, runs: Iterable[FilledRun]) -> None:
    """Write runs into the archives of a ledger that is there, as if they had been moved there."""
    by_year: dict[int, list[FilledRun]] = {}
    for run in runs:
        by_year.setdefault(datetime.fromtimestamp(run.start, UTC).year, []).append(run)
    for year, of_year in by_year.items():
        archive = archive_of(ledger, year)
        Filler(archive, known).fill(of_year)
        with Ledger(ledger) as opened:
            opened.archive.adopt(archive, year)


class Filler:
    """Fills a ledger that nobody else has open."""

    def __init__(self, path: Path, known: Known) -> None:
        Ledger(path).close()
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA synchronous = OFF")
        self._known = known
        self._campaigns, self._files, self._dags = count(1), count(1), count(1)

    def fill(self, runs: Iterable[FilledRun]) -> None:
        """Write down runs, and close the file."""
        self._db.execute("BEGIN")
        for run in runs:
            paths = {stream.raw_path for stream in self._known.streams.values()}
            files = {path: self._raw_files(run, path) for path in paths}
            for name, calibration in self._known.calibrations.items():
                self._campaign(run, calibration, files[self._known.stream_of(name).raw_path])
        self._db.execute("COMMIT")
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    def _raw_files(self, run: FilledRun, stream: str) -> range:
        ids = list(islice(self._files, run.files))
        self._db.executemany(
            "INSERT INTO raw_file (id, path, raw_path, run, size, seen_at, state, probes,"
            " probed_at, lumis, events) VALUES (?, ?, ?, ?, ?, ?, 'good', 1, ?, ?, 100)",
            (
                (i, path, stream, run.number, SIZE, run.start + n, run.start + n, str(run.lumi(n)))
                for n, (i, path) in enumerate(zip(ids, run.paths(stream), strict=True))
            ),
        )
        return range(ids[0], ids[-1] + 1) if ids else range(0)

    def _campaign(self, run: FilledRun, calibration: Calibration, files: range) -> None:
        [campaign] = islice(self._campaigns, 1)
        whole = f"1-{LUMIS}"
        state = CampaignState.COMPLETE if run.end else CampaignState.ACTIVE
        stream = self._known.stream_of(calibration.name)
        self._db.execute(
            "INSERT INTO reconstruction (id, stream, run, raw_path, begun_at, last_new_at, seen)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                campaign,
                stream.name,
                run.number,
                stream.raw_path,
                run.start,
                run.end or run.start,
                whole,
            ),
        )
        self._db.execute(
            "INSERT INTO campaign (id, calibration, run, reconstruction_id, state, reason, fill,"
            " run_start, run_end, last_ls, latched_at, state_since, harvested, in_payload,"
            " events_in_payload, events_harvested, judged_end, judged_ls, by_lumi, window_from)"
            " VALUES (?1, ?, ?, ?1, ?, '0 of 1200 LS missing', 10900, ?, ?, ?, ?, ?, ?, ?,"
            " 1000, 1000, ?, ?, ?, ?)",
            (
                campaign,
                calibration.name,
                run.number,
                state,
                run.start,
                run.end,
                LUMIS,
                run.start,
                run.end or run.start,
                whole,
                whole,
                run.end,
                LUMIS if run.end else None,
                calibration.by_lumi,
                window_from(run.start, run.end, LUMIS, by_lumi=calibration.by_lumi),
            ),
        )
        last = files.stop - FILES_A_DAG * run.active_dags
        batches = [range(i, min(i + FILES_A_DAG, last)) for i in range(files.start, last, 50)]
        numbers = count()
        for batch in batches:
            self._dag(run, campaign, next(numbers), batch, done=True)
        rest = list(range(max(files.start, last), files.stop))
        for i in range(run.active_dags):
            self._dag(run, campaign, next(numbers), rest[i :: run.active_dags], done=False)

    def _dag(
        self, run: FilledRun, campaign: int, number: int, files: Iterable[int], *, done: bool
    ) -> None:
        [dag] = islice(self._dags, 1)
        state = DagState.DONE if done else DagState.ACTIVE
        at = run.start + 60.0 * number if done else None
        self._db.execute(
            "INSERT INTO dag (id, reconstruction_id, number, batch, state, cluster, reason,"
            " planned_at, submitted_at, ended_at)"
            " VALUES (?, ?, ?, ?, ?, ?, 'files fill a DAG', ?, ?, ?)",
            (dag, campaign, number, number, state, 1000 + dag, run.start, run.start, at),
        )
        node = NodeState.DONE if done else NodeState.WAITING
        jobs = range(number * ALCA, (number + 1) * ALCA)
        self._db.executemany(
            "INSERT INTO node (dag_id, name, reconstruction_id, kind, job, output, witness, state,"
            " lumis, events, done_at, child) VALUES (?, ?, ?, ?, ?, ?, ?, ?, '1-50', 100, ?, ?)",
            (
                (dag, name, campaign, kind, job, output, witness, node, at, child)
                for name, kind, job, output, witness, child in _nodes(run.number, number, jobs)
            ),
        )
        self._db.execute(
            "INSERT INTO alcareco (campaign_id, dag_id, node, harvested)"
            " SELECT ?, dag_id, name, ? FROM node WHERE dag_id = ? AND kind = 'ALCA'",
            (campaign, int(done), dag),
        )
        self._db.executemany(
            "INSERT INTO reconstruction_file (reconstruction_id, file_id, dag_id, node)"
            " VALUES (?, ?, ?, ?)",
            ((campaign, f, dag, f"RECO_{i // FILES_A_RECO:04d}") for i, f in enumerate(files)),
        )
        if done:
            self._db.executemany(
                "INSERT INTO job (dag_id, node, job_id, submitted_at, host, started_at, ended_at,"
                " exit_code, cpu_time, memory_used, memory_asked, starts, holds, removed)"
                " VALUES (?, ?, ?, ?, 'slot1@node', ?, ?, 0, 100.0, 1500, 2000, 1, 0, 0)",
                (
                    (dag, name, f"{dag * 20 + i}.0", run.start, at, at)
                    for i, (name, *_) in enumerate(_nodes(run.number, number, jobs))
                ),
            )
            self._db.execute(
                "INSERT INTO payload (id, dag_id, campaign_id, lumis, events, harvested_at,"
                " outcome, answer, tag, hash, since, answered_at)"
                " VALUES (?1, ?1, ?, ?, 1000, ?, 'uploaded', 'ok', 'Tag_v1', ?, 1, ?)",
                (
                    dag,
                    campaign,
                    f"1-{1 + number}",
                    at,
                    f"{dag:040x}",
                    at,
                ),
            )
            self._db.executemany(
                "INSERT INTO payload_input (payload_id, job) VALUES (?, ?)",
                ((dag, job) for job in range(jobs.stop)),
            )


def _nodes(
    run: int, number: int, jobs: range
) -> Iterator[tuple[str, str, int | None, str, str, str]]:
    for i in range(RECO):
        output = f"run{run}_LS0001To0050_b{number:03d}_{i:04d}_step2"
        child = f"ALCA_{i * ALCA // RECO:04d}"
        yield f"RECO_{i:04d}", "RECO", None, output, f"{output}_job.txt", child
    for i, job in enumerate(jobs):
        yield f"ALCA_{i:04d}", "ALCA", job, f"apJob{job:03d}", f"apJob{job:03d}/step3_job.txt", ""
    harvest = f"harvestJob{number:03d}"
    yield "HARVEST", "HARVEST", None, harvest, f"{harvest}/harvest.json", ""
    yield "UPLOAD", "UPLOAD", None, harvest, f"{harvest}/upload.json", ""
