"""The manager itself: two of them, signals, new configuration, the window's end, a lost ledger.

Whatever ends it or takes its memory away, its DAGs go on, and the next one takes them up.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from condorloop.ledger.store import LedgerReader
from condorloop.model.enums import CampaignState
from condorloop.model.status import CampaignStatus
from condorloop.rundir.durable import read_json
from condorloop.testbed import daemons
from condorloop.testbed.verify import appeared
from tests.faults.outside import appears, running
from tests.faults.scenarios import job_fault, run_of
from tests.loop import Loop, Played

STOPS_RUN, CONFIGURED_RUN, WINDOW_RUN, FORGOTTEN_RUN, AWAY_RUN = range(399120, 399125)
ECAL, STRIPS, SPOT = "EcalPedestals", "SiStripBad", "BeamSpot"
COMPLETE, INCOMPLETE = CampaignState.COMPLETE, CampaignState.INCOMPLETE
STREAMS = ("TestEnablesEcalHcal", "ExpressPhysics")
FOUR_LS = {stream: {"ls_per_file": 4} for stream in STREAMS}
OLD_TAG, NEW_TAG = "160X_dataRun3_ExpressNGT_v0", "160X_dataRun3_ExpressNGT_v1"
LAST_WORDS = "condorloop stops; submitted DAGs continue"
LONG = 100.0
"""The time limit of whatever a submitter waits for when it is told to end."""
SOON = 30.0
"""Within which it must have ended all the same."""


def runs_still(process: subprocess.Popen[bytes]) -> Callable[[], bool]:
    """Tell at any time whether a submitter still runs."""
    return lambda: process.poll() is None


@dataclass
class End:
    """How a submitter ended: what it had started, and what was left of that."""

    exit_code: int
    last_line: str
    left: list[str]


@dataclass
class Stops:
    """Submitters of one campaign that are told to end, one after the other."""

    loop: Loop
    play: Played
    ends: dict[str, End] = field(default_factory=dict)

    def end(
        self,
        name: str,
        number: signal.Signals,
        waits_for: Callable[[list[str]], bool],
        hangs: AbstractContextManager[None] | None = None,
    ) -> None:
        """Start a submitter, and signal it once it waits for something.

        Parameters
        ----------
        waits_for
            Tells from the command lines of what it has started whether it does.
        hangs
            Lets something hang meanwhile.
        """
        loop, words = self.loop, "condorloop starts"
        starts = loop.output().count(words) if self.ends else 0
        with hangs or contextlib.nullcontext():
            process = loop.start()
            alive = runs_still(process)
            loop.wait(lambda: loop.output().count(words) > starts, alive)
            loop.wait(lambda: waits_for(commands(children(process))), alive)
            started = children(process)
            process.send_signal(number)
            exit_code = process.wait(timeout=SOON)
            daemons.wait_until(lambda: not any(p.is_running() for p in started), SOON)
            left = [p for p in started if p.is_running()]
            self.ends[name] = End(exit_code, loop.output().splitlines()[-1], commands(left))

    def is_silent(self, _: list[str]) -> bool:
        """Whether the submitter has made no cycle and said nothing for longer than a poll."""
        files = (self.loop.folder / "submitter.log", self.loop.work_dir / "status.json")
        return all(time.time() - f.stat().st_mtime > 1.5 for f in files if f.exists())


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a submitter: it would take up the runs of the next story, too."""
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=SOON) == 0


def children(process: subprocess.Popen[bytes]) -> list[daemons.Process]:
    """All that a process has started."""
    itself = [p for p in daemons.everything() if p.pid == process.pid]
    return daemons.with_descendants(itself)[1:]


def commands(processes: list[daemons.Process]) -> list[str]:
    """The command lines of processes."""
    return [" ".join(daemons.command_line(p.pid)) for p in processes]


def runs(name: str) -> Callable[[list[str]], bool]:
    """Whether a command line has this word."""
    return lambda lines: any(name in line for line in lines)


