"""A payload's provenance can be read by the library of the W3C's data model."""

import io
import json
import sqlite3
import sys
from contextlib import closing

import pytest
from click.testing import CliRunner
from prov.model import (
    ProvActivity,
    ProvAgent,
    ProvAssociation,
    ProvDerivation,
    ProvDocument,
    ProvEntity,
    ProvGeneration,
    ProvUsage,
)

from condorloop.cli.main import cli
from condorloop.history import prov_document, provenance, reader
from condorloop.ledger.store import open_requests
from condorloop.model.enums import RequestKind
from condorloop.model.request import Request
from tests.unit.examples import KEY, RUN, START
from tests.unit.story_example import HASH, path, written

WHO = "alice.o'neill@node é"


@pytest.fixture
def site(tmp_path):
    found = written(tmp_path)
    with open_requests(found.site.work_dir / "condorloop.db") as requests:
        hold = Request(
            RequestKind.HOLD, RUN.number, made_by=WHO, made_at=START + 5, reason="noise: {x}"
        )
        requests.add(hold)
        requests.add(Request(RequestKind.HOLD, RUN.number, "BeamSpot", made_by="bob"))
    return found


def document(site):
    stories = reader.tell(site, KEY.run, [KEY.calibration])
    told = provenance.of_payload(stories, "latest")
    text = prov_document.json_text(prov_document.document(told, site.site.name))
    return ProvDocument.deserialize(content=text, format="json"), text


def of_type(made, kind):
    return {r.identifier.localpart: r for r in made.get_records(ProvEntity) if kind in types(r)} | {
        r.identifier.localpart: r for r in made.get_records(ProvActivity) if kind in types(r)
    }


def types(record):
    return {t.localpart for t in record.get_asserted_types()}


def value(record, name):
    [found] = record.get_attribute(f"cl:{name}")
    return found


def test_the_library_reads_what_was_written_and_writes_it_the_same(site):
    made, text = document(site)
    again = ProvDocument.deserialize(content=made.serialize(format="json"), format="json")
    assert again == made
    assert json.loads(text)["prefix"]["cl"] == prov_document.NAMESPACE


def test_a_payload_leads_to_its_raw_files(site):
    made, _ = document(site)
    derived = {}
    for each in made.get_records(ProvDerivation):
        attributes = dict(each.formal_attributes)
        after, before = (next(v for k, v in attributes.items() if k.localpart == name)
                         for name in ("generatedEntity", "usedEntity"))  # fmt: skip
        derived.setdefault(after.localpart, set()).add(before.localpart)
    [payload] = of_type(made, "Payload")
    level = {payload}
    for _ in range(3):
        level = {before for name in level for before in derived.get(name, ())}
    paths = {value(of_type(made, "RAW")[name], "path") for name in level}
    assert paths == {path("a"), path("b")}


def test_activities_have_jobs_times_release_and_global_tag(site):
    made, _ = document(site)
    recos = of_type(made, "RECO")
    [node] = [r for n, r in recos.items() if n.startswith("node/") and n.endswith("RECO_0000")]
    assert value(node, "release") == "CMSSW_16_0_7"
    assert value(node, "globalTag") == "160X_dataRun3_v1"
    assert value(node, "job") == "41.0"
    assert node.get_startTime().timestamp() == START + 11
    assert node.get_endTime().timestamp() == START + 70
    [payload] = of_type(made, "Payload").values()
    assert value(payload, "hash") == HASH
    assert value(payload, "lumisections") == "1-8"
    assert value(payload, "in-force") is True


def test_people_s_requests_are_activities_of_agents(site):
    made, _ = document(site)
    [hold] = of_type(made, "Request").values()
    assert (value(hold, "kind"), value(hold, "reason")) == ("hold", "noise: {x}")
    people = [a for a in made.get_records(ProvAgent) if "Person" in types(a)]
    assert [value(person, "account") for person in people] == [WHO]
    links = [dict(a.formal_attributes) for a in made.get_records(ProvAssociation)]
    asked = [link for link in links if hold.identifier in link.values()]
    assert [people[0].identifier in link.values() for link in asked] == [True]


def test_every_relation_is_between_things_of_the_document(site):
    made, _ = document(site)
    known = {
        r.identifier
        for kind in (ProvEntity, ProvActivity, ProvAgent)
        for r in made.get_records(kind)
    }
    for kind in (ProvGeneration, ProvUsage, ProvDerivation, ProvAssociation):
        for relation in made.get_records(kind):
            ends = [v for _, v in relation.formal_attributes if hasattr(v, "localpart")]
            assert set(ends) <= known


def test_what_became_of_it_in_each_tag_is_an_entity_of_its_own(site):
    with closing(sqlite3.connect(site.site.work_dir / "condorloop.db")) as ledger, ledger:
        for tag, outcome, confirmed in (("hlt", "uploaded", START + 99), ("b:tag", "failed", None)):
            ledger.execute(
                "INSERT INTO payload_destination (payload_id, database, tag, outcome, answer,"
                " since, answered_at, confirmed_at)"
                " SELECT id, 'oracle://prod', ?, ?, 'words', 7, ?, ? FROM payload",
                (tag, outcome, START + 90, confirmed),
            )
    made, _ = document(site)
    in_tags = of_type(made, "PayloadInTag").values()
    told = {value(each, "tag"): each for each in in_tags}
    assert {tag: str(value(each, "outcome")) for tag, each in told.items()} == {
        "hlt": "uploaded",
        "b:tag": "failed",
    }
    assert value(told["hlt"], "confirmedAt").timestamp() == START + 99
    assert not told["b:tag"].get_attribute("cl:confirmedAt")


def invoke(site, *arguments):
    folder = site.site.work_dir.parent
    return CliRunner().invoke(cli, ["show", *arguments, "--site", str(folder / "site.yaml")])


def test_the_command_prints_it(site):
    done = invoke(site, str(KEY.run), "-c", KEY.calibration, "--provenance", "--format", "prov")
    assert done.exit_code == 0, done.output
    assert ProvDocument.deserialize(io.StringIO(done.stdout), format="json").has_bundles() is False


def test_the_format_needs_a_payload_and_goes_with_no_other_form(site):
    run = str(KEY.run)
    assert invoke(site, run, "--format", "prov").exit_code == 2
    assert invoke(site, run, "--provenance", "--format", "prov", "--json").exit_code == 2
    assert json.loads(invoke(site, run, "--format", "json").stdout)["run"] == KEY.run


def test_without_the_library_one_line_says_what_to_install(site, monkeypatch):
    monkeypatch.setitem(sys.modules, "prov.model", None)
    done = invoke(site, str(KEY.run), "--provenance", "--format", "prov")
    assert done.exit_code == 1
    assert isinstance(done.exception, prov_document.ProvMissing)
    assert "pip install condorloop[prov]" in str(done.exception)
