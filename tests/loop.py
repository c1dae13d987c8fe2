"""Driving the loop in tests: play a scenario, run the submitter, look at what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import requests
import yaml

from condorloop import config
from condorloop.ledger.store import Ledger, LedgerReader, open_requests
from condorloop.ledger.updates.dags import Dags
from condorloop.model.enums import CampaignState, RequestKind
from condorloop.model.problem import ProblemKind
from condorloop.model.request import Request
from condorloop.rundir.durable import read_json
from condorloop.runtime import logs
from condorloop.submitter import Submitter, build_submitter
from condorloop.testbed import calibrations
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.faults import Faults
from condorloop.testbed.scenario.scenario import Scenario
from condorloop.testbed.stack import Stack
from condorloop.testbed.truth import Truth
from condorloop.testbed.verify import Verdict, appeared, assay

TIMEOUT = 120.0


class Crashed(BaseException):
    """Stands for the end of the process at this point."""


@contextmanager
def up(stack: Stack) -> Iterator[Stack]:
    """Bring a testbed up, let this process' bindings talk to its pool, and bring it down."""
    before = dict(os.environ)
    os.environ.update(stack.environment())
    try:
        stack.up()
        _configure_bindings()
        yield stack
    finally:
        stack.down()
        os.environ.clear()
        os.environ.update(before)
        if "CONDOR_CONFIG" in before:
            _configure_bindings()


def _configure_bindings() -> None:
    import htcondor2  # which reads the configuration, so not before there is one

    htcondor2.reload_config()


@dataclass(frozen=True)
class Played:
    """A scenario that is being played."""

    loop: Loop
    scenario: Scenario

    def assay(self, calibration: str, run: int) -> Verdict:
        """Examine a campaign's payloads."""
        calibrations, streams = config.shipped_known()
        found, folder = calibrations[calibration], self.loop.stack.folder
        truth, stream = Truth(self.scenario.seed), streams[found.stream_name]
        return assay(folder, found, stream, run, truth, self.loop.work_dir)


def matching(
    problems: Iterable[dict[str, Any]], kind: ProblemKind, *words: str, **about: object
) -> list[dict[str, Any]]:
    """Choose the problems of a kind that have these words and fields."""
    return [
        p
        for p in problems
        if p["kind"] == kind
        and all(p[name] == value for name, value in about.items())
        and all(word in p["text"] for word in words)
    ]


