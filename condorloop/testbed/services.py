"""The testbed's own services in one process: OMS, the conditions service and the player.

Run as ``python -m condorloop.testbed.services FOLDER``. What it shows follows from ``play.json``
and the clock, so it can be ended and started again in the middle of a play.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from condorloop import config
from condorloop.config.calibration import Calibration
from condorloop.config.harvest_step import UploadMetadata
from condorloop.rundir.durable import read_json, write_json
from condorloop.testbed.calibrations import SYNCHRONISATION
from condorloop.testbed.cmssw.steps.workflows import WORKFLOWS
from condorloop.testbed.conditions.service import ConditionsService, TagSpec
from condorloop.testbed.faults import Faults
from condorloop.testbed.oms.rows import OmsRows, oms_rows
from condorloop.testbed.oms.server import OmsServer
from condorloop.testbed.scenario.paths import shipped_paths
from condorloop.testbed.scenario.player import Player
from condorloop.testbed.scenario.scenario import Scenario

POLL = 0.2
PLAYING = "playing.json"
"""What the services have taken up, as against ``play.json``, which asks for it."""
USER, PASSWORD = "testbed", "not-a-secret"


@dataclass(frozen=True, slots=True)
class Play:
    """A scenario that is played: since when (epoch, seconds) and how much faster than written."""

    scenario: str
    started_at: float
    speed: float = 1.0

    @classmethod
    def of(cls, folder: Path, name: str = "play.json") -> Play | None:
        """Read what is to be played in a testbed's folder; None if nothing is."""
        data = read_json(folder / name)
        return cls(**data) if data else None

    def write(self, folder: Path) -> None:
        """Let the testbed of a folder play this."""
        write_json(folder / "play.json", asdict(self))


class Services:
    """OMS, conditions service and player of a testbed's folder."""

    def __init__(self, folder: Path, oms_port: int = 0, conditions_port: int = 0) -> None:
        self._folder = folder
        self._play: Play | None = None
        self._scenario: Scenario | None = None
        self._player: Player | None = None
        self.oms = OmsServer(self._rows, port=oms_port)
        self.conditions = ConditionsService(
            folder / "conditions",
            {USER: PASSWORD},
            self._first_safe_run,
            tags(),
            port=conditions_port,
        )

    def start(self) -> None:
        """Serve, in threads of this process."""
        self.oms.start()
        self.conditions.start()

    def stop(self) -> None:
        """End."""
        if self._player:
            self._player.stop()
        self.oms.stop()
        self.conditions.stop()

    def follow(self) -> None:
        """Begin what ``play.json`` says, unless it is being played."""
        play = Play.of(self._folder)
        if play is None or play == self._play:
            return
        if self._player:
            self._player.stop()
        self._scenario = Scenario.load(Path(play.scenario))
        self._play = play
        self.conditions.store.define(tags(self._scenario))
        arguments = (self._scenario.faults, play.started_at, play.speed)
        resumed = Play.of(self._folder, PLAYING) == play
        for service in (self.oms.faults, self.conditions.faults):
            service.schedule(*arguments, resumed=resumed)
        if not resumed:
            faults = Faults(self._folder / "faults")
            faults.clear()
            faults.arm(*arguments)
        self._player = Player(
            self._scenario,
            self._folder / "eos",
            shipped_paths(),
            play.started_at,
            play.speed,
            record=self._folder / "appeared.jsonl",
        )
        self._player.start()
        write_json(self._folder / PLAYING, asdict(play))

    def _rows(self) -> OmsRows:
        if self._play is None or self._scenario is None:
            return OmsRows()
        elapsed = time.time() - self._play.started_at
        return oms_rows(self._scenario, elapsed, self._play.started_at, self._play.speed)

    def _first_safe_run(self) -> int:
        """What the scenario says; else the oldest run whose data are still buffered: its first."""
        if self._scenario is None:
            return 1
        given = self._scenario.conditions.first_safe_run
        return given or min((run.run for run in self._scenario.runs), default=1)


def tags(scenario: Scenario | None = None) -> dict[str, TagSpec]:
    """The tags of the shipped calibrations, as a scenario wants them, and those that it adds.

    A since that comes late is taken as it is, unless the scenario says otherwise.
    """
    calibrations, _ = config.shipped_known()
    found = {
        tag: TagSpec(SYNCHRONISATION, *_kind(calibration, record))
        for calibration in calibrations.values()
        for record in calibration.harvest.records
        for tag in record.tags
    }
    for name, wanted in (scenario.conditions.tags if scenario else {}).items():
        found[name] = wanted.of(found.get(name))
    return found


def _kind(calibration: Calibration, record: UploadMetadata) -> tuple[str, str]:
    """The time type and the object type of a record of a payload file.

    Where the calibration's own lines give the tag its name, its workflow has one record.
    """
    for made in (r for workflow in WORKFLOWS for r in workflow.records):
        if made.tag == record.input_tag:
            return _TIME_TYPES[made.time_type], made.object_type
    first, *_ = (w.records[0] for w in WORKFLOWS if w.calibration == calibration.name)
    return "Run" if calibration.expects_run(record) else "Lumi", first.object_type


_TIME_TYPES = {"runnumber": "Run", "lumiid": "Lumi"}
"""Time types by the names that PoolDBOutputService has for them."""


def main(folder: Path) -> None:
    """Serve until SIGTERM; ``services.json`` tells where, once all is up."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    file = folder / "services.json"
    before = read_json(file)
    services = Services(folder, before.get("oms_port", 0), before.get("conditions_port", 0))
    services.follow()  # before anybody can ask: the scenario says how the tags are
    services.start()
    ports = {"oms_port": services.oms.port, "conditions_port": services.conditions.port}
    (folder / "services.pid").write_text(f"{os.getpid()}\n")
    file.write_text(json.dumps(ports))
    while not stopping.wait(POLL):
        services.follow()
    services.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
