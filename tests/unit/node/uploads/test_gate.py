"""The gate in the UPLOAD job: what it lets go, what it holds, and what a person's word changes."""

from __future__ import annotations

import json
import stat
import sys
from dataclasses import replace

import pytest

from condorloop.model.enums import Synchronisation, TimeType, Verdict
from condorloop.model.gate import GateAnswer, GateLimits, QuantityLimit
from condorloop.model.lumis import LAST_LS
from condorloop.model.tag_content import TagContent, TagIov
from condorloop.node.post_script import finish
from condorloop.node.uploads.upload import upload
from condorloop.rundir.layout import DECISIONS, HARVEST_RECORD
from condorloop.rundir.records.decisions import Decision, Decisions
from condorloop.rundir.records.gate import GateTool
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.rundir.records.manifest import Manifest
from condorloop.services.cmssw import CmsswError
from condorloop.services.tag_reader import TagUnreadable
from tests.unit.examples import START
from tests.unit.node.uploads.test_sending_again import sending
from tests.unit.node_examples import rewritten
from tests.unit.upload_examples import TAG, TRIAL, harvest_of, record

READER = """#!{python}
import json, pathlib, sys
file, tag = sys.argv[1:3]
told = pathlib.Path(file)
if told.name != "in_force.db":
    told = told.parent / "numbers.json"
print(json.dumps({{"schema": 1, "tag": tag, "iovs": [
    {{"since": 398600, "hash": "x", "channels": {{"mean": json.loads(told.read_text())}}}}]}}))
"""
LIMITS = GateLimits({"mean": QuantityLimit(largest_shift=5.0)}, {})


def script(path, text):
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.fixture
def by_limits(tmp_path):
    reader = script(tmp_path / "read", READER.format(python=sys.executable))
    return GateTool(limits=LIMITS, reader=(reader,), reader_timeout=20.0)


def gated(calibration, gate, mean, run=398600, lumis=("1-5",), sinces=None):
    """A harvest whose payload has this mean in its one channel."""
    dag = rewritten(calibration.harvest(run, lumis, sinces), gate=gate)
    (harvest_of(dag) / "numbers.json").write_text(json.dumps({"7": mean}))
    return dag


def by_command(tmp_path, text, **changes):
    return GateTool(command=(script(tmp_path / "gate", f"#!/bin/sh\n{text}"),), timeout=20.0)


def told(dag):
    found = record(dag)
    return found["outcome"], found.get("held_for"), found["answer"]


def test_what_is_within_the_limits_of_the_payload_in_force_is_sent(
    calibration, tool, by_limits, capsys
):
    before = gated(calibration, None, 200.0)
    assert upload(before) == 0
    after = gated(calibration, by_limits, 204.0, lumis=("6-15",))
    assert upload(after) == 0
    assert told(after)[:2] == ("uploaded", None)
    against = "run398600/harvestJob000, by the records of uploads"
    assert f"gate: pass: within the limits, compared with {against}" in capsys.readouterr().out


def test_what_is_beyond_them_is_held_and_nothing_is_sent(calibration, tool, by_limits):
    upload(gated(calibration, None, 200.0))
    after = gated(calibration, by_limits, 206.0, lumis=("6-15",))
    assert upload(after) == 0
    assert finish(after, "UPLOAD", 0) == 0
    assert told(after) == (
        "held",
        "gate",
        "mean of 7 shifts by +6 (at most 5), compared with run398600/harvestJob000,"
        " by the records of uploads",
    )
    assert record(after)["tags"] == {TAG: "held"}
    assert len(tool.sent) == 1


def in_tags(monkeypatch, means, copies=True):
    """Let tags be read back that hold a payload since run 398599 with a mean; of each its own."""

    def read(self, database, tag):
        if tag not in means:
            raise TagUnreadable(f"{tag}: no answer")
        iovs = [TagIov(398599, 1.0, "d9ece849" * 5), TagIov(398601, 2.0, "f" * 40)]
        return TagContent.of(tag, TimeType.RUN, Synchronisation.ANY, iovs if means[tag] else ())

    def copy(self, database, tag, file, first, last, name_there):
        if not copies:
            raise TagUnreadable(f"{tag}: no answer")
        assert (first, last, name_there) == (398600, 398600, TAG)
        file.write_text(json.dumps({"7": means[tag]}))

    monkeypatch.setattr("condorloop.services.tag_reader.TagReader.read", read)
    monkeypatch.setattr("condorloop.services.tag_reader.TagReader.copy", copy)


