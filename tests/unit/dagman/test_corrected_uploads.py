"""What a person corrects in a YAML file is what is sent, and the destination only on their word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from condorloop.dagman.render import Renderer
from condorloop.dagman.rerender import renew
from condorloop.model.enums import TagOutcome
from condorloop.node.dag_context import DagContext
from condorloop.node.post_script import finish
from condorloop.node.uploads.upload import upload
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import ASK_AGAIN, MANIFEST, PERMANENT, UPLOAD_RECORD
from condorloop.rundir.records.manifest import Manifest
from condorloop.services.conditions import TagAnswer
from condorloop.testbed.conditions import sqlite_file
from tests.unit.dag_plans import RECONSTRUCTION
from tests.unit.examples import KEY, config
from tests.unit.node_examples import choose_inputs, leave_harvest, make_dag, run_alca
from tests.unit.upload_examples import LATE, PROD, TAG, TRIAL

OTHER = "EcalPedestals_Other"


class Loop:
    """A DAG whose payload was harvested, and the configuration of its calibration."""

    def __init__(self, folder):
        self.dag = make_dag(folder)
        loaded = config(folder)
        self.renderer = Renderer(loaded, loaded.site.work_dir, "ledger")

    def configure(self, **upload):
        """Correct the YAML file, and have it read again."""
        loaded = self.renderer.config
        calibration = loaded.calibrations[KEY.calibration]
        present = calibration.harvest.records[0].model_copy(update=upload)
        harvest = calibration.harvest.model_copy(update={"upload": present})
        changed = calibration.model_copy(update={"harvest": harvest})
        calibrations = {**loaded.calibrations, KEY.calibration: changed}
        self.renderer = replace(self.renderer, config=replace(loaded, calibrations=calibrations))

    def resubmit(self, *, accept_destination=False):
        """What `condorloop resubmit` does with a DAG whose upload was refused, and the UPLOAD."""
        renew(self.renderer, RECONSTRUCTION, 0, {}, accept_destination=accept_destination)
        self.dag = DagContext(self.dag.directory, Manifest.read(self.dag.directory / MANIFEST))
        (self.harvest / ASK_AGAIN).touch()
        return upload(self.dag)

    def run_harvest(self, *tags, time_type="Run", since=398600):
        """Let HARVEST end well with a payload in each of these tags."""
        run_alca(self.dag)
        choose_inputs(self.dag)
        file = self.dag.directory / "made.db"
        for tag in tags:
            row = (since, tag.encode())
            sqlite_file.write(file, tag, time_type, "EcalPedestals", "any", [row])
        leave_harvest(self.dag, data=file.read_bytes())
        assert finish(self.dag, "HARVEST", 0) == 0

    @property
    def harvest(self):
        return self.dag.run_dir / "harvestJob000"

    @property
    def sent(self):
        """The metadata that were sent last."""
        return read_json(self.harvest / "NGTCalibEcalPedestals.txt")

    @property
    def outcomes(self):
        told = read_json(self.harvest / UPLOAD_RECORD)["destinations"]
        return {(d["database"], d["tag"]): d["outcome"] for d in told}


@pytest.fixture
def loop(tmp_path, tool):
    return Loop(tmp_path)


@pytest.fixture
def refused(loop, tool):
    """One whose payload the service has refused."""
    loop.run_harvest(TAG, OTHER)
    tool.says = [{TAG: LATE}]
    assert upload(loop.dag) == PERMANENT
    return loop


def test_corrected_words_and_options_are_what_is_sent(refused, tool):
    refused.configure(user_text="the right words", tags={TAG: {"synchronizeTo": "hlt"}})
    assert refused.resubmit() == 0
    assert refused.sent["userText"].startswith("the right words [condorloop ")
    assert refused.sent["destinationTags"] == {TAG: {"synchronizeTo": "hlt"}}


def test_a_corrected_input_tag_is_what_is_sent_if_the_file_has_it(refused):
    assert refused.sent["inputTag"] == TAG
    refused.configure(input_tag=OTHER)
    assert refused.resubmit() == 0
    assert refused.sent["inputTag"] == OTHER


def test_a_tag_that_a_later_harvest_is_to_write_is_not_asked_of_this_file(refused):
    refused.configure(input_tag="Future")
    assert refused.resubmit() == 0
    assert refused.sent["inputTag"] == TAG


@pytest.mark.parametrize(("said", "since"), [("iov", None), ("run", 398600)])
def test_a_corrected_since_is_what_is_sent(refused, said, since):
    refused.configure(since=said)
    assert refused.resubmit() == 0
    assert refused.sent["since"] == since


def test_a_since_that_does_not_fit_the_file_is_named_and_not_sent(loop, tool):
    loop.run_harvest(TAG, time_type="Lumi", since=398600 << 32 | 1)
    loop.configure(since="run")
    assert loop.resubmit() == 1
    told = read_json(loop.harvest / UPLOAD_RECORD)
    assert told["outcome"] == "failed"
    assert "has time type Lumi" in told["answer"]
    assert tool.sent == []


def test_another_destination_is_kept_out_until_a_person_means_it(refused, tool):
    refused.configure(tags={TRIAL: {}}, user_text="the right words")
    assert refused.resubmit() == 0
    assert [tags for _, tags in tool.sent] == [(TAG,), (TAG,)]
    assert refused.sent["userText"].startswith("the right words [condorloop "), "words only"
    assert refused.resubmit(accept_destination=True) == 0
    assert [tags for _, tags in tool.sent] == [(TAG,), (TAG,), (TRIAL,)]
    assert refused.outcomes == {(PROD, TAG): "uploaded", (PROD, TRIAL): "uploaded"}


def test_a_payload_of_a_trial_goes_to_production_when_a_person_means_it(loop, tool):
    """It is neither superseded by itself nor refused as the trial was."""
    loop.configure(tags={TRIAL: {}})
    renew(loop.renderer, RECONSTRUCTION, 0, {}, accept_destination=True)
    loop.dag = DagContext(loop.dag.directory, Manifest.read(loop.dag.directory / MANIFEST))
    loop.run_harvest(TAG)
    assert upload(loop.dag) == 0
    loop.configure(tags={TAG: {}})
    assert loop.resubmit() == 0
    assert [tags for _, tags in tool.sent] == [(TRIAL,)], "nothing unasked"
    assert loop.resubmit(accept_destination=True) == 0
    assert [tags for _, tags in tool.sent] == [(TRIAL,), (TAG,)]


def test_what_an_outage_may_have_left_is_sent_in_the_same_words(loop, tool):
    """The service knows a file by its content: it would enter the tag twice."""
    loop.run_harvest(TAG)
    tool.says = [{TAG: TagAnswer(TagOutcome.NOT_NAMED, "cut")}]
    assert upload(loop.dag) == 1
    words = loop.sent["userText"]
    loop.configure(user_text="other words")
    assert loop.resubmit() == 0
    assert loop.sent["userText"] == words