@pytest.fixture(scope="module")
def stops(stack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stops")
    tool, hang = folder / "edmFileUtil", folder / "hang"
    tool.write_text(f'#!/bin/sh\n[ ! -e {hang} ] || exec sleep 600\nexec edmFileUtil "$@"\n')
    tool.chmod(0o755)
    hang.touch()
    settings = {
        "oms": {"timeout": LONG},
        "storage": {"timeout": LONG, "probe_timeout": LONG, "edm_file_util": str(tool)},
        "pool": {"timeout": LONG},
    }
    loop = Loop(stack, folder, "stops", settings)
    scenario = run_of(STOPS_RUN, [ECAL], end_after=15, layout=FOUR_LS)
    stops = Stops(loop, loop.play(scenario))
    try:
        stops.end("SIGTERM, a probe", signal.SIGTERM, runs("sleep 600"))
        stops.end("SIGKILL, a probe", signal.SIGKILL, runs("sleep 600"))
        hang.unlink()

        def submitted(_: list[str]) -> bool:
            return "submitted as" in loop.output()

        stops.end("SIGINT", signal.SIGINT, submitted)
        stops.end("SIGTERM, OMS", signal.SIGTERM, stops.is_silent, stack.services_paused())
        stops.end("SIGINT, XRootD", signal.SIGINT, runs("xrdfs"), stack.xrootd.paused())
        stops.end("SIGTERM, schedd", signal.SIGTERM, stops.is_silent, stack.pool.paused("schedd"))
        stops.end("SIGKILL, XRootD", signal.SIGKILL, runs("xrdfs"), stack.xrootd.paused())
        last = loop.start()
        loop.wait(lambda: loop.closed() == 1, lambda: last.poll() is None)
        stop(last)
        yield stops
    finally:
        loop.close()


@pytest.mark.parametrize(
    "name",
    ["SIGTERM, a probe", "SIGINT", "SIGTERM, OMS", "SIGINT, XRootD", "SIGTERM, schedd"],
)
def test_a_signal_ends_the_submitter_cleanly_whatever_hangs(stops, name):
    end = stops.ends[name]
    assert (end.exit_code, end.left) == (0, [])
    assert end.last_line.endswith(LAST_WORDS)


@pytest.mark.parametrize("name", ["SIGKILL, a probe", "SIGKILL, XRootD"])
def test_a_submitter_that_is_killed_leaves_no_process_behind(stops, name):
    end = stops.ends[name]
    assert (end.exit_code, end.left) == (-signal.SIGKILL, [])


def test_after_all_those_ends_the_campaign_is_complete(stops):
    assert stops.play.assay(ECAL, STOPS_RUN).faults == ()
    assert stops.loop.states() == {ECAL: COMPLETE}
    stops.loop.assert_nothing_was_done_twice(STOPS_RUN)
    assert "Traceback" not in stops.loop.output()


@dataclass
class Configured:
    """A submitter whose configuration was edited while it ran."""

    loop: Loop
    play: Played
    pid: int
    refused: subprocess.CompletedProcess[str]
    manifests: list[dict[str, Any]]
    written_before: int


@pytest.fixture(scope="module")
def configured(stack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("configured")
    settings = {"defaults": {"batching": {"max_active_dags": 8, "max_files_per_job": 8}}}
    loop = Loop(stack, folder, "configured", settings)
    parameters = folder / "ngtParameters.jsn"
    layout = {"TestEnablesEcalHcal": {"ls_per_file": 8, "files_per_ls": 2}}
    scenario = run_of(CONFIGURED_RUN, [ECAL], lumisections=40, every=0.4, layout=layout)
    play = loop.play(scenario)
    yaml_file = loop.calibrations / f"{ECAL}.yaml"
    runs = loop.work_dir / ECAL / f"run{CONFIGURED_RUN}"
    submitter = loop.start()
    alive = runs_still(submitter)

    def edit(file: Path, text: str, answer: str) -> None:
        file.write_text(text)
        submitter.send_signal(signal.SIGHUP)
        loop.wait_for_output(answer, submitter)

    try:
        loop.wait(lambda: (runs / "dag000" / "manifest.json").exists(), alive)
        refused = loop.condorloop("run", check=False)
        good, site = yaml_file.read_text(), loop.site.read_text()
        broken = f"{good}batching: {{max_files_per_job: many}}\n"
        edit(yaml_file, broken, "new configuration rejected, the old one stays in use")
        yaml_file.write_text(good)
        other_site = yaml.safe_dump(yaml.safe_load(site) | {"poll_interval": 1})
        edit(loop.site, other_site, "another site file needs a new start")
        loop.site.write_text(site)
        written = len(list(runs.glob("dag*/manifest.json")))
        appears(loop, play, CONFIGURED_RUN, 41, "after-the-refusals.root")
        loop.wait(lambda: len(list(runs.glob("dag*/manifest.json"))) > written, alive)
        parameters.write_text(parameters.read_text().replace(OLD_TAG, NEW_TAG))
        changed = f"{good}batching: {{max_files_per_job: 1}}\n"
        written = len(list(runs.glob("dag*/manifest.json")))
        edit(yaml_file, changed, "configuration reloaded, in use for new DAGs: ")
        appears(loop, play, CONFIGURED_RUN, 42, "after-the-change.root")
        loop.wait(lambda: 42 in play.assay(ECAL, CONFIGURED_RUN).in_payload, alive)
        calibrations = ("--calibrations", str(loop.calibrations))
        loop.condorloop("resubmit", str(CONFIGURED_RUN), "-c", ECAL, "--now", *calibrations)
        appears(loop, play, CONFIGURED_RUN, 43, "after-now.root")
        loop.wait(lambda: 43 in play.assay(ECAL, CONFIGURED_RUN).in_payload, alive)
        loop.wait(lambda: loop.closed() == 1, alive)
        stop(submitter)
        manifests = [read_json(m) for m in sorted(runs.glob("dag*/manifest.json"))]
        yield Configured(loop, play, submitter.pid, refused, manifests, written)
    finally:
        loop.close()


def test_a_second_submitter_is_refused_in_one_line_that_names_the_first(configured):
    [line] = configured.refused.stderr.splitlines()
    assert configured.refused.returncode == 1
    holder = f"a submitter is running: host {socket.gethostname()}, pid {configured.pid}, since 20"
    assert holder in line


def test_configuration_that_cannot_be_used_is_told_and_changes_nothing(configured):
    [told] = [
        line
        for line in configured.loop.output().splitlines()
        if "rejected" in line and f"{ECAL}.yaml" in line
    ]
    assert "batching.max_files_per_job: 'many'" in told
    before = configured.manifests[: configured.written_before]
    assert len(before) > 1
    assert {m["global_tag"] for m in before} == {OLD_TAG}


def test_changed_configuration_holds_for_new_dags_and_no_others(configured):
    tags = [m["global_tag"] for m in configured.manifests]
    assert tags == sorted(tags)
    assert set(tags) == {OLD_TAG, NEW_TAG}
    by_file = {f["path"]: m for m in configured.manifests for f in m["files"]}
    of = {path.rpartition("/")[2]: manifest for path, manifest in by_file.items()}
    assert of["after-the-change.root"]["global_tag"] == OLD_TAG
    assert of["after-now.root"]["global_tag"] == NEW_TAG
    for name in ("after-the-change.root", "after-now.root"):
        assert all(len(node["files"]) <= 1 for node in of[name]["nodes"].values())
    assert configured.play.assay(ECAL, CONFIGURED_RUN).faults == ()
    assert configured.loop.states() == {ECAL: COMPLETE}


@dataclass
class Window:
    """Campaigns whose window closed while DAGs ran, and what a late file changed."""

    loop: Loop
    play: Played
    late: str
    ended: int
    ended_later: int
    log_of_failed: str


@pytest.fixture(scope="module")
def window(stack, tmp_path_factory):
    settings = {"defaults": {"rescues": {"wait": 3600, "max_rescues": 3}}}
    loop = Loop(stack, tmp_path_factory.mktemp("window"), "window", settings)
    hang = job_fault("hang", WINDOW_RUN, "step4", ECAL, seconds=5)
    fails = job_fault("exit_code", WINDOW_RUN, "step2", SPOT, exit_code=65)
    layout = {stream: {"ls_per_file": 12} for stream in STREAMS}
    play = loop.play(run_of(WINDOW_RUN, [ECAL, SPOT], hang, fails, end_after=4, layout=layout))
    passed = [0.0]
    harvests = f'CondorloopRun == {WINDOW_RUN} && DAGNodeName == "HARVEST" && JobStatus == 2'

    def at_work() -> bool:
        return bool(loop.tool("condor_q", "-constraint", harvests, "-af", "ClusterId").stdout)

    try:
        with running(loop, clock=lambda: time.time() + passed[0]):
            loop.wait(at_work)
            loop.wait(lambda: "b000 failed: RECO_0000" in log_of(loop, SPOT))
            passed[0] = 8.5 * 3600.0
            loop.wait(lambda: not any(c.state.open for c in summaries(loop).values()))
            ended = len(loop.dagmans(f"CondorloopRun == {WINDOW_RUN}"))
            late = late_file(loop)
            cycles_from = loop.status()["time"]
            loop.wait(lambda: loop.status()["time"] > cycles_from + 4)
        later = len(loop.dagmans(f"CondorloopRun == {WINDOW_RUN}"))
        yield Window(loop, play, late, ended, later, log_of(loop, SPOT))
    finally:
        loop.close()


def summaries(loop: Loop) -> dict[str, CampaignStatus]:
    """All campaigns that the ledger has; `status` leaves out those whose window is over."""
    with LedgerReader(loop.work_dir / "condorloop.db") as ledger:
        return {c.calibration: c for c in ledger.status.summaries(since=0.0)}


def log_of(loop: Loop, calibration: str) -> str:
    file = loop.work_dir / calibration / "condorloop_ALL.log"
    return file.read_text() if file.exists() else ""


def late_file(loop: Loop) -> str:
    """Let a file of the run appear that the scenario does not know; give its path."""
    record = appeared(loop.stack.folder / "appeared.jsonl")
    [path] = [f.path for f in record if f.run == WINDOW_RUN and STREAMS[0] in f.path]
    there = loop.stack.folder / "eos" / path.lstrip("/")
    late = there.with_name("00000000-0000-4000-8000-000000000000.root")
    shutil.copy(there, late)
    return f"{path.rpartition('/')[0]}/{late.name}"


def test_a_dag_that_runs_when_the_window_closes_ends_and_its_payload_is_recorded(window):
    assert window.play.assay(ECAL, WINDOW_RUN).faults == ()
    campaign = summaries(window.loop)[ECAL]
    assert (campaign.state, campaign.uploads) == (COMPLETE, 1)


def test_a_dag_that_failed_is_not_rescued_when_the_window_has_closed(window):
    assert "is rescued" not in window.log_of_failed
    campaign = summaries(window.loop)[SPOT]
    assert campaign.state == INCOMPLETE
    assert "b000 RECO_0000 failed" in campaign.reason


def test_a_file_that_appears_when_the_window_has_closed_is_left_alone(window):
    assert window.late not in window.loop.probes()
    assert window.ended_later == window.ended
    states = {name: c.state for name, c in summaries(window.loop).items()}
    assert states == {ECAL: COMPLETE, SPOT: INCOMPLETE}


@dataclass
class Forgotten:
    """A campaign whose ledger was damaged and deleted again and again."""

    loop: Loop
    play: Played
    end_without_ledger: int
    said_without_ledger: str
    dags_when_closed: int


@pytest.fixture(scope="module")
def forgotten(stack, tmp_path_factory):
    loop = Loop(stack, tmp_path_factory.mktemp("forgotten"), "forgotten")
    hang = job_fault("hang", FORGOTTEN_RUN, "step2", seconds=6)
    scenario = run_of(FORGOTTEN_RUN, [ECAL, SPOT], hang, end_after=8, layout=FOUR_LS)
    play = loop.play(scenario)

    def start(words):
        """Start a submitter and wait until it says something."""
        process = loop.start()
        loop.wait_for_output(words, process)
        loop.wait(lambda: loop.status().get("pid") == process.pid, lambda: process.poll() is None)
        return process

    def parts() -> list[Path]:
        return [p for p in loop.work_dir.glob("condorloop.db*") if "damaged" not in p.name]

    def rebuilds() -> str:
        return f"rebuilt from {loop.work_dir / ECAL}"

    try:
        submitter = loop.start()
        for name in (ECAL, SPOT):
            first = f"{name} run{FORGOTTEN_RUN}: b000 submitted as "
            loop.wait_for_output(first, submitter)
        submitter.kill()
        submitter.wait()
        for part in parts():
            part.write_bytes(b"not a ledger" * 100)
        submitter = start("the ledger is damaged; keeping it as ")
        stop(submitter)

        for part in parts():
            part.unlink()
        submitter = start(rebuilds())
        lines = len(loop.output().splitlines())
        for part in parts():
            part.unlink()
        ended = submitter.wait(timeout=SOON)
        said = "\n".join(loop.output().splitlines()[lines:])

        submitter = loop.start()
        loop.wait(lambda: loop.closed() == 2, lambda: submitter.poll() is None)
        stop(submitter)
        dags = len(loop.dagmans(f"CondorloopRun == {FORGOTTEN_RUN}"))
        for part in parts():
            part.unlink()
        submitter = start(rebuilds())
        loop.wait(lambda: loop.closed() == 2, lambda: submitter.poll() is None)
        stop(submitter)
        yield Forgotten(loop, play, ended, said, dags)
    finally:
        loop.close()


def test_a_ledger_that_was_damaged_or_deleted_is_rebuilt_and_its_dags_are_not_run_again(forgotten):
    loop = forgotten.loop
    ids = [ad["CondorloopId"] for ad in loop.dagmans(f"CondorloopRun == {FORGOTTEN_RUN}")]
    assert len(ids) == len(set(ids)) == forgotten.dags_when_closed
    assert "Traceback" not in loop.output()
    [kept] = loop.work_dir.glob("condorloop.db.damaged-*[0-9Z]")
    assert kept.read_bytes().startswith(b"not a ledger")


def test_a_submitter_whose_ledger_is_deleted_ends_with_one_line_that_says_so(forgotten):
    assert forgotten.end_without_ledger == 1
    *_, last = forgotten.said_without_ledger.splitlines()
    database = forgotten.loop.work_dir / "condorloop.db"
    assert last == f"condorloop: {database}: was deleted or replaced while it was in use"


@pytest.mark.parametrize("calibration", [ECAL, SPOT])
def test_after_the_loss_of_its_ledger_each_campaign_has_its_payload(forgotten, calibration):
    assert forgotten.play.assay(calibration, FORGOTTEN_RUN).faults == ()
    assert forgotten.loop.campaign(calibration, FORGOTTEN_RUN)["state"] == COMPLETE
    forgotten.loop.assert_nothing_was_done_twice(FORGOTTEN_RUN)


def test_a_dag_that_ended_meanwhile_and_whose_files_are_gone_is_found_by_history(
    stack, tmp_path_factory
):
    loop = Loop(stack, tmp_path_factory.mktemp("away"), "away")
    layout = {"TestEnablesEcalHcal": {"ls_per_file": 8}}
    play = loop.play(run_of(AWAY_RUN, [ECAL], lumisections=8, end_after=5, layout=layout))
    runs = loop.work_dir / ECAL / f"run{AWAY_RUN}"
    ended = f"CondorloopRun == {AWAY_RUN}"
    try:
        submitter = loop.start()
        loop.wait_for_output("submitted as", submitter)
        submitter.kill()
        submitter.wait()
        loop.wait(lambda: bool(loop.dagmans(ended)))
        for lost in [*runs.glob("dag*/*.metrics"), *runs.glob("dag*/*.dagman.log")]:
            lost.unlink()
        submitter = loop.start()
        loop.wait(lambda: loop.closed() == 1, lambda: submitter.poll() is None)
        assert "b000 is done" in loop.log(ECAL)
        assert len(loop.dagmans(ended)) == 1
        assert play.assay(ECAL, AWAY_RUN).faults == ()
    finally:
        loop.close()
