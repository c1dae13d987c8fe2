"""A play that several tests look at: what the loop did, and what its status said meanwhile."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from condorloop.model.enums import CampaignState
from condorloop.model.lumis import Lumis
from condorloop.model.problem import ProblemKind
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import MANIFEST
from condorloop.rundir.records import attempts
from condorloop.rundir.records.attempts import Attempt
from tests.loop import Loop, Played, matching

ECAL, STRIPS, SPOT = ALL = ("EcalPedestals", "SiStripBad", "BeamSpot")


@dataclass
class Story:
    """A scenario that is played, and its submitter.

    Attributes
    ----------
    seen
        Every problem that the status ever had, and each of its texts.
    moments
        What a test wants to know of a time that is over.
    """

    loop: Loop
    play: Played
    seen: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    moments: dict[str, Any] = field(default_factory=dict, repr=False)

    def run_until(self, over: Callable[[], bool]) -> None:
        """Run the submitter in this process until a condition holds."""
        self.loop.run_until(lambda: self.listen() and over())

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition while a submitter of a process of its own runs."""
        self.loop.wait(lambda: self.listen() and condition())

    def run_until_closed(self, campaigns: int) -> None:
        """Run the submitter in this process until so many campaigns are closed."""
        self.run_until(lambda: self.loop.closed() == campaigns)

    def listen(self) -> bool:
        """Note what the status says now."""
        self.seen |= {json.dumps(p): p for p in self.loop.status().get("problems", [])}
        return True

    def has_said(self, kind: ProblemKind, *words: str, **about: object) -> bool:
        """Whether there ever was a problem of a kind with these words and fields."""
        return bool(matching(self.seen.values(), kind, *words, **about))

    def campaign(self, calibration: str, run: int, moment: str = "") -> dict[str, Any]:
        """A campaign of the status, as it is or as it was at a moment."""
        if not moment:
            return self.loop.campaign(calibration, run)
        found = self.moments[moment]["campaigns"]
        [campaign] = [c for c in found if (c["calibration"], c["run"]) == (calibration, run)]
        return dict(campaign)

    def is_complete(self) -> bool:
        """Whether every campaign is complete."""
        states = [c["state"] for c in self.loop.campaigns()]
        return bool(states) and set(states) == {CampaignState.COMPLETE}

    def jobs(self, run: int) -> Counter[tuple[str, str]]:
        """How many jobs each node of a run has had; its DAG as ``EcalPedestals dag000``."""
        return Counter(
            {
                (f"{dag.split('/')[0]} {dag.rpartition('/')[2]}", node): count
                for (dag, node), count in self.loop.jobs(run).items()
            }
        )

    def queue(self, constraint: str) -> list[dict[str, Any]]:
        """The ads of node jobs in the queue."""
        return self.loop.queue(f"{constraint} && CondorloopKind =!= undefined")

    def node(self, calibration: str, run: int, ls: int, kind: str = "RECO") -> tuple[str, str]:
        """The node of a kind that reads a lumisection, as in `jobs`."""
        runs = self.loop.work_dir / calibration / f"run{run}"
        for manifest in sorted(runs.glob(f"dag*/{MANIFEST}")):
            for name, node in read_json(manifest)["nodes"].items():
                if node["kind"] == kind and ls in Lumis.parse(node["lumis"]):
                    return f"{calibration} {manifest.parent.name}", name
        raise LookupError(f"no {kind} node reads LS {ls}")

    def failures(self, run: int, node: tuple[str, str]) -> list[str]:
        """Why the attempts of a node failed."""
        return [attempt.words for attempt in self._attempts(run, node)]

    def blamed(self, run: int, node: tuple[str, str]) -> set[str]:
        """The names of the inputs that made attempts of a node fail."""
        paths = [path for attempt in self._attempts(run, node) for path in attempt.blames]
        return {path.rpartition("/")[2] for path in paths}

    def told(self, run: int, node: tuple[str, str]) -> str:
        """A node of a batch as the status names it: ``b000 RECO_0000``."""
        manifest = read_json(self._directory(run, node) / MANIFEST)
        return f"b{manifest['batch']:03d} {node[1]}"

    def _attempts(self, run: int, node: tuple[str, str]) -> tuple[Attempt, ...]:
        return attempts.read(self._directory(run, node), node[1])

    def _directory(self, run: int, node: tuple[str, str]) -> Path:
        calibration, _, folder = node[0].partition(" ")
        return self.loop.work_dir / calibration / f"run{run}" / folder

    def assert_whole(self, run: int, *calibrations: str) -> None:
        """Make sure that a run's payloads are as they would be if nothing had gone wrong."""
        faults = {name: self.play.assay(name, run).faults for name in calibrations}
        assert faults == dict.fromkeys(calibrations, ())
        self.loop.assert_nothing_was_done_twice(run)
