"""Harvests whose payloads wait for an upload, and what stands in the place of the upload tool."""

from __future__ import annotations

import shutil
from dataclasses import replace

from condorloop.model.enums import TagOutcome, UploadOutcome
from condorloop.node.dag_context import DagContext
from condorloop.node.job_output.payload_db import iovs
from condorloop.node.post_script import finish
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import UPLOAD_RECORD
from condorloop.services.conditions import TagAnswer, UploadAnswer
from condorloop.testbed.conditions import sqlite_file
from tests.unit.node_examples import choose_inputs, leave_harvest, make_dag, rewritten, run_alca

TAG = "EcalPedestals_NGTDemonstrator"
TRIAL = "EcalPedestals_Trial"
PROD = "oracle://cms_orcon_prod/CMS_CONDITIONS"
METADATA = "NGTCalibEcalPedestals.txt"

LATE = TagAnswer(TagOutcome.FAILED, "too late")


class Tool:
    """Stands in the place of uploadConditions.py; what it is not told to say goes well."""

    def __init__(self) -> None:
        self.says: list[dict[str, TagAnswer] | UploadAnswer] = []
        self.sent: list[tuple[str, tuple[str, ...]]] = []
        self.sinces: list[list[int]] = []

    def run(self, database, tags, **_):
        metadata = read_json(database.with_suffix(".txt"))
        assert list(metadata["destinationTags"]) == tags
        assert len(tags) == 1
        self.sent.append((f"{database.parents[1].name}/{database.parent.name}", tuple(tags)))
        self.sinces.append([iov.since for iov in iovs(database)])
        said = self.says.pop(0) if self.says else {}
        if isinstance(said, UploadAnswer):
            return said
        told = {tag: said.get(tag, TagAnswer(TagOutcome.UPLOADED, "went in")) for tag in tags}
        outcomes = {answer.outcome for answer in told.values()}
        if TagOutcome.NOT_NAMED in outcomes:
            return UploadAnswer(UploadOutcome.NO_ANSWER, "cut", unanswered=True, tags=told)
        bad = any(outcome.refused for outcome in outcomes)
        return UploadAnswer(
            UploadOutcome.REFUSED if bad else UploadOutcome.UPLOADED, "told", tags=told
        )


class Calibration:
    """The run directories of one calibration, with harvests whose payloads wait for an upload."""

    def __init__(self, folder):
        self.folder = folder
        self.tags = (TAG,)
        self.synchronisation = "any"
        self.since = "run"
        self.made = {}

    def harvest(self, run=398600, lumis=("1-5",), sinces=None):
        """Make the run's next harvest, from these LS of further ALCARECO."""
        number = self.made.get(run, 0)
        self.made[run] = number + 1
        there = self.folder / f"of{run}"
        there.mkdir(exist_ok=True)
        dag = make_dag(there, number=number, first_job=number)
        if run != 398600:
            runs = dag.run_dir.with_name(f"run{run}")
            runs.mkdir(exist_ok=True)
            dag.directory.rename(runs / dag.directory.name)
            dag = DagContext(runs / dag.directory.name, dag.manifest)
        final = self.folder / "EcalPedestals" / dag.run_dir.name
        final.mkdir(parents=True, exist_ok=True)
        shutil.move(dag.directory, final / dag.directory.name)
        dag = DagContext(final / dag.directory.name, dag.manifest)
        told = dag.settings.upload
        since = run if self.since == "run" else None
        metadata = replace(told.metadata, tags={tag: {} for tag in self.tags}, since=since)
        upload = replace(told, metadata=metadata, synchronisation=self.synchronisation)
        dag = rewritten(dag, upload=upload)
        run_alca(dag, *lumis)
        choose_inputs(dag)
        rows = [(since, f"{number}@{since}".encode()) for since in sinces or [run]]
        database = self.folder / "made.db"
        database.unlink(missing_ok=True)
        time_type = "Run" if self.since == "run" else "Lumi"
        sqlite_file.write(database, TAG, time_type, "EcalPedestals", "any", rows)
        leave_harvest(dag, data=database.read_bytes())
        finish(dag, "HARVEST", 0)
        return dag


def harvest_of(dag):
    return dag.run_dir / dag.manifest.nodes["UPLOAD"].output


def record(dag):
    return read_json(harvest_of(dag) / UPLOAD_RECORD)