def test_each_destination_is_compared_with_what_is_read_back_from_it(
    calibration, tool, by_limits, monkeypatch
):
    """What the records tell is not in force: another tool has changed the tags since."""
    calibration.tags = (TAG, TRIAL)
    upload(gated(calibration, None, 100.0))
    in_tags(monkeypatch, {TAG: 200.0, TRIAL: 300.0})
    after = gated(calibration, by_limits, 204.0, lumis=("6-15",))
    upload(after)
    assert record(after)["tags"] == {TAG: "uploaded", TRIAL: "held"}
    against = f"payload d9ece849d9ec since 398599 of {TRIAL}, read back"
    answers = {d["tag"]: d["answer"] for d in record(after)["destinations"]}
    assert answers[TRIAL] == f"mean of 7 shifts by -96 (at most 5), compared with {against}"
    assert not (harvest_of(after) / "in_force.db").exists()


def test_of_a_payload_by_lumisection_all_that_holds_in_its_run_is_compared(
    calibration, tool, by_limits, monkeypatch
):
    calibration.since = "iov"
    first = 398600 << 32 | 1
    dag = gated(calibration, by_limits, 204.0, sinces=[first, first + 4])
    older, later, younger = (run << 32 | ls for run, ls in ((398599, 7), (398600, 9), (398601, 1)))
    iovs = [TagIov(since, 1.0, f"{since:040x}") for since in (older, later, younger)]
    content = TagContent.of(TAG, TimeType.LUMI, Synchronisation.ANY, iovs)
    copied = []

    def copy(self, database, tag, file, first, last, name_there):
        copied.append((first, last))
        file.write_text(json.dumps({"7": 200.0}))

    monkeypatch.setattr("condorloop.services.tag_reader.TagReader.read", lambda *_: content)
    monkeypatch.setattr("condorloop.services.tag_reader.TagReader.copy", copy)
    upload(dag)
    assert copied == [(first, first | LAST_LS)]
    assert told(dag)[0] == "uploaded"


def test_a_tag_that_was_read_back_and_has_nothing_has_nothing_in_force(
    calibration, tool, by_limits, monkeypatch
):
    upload(gated(calibration, None, 200.0))
    in_tags(monkeypatch, {TAG: None})
    after = gated(calibration, by_limits, 200.0, lumis=("6-15",))
    upload(after)
    assert told(after)[:2] == ("held", "gate")
    assert f"no payload is in force that it can be compared with: {TAG} was read" in told(after)[2]


def test_where_a_tag_cannot_be_copied_the_records_tell(calibration, tool, by_limits, monkeypatch):
    upload(gated(calibration, None, 200.0))
    in_tags(monkeypatch, {TAG: 900.0}, copies=False)
    after = gated(calibration, by_limits, 206.0, lumis=("6-15",))
    upload(after)
    assert told(after)[0] == "held"
    assert "harvestJob000, by the records of uploads" in told(after)[2]


def test_of_an_older_run_what_is_in_force_is_compared(calibration, tool, by_limits):
    upload(gated(calibration, None, 100.0, run=398598))
    upload(gated(calibration, None, 200.0, run=398599))
    upload(gated(calibration, None, 300.0, run=398601))
    here = gated(calibration, by_limits, 203.0)
    upload(here)
    assert told(here)[0] == "uploaded"


def test_where_nothing_is_in_force_it_is_held_or_sent_as_configured(calibration, tool, by_limits):
    first = gated(calibration, by_limits, 200.0)
    upload(first)
    assert told(first)[:2] == ("held", "gate")
    assert "no payload is in force" in told(first)[2]
    freely = gated(calibration, replace(by_limits, first=GateAnswer.PASS), 200.0)
    upload(freely)
    assert told(freely)[0] == "uploaded"


def test_a_reader_that_fails_holds(calibration, tool, by_limits, tmp_path):
    upload(gated(calibration, None, 200.0))
    broken = replace(by_limits, reader=(script(tmp_path / "broken", "#!/bin/sh\nexit 3\n"),))
    after = gated(calibration, broken, 200.0, lumis=("6-15",))
    upload(after)
    assert told(after)[:2] == ("held", "gate")
    assert "exit 3" in told(after)[2]


def test_what_would_not_be_sent_is_not_judged(calibration, tool, by_limits):
    lesser = gated(calibration, by_limits, 900.0)
    upload(gated(calibration, None, 200.0, lumis=("6-15",)))
    upload(lesser)
    assert told(lesser)[0] == "superseded"


def says(dag, verdict, **changes):
    digest = HarvestResult.read(harvest_of(dag) / HARVEST_RECORD).digest
    decision = Decision(digest, harvest_of(dag).name, verdict, "alice@node", "why", START)
    decision = replace(decision, **changes)
    before = Decisions.find(dag.run_dir / DECISIONS) or Decisions()
    before.saying(decision).write(dag.run_dir / DECISIONS)