class Loop:
    """A site of its own on the session's testbed.

    `settings` are of its site file: they go before the usual ones, section by section.
    """

    def __init__(
        self, stack: Stack, folder: Path, name: str, settings: Mapping[str, Any] | None = None
    ) -> None:
        self.stack = stack
        self.folder = folder
        self.work_dir = folder / "work"
        self.site = folder / "site.yaml"
        site = yaml.safe_load(stack.site.read_text())
        site |= {"name": name, "work_dir": str(self.work_dir), "poll_interval": 0.5}
        site["calibrations"] = "calibrationYAML"
        site["defaults"]["closing"] = {"quiet_time": 2, "settle_time": 4}
        site["defaults"]["batching"] = {"batch_window": 2, "max_files_per_job": 8}
        site["defaults"]["rescues"] = {"wait": 1}
        _merge(site, settings or {})
        self._site = site
        self._write_site()
        self.calibrations = folder / "calibrationYAML"
        self._copy_calibrations()
        self._calibrations: list[str] = []
        self._processes: list[subprocess.Popen[bytes]] = []

    def _copy_calibrations(self) -> None:
        calibrations.write(self.calibrations)
        # On a busy machine the submitter may see a short run only when it has ended.
        self.edit("EcalPedestals", {"step_2_config": {"minLsToProcess": 1}})

    def _write_site(self) -> None:
        self.site.write_text(yaml.safe_dump(self._site))

    def play(self, scenario: dict[str, object]) -> Played:
        """Let a scenario begin."""
        file = self.folder / "scenario.yaml"
        file.write_text(yaml.safe_dump(scenario))
        loaded = Scenario.load(file)
        self._calibrations = sorted({c for run in loaded.runs for c in run.calibrations})
        self.stack.play(file, after=0.5)
        return Played(self, loaded)

    def edit(self, calibration: str, sections: Mapping[str, Any]) -> None:
        """Change sections of a calibration's YAML file."""
        file = self.calibrations / f"{calibration}.yaml"
        data = yaml.safe_load(file.read_text())
        _merge(data, sections)
        file.write_text(yaml.safe_dump(data, allow_unicode=True))

    def config(self) -> config.Config:
        """The site's configuration, of the scenario's calibrations."""
        return config.load(self.site, self.calibrations, self._calibrations)

    def _submitting(self, act: Callable[[Submitter], None]) -> None:
        loaded = self.config()
        self.work_dir.mkdir(exist_ok=True)
        logs.start(self.work_dir, loaded.calibrations)
        with Ledger(self.work_dir / "condorloop.db") as opened:
            submitter = build_submitter(loaded, opened)
            try:
                act(submitter)
            finally:
                submitter.close()

    def run_until_closed(self, campaigns: int, rescues: int = 3) -> None:
        """Run the submitter in this process until so many campaigns are closed."""
        self._site["defaults"]["rescues"]["max_rescues"] = rescues
        self._write_site()
        self.run_until(lambda: self.closed() == campaigns)

    def run_until(self, over: Callable[[], bool]) -> None:
        """Run the submitter in this process until a condition holds."""

        def act(submitter: Submitter) -> None:
            running = threading.Event()
            running.set()

            def watch() -> None:
                try:
                    self.wait(over, running.is_set)
                finally:
                    submitter.stop()

            with ThreadPoolExecutor(1) as pool:
                watching = pool.submit(watch)
                try:
                    submitter.run()
                finally:
                    running.clear()
                watching.result()

        self._submitting(act)

    def run_until_crash_after_submission(self) -> None:
        """Run the submitter until a DAG is in the queue and the ledger does not know."""

        def forget(*_: object) -> None:
            raise Crashed

        def act(submitter: Submitter) -> None:
            deadline = time.monotonic() + TIMEOUT
            while time.monotonic() < deadline:
                try:
                    submitter.once()
                except Crashed:
                    return
            raise AssertionError("no DAG was submitted")

        with patch.object(Dags, "submitted", forget):
            self._submitting(act)

    def start(self, *more: str) -> subprocess.Popen[bytes]:
        """Start the submitter as a process of its own; `more` are options that go last."""
        command = [sys.executable, "-m", "condorloop", "run", "--site", str(self.site)]
        command += ["--calibrations", str(self.calibrations)]
        for name in self._calibrations:
            command += ["-c", name]
        command += more
        with (self.folder / "submitter.log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self._processes.append(process)
        return process

    def run_and_kill_after(self, cycles: int) -> None:
        """Run the submitter as a process, and kill it after so many cycles."""
        status = self.work_dir / "status.json"
        process = self.start()
        seen: set[float] = set()

        def enough() -> bool:
            data = read_json(status)
            if data.get("pid") == process.pid:
                seen.add(data["time"])
            return len(seen) >= cycles

        self.wait(enough, lambda: process.poll() is None)
        process.kill()
        process.wait()

    def close(self) -> None:
        """End what still runs."""
        for process in self._processes:
            process.kill()
            process.wait()
        self.tool(
            "condor_rm", "-constraint", f'CondorloopSite == "{self._site["name"]}"', check=False
        )

    def closed(self) -> int:
        """How many campaigns are closed."""
        return sum(not CampaignState(c["state"]).open for c in self.campaigns())

    def status(self) -> dict[str, list[dict[str, object]]]:
        """What status.json holds."""
        return read_json(self.work_dir / "status.json")

    def states(self) -> dict[object, CampaignState]:
        """The state of each campaign, by calibration."""
        campaigns = self.status().get("campaigns", [])
        return {c["calibration"]: CampaignState(str(c["state"])) for c in campaigns}

    def probes(self) -> dict[str, int]:
        """How often each RAW file was probed."""
        with LedgerReader(self.work_dir / "condorloop.db") as ledger:
            return ledger.raw_files.probes()

    def log(self, calibration: str) -> str:
        """All that was logged of a calibration."""
        return (self.work_dir / calibration / "condorloop_ALL.log").read_text()

    def queue(self, constraint: str) -> list[dict[str, Any]]:
        """The ads of this site's jobs in the queue, DAGMan's among them."""
        import htcondor2

        whole = f'{constraint} && CondorloopSite == "{self._site["name"]}"'
        return [dict(ad) for ad in htcondor2.Schedd().query(whole)]

    def history(self, constraint: str) -> list[dict[str, object]]:
        """The ads of jobs that have left the queue."""
        import htcondor2

        whole = f'{constraint} && CondorloopSite == "{self._site["name"]}"'
        try:
            return list(htcondor2.Schedd().history(whole, [], -1))
        except htcondor2.HTCondorException:  # as the first time after a schedd was restarted
            return list(htcondor2.Schedd().history(whole, [], -1))

    def dagmans(self, constraint: str) -> list[dict[str, object]]:
        """The ads of DAGMan jobs that have left the queue."""
        return self.history(f"{constraint} && CondorloopKind =?= undefined")

    def assert_nothing_was_done_twice(self, run: int) -> None:
        """Make sure that no DAG ran beside itself or again after it had succeeded.

        And that each payload in the database was better than the one before it.
        """
        of_dag: dict[object, list[dict[str, Any]]] = {}
        for ad in self.dagmans(f"CondorloopRun == {run}"):
            of_dag.setdefault(ad["CondorloopId"], []).append(ad)
        for dag, ads in of_dag.items():
            for before, after in pairwise(sorted(ads, key=lambda ad: ad["ClusterId"])):
                assert before["EnteredCurrentStatus"] <= after["QDate"], f"{dag} ran beside itself"
                assert before.get("ExitCode") != 0, f"{dag} had succeeded, and ran again"
        for calibration in self._calibrations:
            sizes = self.payload_sizes(calibration, run)
            assert sizes == sorted(set(sizes)), (calibration, sizes)

    def campaigns(self) -> list[dict[str, Any]]:
        """The campaigns of status.json."""
        return self.status().get("campaigns", [])

    def campaign(self, calibration: str, run: int) -> dict[str, Any]:
        """A campaign of status.json; the empty one if it is not there."""
        key = (calibration, run)
        found = (c for c in self.campaigns() if (c["calibration"], c["run"]) == key)
        return next(found, {})

    def problems(self) -> list[str]:
        """The problems of status.json, in words."""
        return [str(p["text"]) for p in self.status().get("problems", [])]

    def wrong(self, kind: ProblemKind, *words: str, **about: object) -> list[dict[str, Any]]:
        """The problems of a kind in status.json that have these words and fields."""
        return matching(self.status().get("problems", []), kind, *words, **about)

    def job_faults(self) -> Faults:
        """The faults of jobs that wait."""
        return Faults(self.stack.folder / "faults")

    def service_faults(self, *, clear: bool = False) -> list[dict[str, Any]]:
        """The faults of OMS and the conditions service that wait."""
        ports = read_json(self.stack.folder / "services.json").values()
        urls = [f"http://127.0.0.1:{port}/_testbed/faults" for port in ports]
        method = "DELETE" if clear else "GET"
        return [f for url in urls for f in requests.request(method, url, timeout=20).json()]

    def fail_conditions(self, mode: str, **more: Any) -> None:
        """Let the next requests to the conditions service fail."""
        port = read_json(self.stack.folder / "services.json")["conditions_port"]
        url = f"http://127.0.0.1:{port}/_testbed/faults"
        requests.post(url, json={"mode": mode, **more}, timeout=20).raise_for_status()

    def jobs(self, run: int) -> Counter[tuple[str, str]]:
        """How many jobs of each node have left the queue, by its DAG's directory and name."""
        ads = self.history(f"CondorloopRun == {run} && CondorloopKind =!= undefined")
        names = (
            (str(Path(str(ad["Iwd"])).relative_to(self.work_dir)), str(ad["DAGNodeName"]))
            for ad in ads
        )
        return Counter(names)

    def ask_to_resubmit(self, run: int, *, include_quarantined: bool = False) -> int:
        """Ask for what failed of a run again."""
        return self.ask(RequestKind.RESUBMIT, run, include_quarantined=include_quarantined)

    def ask(self, kind: RequestKind, run: int, **options: Any) -> int:
        """Leave a request in the ledger, as a person's command does."""
        with open_requests(self.work_dir / "condorloop.db") as requests:
            return requests.add(
                Request(kind, run, made_by="a test", made_at=time.time(), **options)
            )

    def answer_to(self, request: int) -> tuple[bool, str] | None:
        """Whether a request was carried out, and the words for it; None as long as it waits."""
        with open_requests(self.work_dir / "condorloop.db") as requests:
            return requests.answer_to(request)

    def payload_sizes(self, calibration: str, run: int) -> list[tuple[int, int]]:
        """The LS and events of each payload of a run that was ever uploaded, in order.

        Of a calibration whose payloads hold for single lumisections it gives none.
        """
        configured = self.config().calibrations[calibration]
        if not configured.since_is_run:
            return []
        database = self.stack.folder / "conditions" / "conditions.db"
        [tag] = configured.harvest.records[0].tags
        found = [i for i in sqlite_file.iovs(database, tag, hidden=True) if i.since == run]
        payloads = [json.loads(sqlite_file.payload(database, i.payload_hash)) for i in found]
        counts = [[events for events, _ in p["lumisections"].values()] for p in payloads]
        return [(len(c), sum(c)) for c in counts]

    def wait_for_log(self, calibration: str, text: str, process: subprocess.Popen[bytes]) -> None:
        """Wait until a calibration's log has a text."""
        file = self.work_dir / calibration / "condorloop_ALL.log"
        self.wait(
            lambda: file.exists() and text in file.read_text(), lambda: process.poll() is None
        )

    def output(self) -> str:
        """All that submitters of processes of their own have printed."""
        return (self.folder / "submitter.log").read_text(errors="replace")

    def wait_for_output(self, text: str, process: subprocess.Popen[bytes]) -> None:
        """Wait until a submitter has printed a text."""
        self.wait(lambda: text in self.output(), lambda: process.poll() is None)

    def wait_for_files(self, run: int, count: int) -> None:
        """Wait until so many files of a run have appeared."""
        record = self.stack.folder / "appeared.jsonl"
        self.wait(lambda: sum(f.run == run for f in appeared(record)) >= count)

    def wait_until_gone(self, cluster: int) -> None:
        """Wait until a job has left the queue."""
        import htcondor2

        schedd = htcondor2.Schedd()
        self.wait(lambda: not schedd.query(f"ClusterId == {cluster}"))

    def condorloop(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of condorloop at this site."""
        command = [sys.executable, "-m", "condorloop", *arguments, "--site", str(self.site)]
        return self.tool(*command, check=check)

    def tool(
        self, *command: str, cwd: Path | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command that ends by itself."""
        done = subprocess.run(
            command,
            cwd=cwd or self.folder,
            env=os.environ | self.stack.environment(),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert not check or done.returncode == 0, (
            f"{json.dumps(command)}: {done.stdout}{done.stderr}"
        )
        return done

    def tick(self) -> None:
        """Let a moment pass between two cycles of a submitter that a test drives itself."""
        threading.Event().wait(0.2)

    def wait(
        self,
        condition: Callable[[], bool],
        possible: Callable[[], bool] = lambda: True,
        timeout: float = TIMEOUT,
    ) -> None:
        """Wait for a condition, as long as it is possible, and not for ever."""
        deadline = time.monotonic() + timeout
        tick = threading.Event()
        while not condition():
            assert possible() or condition(), f"can no longer happen: {self.status()}"
            assert time.monotonic() < deadline, f"not in {timeout:g} s: {self.status()}"
            tick.wait(0.05)


def _merge(site: dict[str, Any], settings: Mapping[str, Any]) -> None:
    for name, value in settings.items():
        if isinstance(value, Mapping) and isinstance(site.get(name), dict):
            _merge(site[name], value)
        else:
            site[name] = value
