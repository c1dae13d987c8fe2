"""Tags of each synchronisation, as a scenario has them, filled by the true tool's stand-in."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from condorloop.model.lumis import Lumis
from condorloop.testbed import in_force
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.conditions.service import NETRC_MACHINE, ConditionsService
from condorloop.testbed.conditions.sqlite_file import lumi_since
from condorloop.testbed.in_force import TagHistory
from condorloop.testbed.scenario.scenario import Scenario
from condorloop.testbed.services import tags

OLD, YOUNG, SAFE = 398600, 398601, 398602
PLAYED = {run: Lumis.span(1, 30) for run in (OLD, YOUNG, SAFE)}
SYNCHRONISATIONS = ("any", "validation", "hlt", "express", "prompt", "pcl", "offline", "runmc")
SCENARIO = Scenario.of(
    {
        "conditions": {
            "first_safe_run": SAFE,
            "tags": {
                f"{name}_{time_type}": {
                    "synchronisation": name,
                    "time_type": time_type,
                    "object_type": "BeamSpotObjects",
                }
                for name in SYNCHRONISATIONS
                for time_type in ("Run", "Lumi")
            },
        }
    }
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConditionsService]:
    folder = tmp_path_factory.mktemp("conditions")
    safe = SCENARIO.conditions.first_safe_run or 0
    service = ConditionsService(folder, {"me": "secret"}, lambda: safe, tags(SCENARIO))
    service.start()
    yield service
    service.stop()


class Uploader:
    """Sends payloads of runs to a tag, as a job does."""

    def __init__(self, service: ConditionsService, folder: Path, tag: str) -> None:
        self.service, self.folder, self.tag = service, folder, tag
        netrc = folder / ".netrc"
        netrc.write_text(f"machine {NETRC_MACHINE} login me password secret\n")
        netrc.chmod(0o600)

    def send(self, run: int, *iovs: str) -> bool:
        """Send a run's payload with IOVs of these LS; tell whether the tag took it."""
        by_lumi = self.tag.endswith("Lumi")
        rows = [
            (lumi_since(run, Lumis.parse(ls).first) if by_lumi else run, payload(run, ls))
            for ls in iovs
        ]
        database = self.folder / "P.db"
        database.unlink(missing_ok=True)
        kind = "Lumi" if by_lumi else "Run"
        sqlite_file.write(database, "In", kind, "BeamSpotObjects", "any", rows)
        metadata: dict[str, object] = {
            "destinationDatabase": "oracle://cms_orcon_prod/CMS_CONDITIONS",
            "destinationTags": {self.tag: {}},
            "inputTag": "In",
            "since": None,
            "userText": "a test",
        }
        database.with_suffix(".txt").write_text(json.dumps(metadata))
        tool = "condorloop.testbed.conditions.upload_conditions"
        done = subprocess.run(
            [sys.executable, "-m", tool, "-u", self.service.url_template, "P.db"],
            cwd=self.folder,
            env={**os.environ, "COND_AUTH_PATH": str(self.folder), "NO_PROXY": "127.0.0.1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            check=False,
        )
        return done.returncode == 0

    @property
    def history(self) -> TagHistory:
        return TagHistory.read(self.service.store.path, self.tag)

    def faults(self) -> list[str]:
        return list(in_force.faults(self.history, PLAYED))


def payload(run: int, lumis: str) -> bytes:
    made_of = {str(ls): [10, 10] for ls in Lumis.parse(lumis)}
    return json.dumps({"constants": {}, "lumisections": made_of, "run": run}).encode()


@pytest.fixture
def uploader(
    service: ConditionsService, tmp_path: Path, request: pytest.FixtureRequest
) -> Uploader:
    return Uploader(service, tmp_path, request.param)


def of(*names: str, time_types: tuple[str, ...] = ("Run", "Lumi")) -> pytest.MarkDecorator:
    found = [f"{name}_{time_type}" for name in names for time_type in time_types]
    return pytest.mark.parametrize("uploader", found, indirect=True)


@of("any", "validation", time_types=("Run",))
def test_a_free_tag_takes_runs_in_any_order(uploader: Uploader) -> None:
    assert [uploader.send(run, "1-30") for run in (YOUNG, OLD, SAFE)] == [True] * 3
    assert uploader.faults() == []
    for run in PLAYED:
        assert in_force.must_be_served(uploader.history, run)
        assert in_force.served(uploader.history, run, PLAYED[run])[0] == PLAYED[run]


@of("hlt", "express", "prompt", time_types=("Lumi",))
def test_what_comes_late_is_moved_up_and_must_not_hide_a_younger_run(uploader: Uploader) -> None:
    assert uploader.send(OLD, "1-10", "11-30")
    assert uploader.send(YOUNG, "1-30")
    assert uploader.faults() == []
    assert [uploader.history.in_words(each.since) for each in uploader.history.visible] == [
        f"{SAFE}:1"
    ]
    assert not in_force.must_be_served(uploader.history, OLD)
    assert uploader.send(OLD, "1-30")
    [found] = uploader.faults()
    wrong = f"served by run {OLD}, though run {YOUNG} has constants in force"
    assert found == f"tag {uploader.tag}: run {SAFE} LS 1-30: {wrong}"


@of("pcl")
def test_what_comes_late_is_refused(uploader: Uploader) -> None:
    assert [uploader.send(run, "1-30") for run in (OLD, SAFE)] == [False, True]
    assert uploader.faults() == []
    assert not in_force.must_be_served(uploader.history, OLD)
    assert in_force.must_be_served(uploader.history, SAFE)


@of("offline", "runmc")
def test_a_tag_that_is_only_appended_to_refuses_an_older_run(uploader: Uploader) -> None:
    assert [uploader.send(run, "1-30") for run in (YOUNG, OLD, SAFE)] == [True, False, True]
    assert uploader.faults() == []
    assert not in_force.must_be_served(uploader.history, OLD)
    assert in_force.must_be_served(uploader.history, YOUNG)


@of("any", time_types=("Lumi",))
def test_iovs_of_an_earlier_upload_between_the_borders_of_the_last_are_found(
    uploader: Uploader,
) -> None:
    assert uploader.send(OLD, "1-4,6-21", "22-28")
    assert uploader.faults() == []
    assert uploader.send(OLD, "1-20", "21-30")
    [found] = uploader.faults()
    start = f"tag {uploader.tag}: run {OLD} LS 22-30: served by an obsolete IOV: since {OLD}:22 of"
    assert found.startswith(start)


def test_a_scenario_changes_a_tag_that_is_there_and_keeps_what_is_in_it(tmp_path: Path) -> None:
    safe = SCENARIO.conditions.first_safe_run or 0
    service = ConditionsService(tmp_path, {"me": "secret"}, lambda: safe, tags())
    plain = sqlite_file.tags(service.store.path)["EcalPedestals_NGTDemonstrator"]
    wanted = {"EcalPedestals_NGTDemonstrator": {"synchronisation": "pcl", "first_safe_run": 7}}
    service.store.define(tags(Scenario.of({"conditions": {"tags": wanted}})))
    changed = sqlite_file.tags(service.store.path)["EcalPedestals_NGTDemonstrator"]
    assert (plain.synchronization, changed.synchronization) == ("any", "pcl")
    assert service.store.first_safe_run("EcalPedestals_NGTDemonstrator") == 7
    assert service.store.first_safe_run("BeamSpot_NGTDemonstrator") == SAFE