def test_a_person_s_word_is_about_one_payload(calibration, tool, by_limits):
    upload(gated(calibration, None, 200.0))
    after = gated(calibration, by_limits, 206.0, lumis=("6-15",))
    upload(after)
    says(after, Verdict.APPROVED)
    assert upload(sending(after)) == 0
    assert told(after)[:2] == ("uploaded", None)
    later = gated(calibration, by_limits, 250.0, lumis=("16-40",))
    upload(later)
    assert told(later)[:2] == ("held", "gate")


def test_a_rejected_payload_is_not_sent_and_a_later_one_within_the_limits_is(
    calibration, tool, by_limits
):
    upload(gated(calibration, None, 200.0))
    bad = gated(calibration, by_limits, 206.0, lumis=("6-15",))
    upload(bad)
    says(bad, Verdict.REJECTED)
    upload(sending(bad))
    assert told(bad) == ("held", "rejected", "rejected by alice@node: why")
    good = gated(calibration, by_limits, 201.0, lumis=("16-40",))
    upload(good)
    assert told(good)[0] == "uploaded"
    assert len(tool.sent) == 2


def test_decisions_that_cannot_be_read_hold(calibration, tool):
    dag = calibration.harvest()
    (dag.run_dir / DECISIONS).write_text("[")
    assert upload(dag) == 0
    assert told(dag)[:2] == ("held", "gate")


@pytest.mark.parametrize(
    ("text", "outcome", "held_for", "words"),
    [
        ("echo looks good; exit 0", "uploaded", None, "went in"),
        ("echo look at EB-; exit 1", "held", "gate", "look at EB-"),
        ("echo it is empty; exit 2", "held", "rejected", "it is empty"),
        ("echo oops >&2; exit 3", "held", "gate", "exit 3: oops"),
        ("kill -9 $$", "held", "gate", "exit -9: no message"),
    ],
)
def test_a_command_says_by_its_exit_code(
    calibration, tool, tmp_path, text, outcome, held_for, words
):
    dag = gated(calibration, by_command(tmp_path, text), 200.0)
    assert upload(dag) == 0
    assert told(dag)[:2] == (outcome, held_for)
    assert words in told(dag)[2]


def test_a_command_that_is_not_there_or_does_not_end_holds(calibration, tool, tmp_path):
    for gate, words in (
        (GateTool(command=("/no/such/gate",), timeout=9.0), "cannot be run"),
        (replace(by_command(tmp_path, "sleep 60"), timeout=0.2), "took more than 0.2 s"),
    ):
        dag = gated(calibration, gate, 200.0)
        upload(dag)
        assert told(dag)[:2] == ("held", "gate")
        assert words in told(dag)[2]


def test_a_command_is_given_the_payload_and_the_one_in_force(calibration, tool, tmp_path):
    gate = by_command(tmp_path, 'echo "$1 $2" > ' + str(tmp_path / "given"))
    first = gated(calibration, gate, 200.0)
    upload(first)
    name = "promptCalibConditions.db"
    assert (tmp_path / "given").read_text() == f"{harvest_of(first) / name} \n"
    second = gated(calibration, gate, 200.0, lumis=("6-15",))
    upload(second)
    given = f"{harvest_of(second) / name} {harvest_of(first) / name}\n"
    assert (tmp_path / "given").read_text() == given


def test_without_cmssw_it_is_no_answer_and_not_held(calibration, tool, tmp_path, monkeypatch):
    def fails(self, **_):
        raise CmsswError("no such setup")

    monkeypatch.setattr("condorloop.services.cmssw.Cmssw.environment", fails)
    dag = gated(calibration, by_command(tmp_path, "exit 0"), 200.0)
    assert upload(dag) == 1
    assert told(dag)[0] == "no answer"


def test_a_tag_that_has_it_keeps_it(calibration, tool, tmp_path):
    calibration.tags = (TAG, TRIAL)
    dag = gated(calibration, None, 200.0)
    settings = dag.settings.upload
    one = replace(settings, metadata=replace(settings.metadata, tags={TAG: {}}))
    upload(rewritten(dag, upload=one))
    both = rewritten(dag, upload=settings, again=True, gate=by_command(tmp_path, "exit 1"))
    upload(both)
    assert record(both)["tags"] == {TAG: "uploaded", TRIAL: "held"}


def test_the_manifest_carries_it(calibration, by_limits):
    dag = gated(calibration, by_limits, 200.0)
    told = Manifest.read(dag.directory / "manifest.json")
    assert told.settings[dag.calibration].gate == by_limits
