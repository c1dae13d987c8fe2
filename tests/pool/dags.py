"""Real DAGs with jobs of the test's own: the templates' submit descriptions, other scripts."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from condorloop import config
from condorloop.config.loader import Config
from condorloop.dagman.plan import DagPlan
from condorloop.dagman.render import Renderer
from condorloop.dagman.schedd.client import Schedd, ScheddUnavailable
from condorloop.model.campaign import Batch, CampaignKey, RawFile
from condorloop.model.lumis import Lumis
from condorloop.model.queue import QueuedDag
from condorloop.rundir.layout import dag_file
from condorloop.testbed import daemons
from condorloop.testbed.htcondor.pool import Pool
from condorloop.testbed.prefix.prefix import Prefix
from tests.unit.dag_plans import own_batch, own_harvest

KEY = CampaignKey("EcalPedestals", 398600)
TIMEOUT = 60.0

NODE = """\
case $1 in
inputs) mkdir -p inputs; touch inputs.txt ;;
finish) exit "$3" ;;
esac
"""


def wait(condition: Callable[[], object]) -> None:
    """Wait for what must come true."""
    assert daemons.wait_until(lambda: bool(condition()), TIMEOUT)


@contextmanager
def small_pool(folder: Path, prefix: Prefix, settings: Mapping[str, str]) -> Iterator[Pool]:
    """A pool of the tests' own, with settings; its commands are on the PATH."""
    pool = Pool(folder / "pool", prefix, cpus=12, settings=settings)
    before = dict(os.environ)
    os.environ.update(pool.environment())
    try:
        pool.start()
        yield pool
    finally:
        pool.stop()
        os.environ.clear()
        os.environ.update(before)


@dataclass(frozen=True)
class Submitted:
    """A DAG in the queue of a site of its own."""

    site: Site
    file: Path
    id: str
    cluster: int

    def queued(self) -> QueuedDag | None:
        """What the schedd says of it; None if it is not in the queue."""
        return self.site.answer().get(self.id)

    def ads(self, *attributes: str) -> dict[str, dict[str, str]]:
        """Attributes of its node jobs that are in the queue, by node."""
        which = f"DAGManJobId == {self.cluster}"
        said = tool("condor_q", "-constraint", which, "-af:t", "DAGNodeName", *attributes)
        rows = [line.split("\t") for line in said.splitlines()]
        return {name: dict(zip(attributes, values, strict=True)) for name, *values in rows}

    def done(self) -> set[str]:
        """The nodes that DAGMan counts as done."""
        file = Path(f"{self.file}.status")
        text = file.read_text() if file.exists() else ""
        names = (part.partition('Node = "')[2] for part in text.split("Type = ")[1:])
        return {n.partition('"')[0] for n in names if "NodeStatus = 5;" in n}

    def dagman(self) -> daemons.Process | None:
        """The process of its DAGMan."""
        for process in daemons.everything():
            words = daemons.command_line(process.pid)
            if words and "condor_dagman" in words[0] and str(self.file) in words:
                return process
        return None


class Site:
    """A site of its own on a pool."""

    def __init__(self, folder: Path, pool: Pool, timeout: float = 20.0, **defaults: object) -> None:
        self.work_dir = folder / "work"
        name = folder.name.replace("[", "-").replace("]", "")
        site = {
            "name": name,
            "work_dir": str(self.work_dir),
            "oms": {"url": "http://127.0.0.1:1/agg/api"},
            "storage": {"url": "root://127.0.0.1:2/"},
            "cmssw": {"setup": "/nowhere/cmsset_default.sh"},
            "conditions": {"timeout": 0.5},  # shorter than any limit of an UPLOAD's time here
            "pool": {"condor_config": str(pool.config), "timeout": timeout},
            "defaults": defaults,
        }
        file = folder / "site.yaml"
        file.write_text(yaml.safe_dump(site))
        self.config = self._load(file)
        self.renderer = Renderer(self.config, self.work_dir, name)
        self.schedd = Schedd(self.config.site.pool, name)

    def _load(self, site: Path) -> Config:
        """Read the configuration."""
        return config.load(site, config.shipped("calibrationYAML"), [KEY.calibration])

    def answer(self) -> dict[str, QueuedDag]:
        """What is in the queue, once the schedd answers."""
        answers: list[dict[str, QueuedDag]] = []

        def asked() -> bool:
            try:
                answers.append(dict(self.schedd.queued().dags))
            except ScheddUnavailable:
                return False
            return True

        wait(asked)
        return answers[0]

    def batch(self, paths: Sequence[str], key: CampaignKey = KEY, **scripts: str) -> Submitted:
        """Submit a batch's DAG of these RAW files."""
        files = tuple(RawFile(p, 1, Lumis.span(i + 1, i + 1), 1) for i, p in enumerate(paths))
        stream = self.config.stream_of(KEY.calibration)
        return self.submit(own_batch(key, stream, Batch(0, files), 0, 0), scripts)

    def harvest(self, number: int = 0, key: CampaignKey = KEY, **scripts: str) -> Submitted:
        """Submit a harvest DAG."""
        return self.submit(own_harvest(key, number), scripts)

    def submit(self, plan: DagPlan, scripts: Mapping[str, str]) -> Submitted:
        """Submit a DAG, with these in the place of its scripts."""
        self.renderer.write(plan)
        return self.start(plan, scripts)

    def start(self, plan: DagPlan, scripts: Mapping[str, str]) -> Submitted:
        """Submit a DAG that is written, with these in the place of its scripts."""
        file = dag_file(self.renderer.run_dir(plan.key), plan.number)
        for name, text in ({"node": NODE} | dict(scripts)).items():
            (file.parent / f"{name}.sh").write_text(f"#!/bin/sh\n{text}")
        for node in plan.nodes:
            if node.output and node.kind == "RECO":
                (self.renderer.run_dir(plan.key) / f"{node.output}.root").touch()
        cluster = self.schedd.submit(file, f"{plan.key} {plan.label}")
        return Submitted(self, file, self.renderer.dag_id(plan.key, plan.number), cluster)

    def close(self) -> None:
        """Take all of it out of the queue."""
        name = self.config.site.name
        tool("condor_rm", "-constraint", f'CondorloopSite == "{name}"', check=False)
        wait(lambda: not self.answer())
        self.schedd.close()


def tool(*command: str, check: bool = True) -> str:
    """Run one of HTCondor's commands; give what it prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def schedd_process(pool: Pool) -> daemons.Process:
    """The schedd of a pool."""
    file = pool.folder / "run" / "schedd.pid"
    found = daemons.named(file, str(file))
    assert found
    return found


@contextmanager
def paused(process: daemons.Process) -> Iterator[None]:
    """Let a process stand still for a while."""
    process.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.signal(signal.SIGCONT)
