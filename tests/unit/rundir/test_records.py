"""What run directories tell is read whole or is wrong in one way, whichever version wrote it."""

from __future__ import annotations

import errno
import json
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.errors import CondorloopError
from condorloop.model.enums import NodeKind, NoPayloadCause, TagOutcome, UploadOutcome
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.model.no_payload import NoPayload
from condorloop.rundir.durable import json_text
from condorloop.rundir.records.harvest import HarvestResult, Iov, LeftOut
from condorloop.rundir.records.manifest import (
    CmsswArea,
    Earlier,
    HarvestSettings,
    Manifest,
    ManifestFile,
    ManifestNode,
    Product,
    TagReaderTool,
    UploadMetadata,
    UploadSettings,
    UploadTool,
)
from condorloop.rundir.records.record import MISSING, RecordError, RecordGone
from condorloop.rundir.records.upload import UploadResult, YoungestRuns
from condorloop.rundir.records.witness import Witness

texts = st.text(max_size=8)
numbers = st.integers(-(1 << 63) + 1, (1 << 63) - 1)
times = st.floats(-1e14, 1e14)
paths = texts.map(Path)
lumis = st.sets(st.integers(1, 400), max_size=6).map(Lumis.of)
alcareco = st.integers(0, 9999).map("apJob{:03d}".format)
reasons = st.dictionaries(alcareco, texts, max_size=3)
words = st.lists(texts, max_size=3).map(tuple)

witnesses = st.builds(Witness, texts, texts, lumis, numbers, words, lumis)
iovs = st.lists(st.builds(Iov, texts, numbers, texts), max_size=3).map(tuple)
left_outs = st.builds(LeftOut, reasons, reasons)
tags = st.dictionaries(texts, st.sampled_from(TagOutcome), max_size=3)
uploads = st.builds(
    UploadResult,
    outcome=st.sampled_from(UploadOutcome),
    answer=texts,
    unanswered=st.booleans(),
    time=times,
    database=st.none() | texts,
    tags=st.none() | tags,
    sinces=st.none() | st.lists(numbers, max_size=3).map(tuple),
    asking=st.booleans(),
    overtaken_by=st.none() | numbers,
)
youngest = st.builds(
    YoungestRuns, st.dictionaries(texts, st.dictionaries(texts, numbers, max_size=2), max_size=2)
)
metadata = st.builds(
    UploadMetadata,
    texts,
    st.dictionaries(texts, st.dictionaries(texts, texts, max_size=1), min_size=1, max_size=3),
    texts,
    st.none() | numbers,
    texts,
)


@st.composite
def harvests(draw):
    """What a HARVEST made; what overlaps is among what was left out."""
    left_out = draw(reasons)
    overlaps = st.lists(st.sampled_from(sorted(left_out)), unique=True) if left_out else st.just([])
    made = draw(iovs)
    why = st.builds(NoPayload, st.sampled_from(NoPayloadCause), texts)
    return HarvestResult(
        dag_id=draw(texts),
        inputs=tuple(draw(st.lists(alcareco, max_size=3))),
        left_out=left_out,
        overlaps=draw(st.none() | overlaps.map(tuple)),
        lumis=draw(lumis),
        events=draw(numbers),
        lacking=draw(lumis),
        iovs=made,
        no_payload=None if made else draw(why),
        time=draw(times),
    )


areas = st.builds(CmsswArea, paths, texts, texts, paths)
versions = st.dictionaries(texts, texts, max_size=2)


products = st.builds(Product, words, texts, texts)
readers = st.builds(TagReaderTool, words.map(lambda more: ("tool", *more)), versions, times)
settings = st.builds(
    HarvestSettings,
    conditions=st.builds(
        UploadTool, words.map(lambda more: ("tool", *more)), st.none() | paths, times
    ),
    alca_root=texts,
    alca_witness=texts,
    upload=st.builds(UploadSettings, metadata, texts, texts, st.none() | texts),
    uploaded=st.tuples(lumis, numbers),
    tag_reader=st.none() | readers,
    gate=st.none(),
    again=st.booleans(),
    restores=st.booleans(),
    turn=st.booleans(),
    piece=st.none() | numbers,
)


@st.composite
def manifests(draw):
    """A DAG; its nodes read files that it has, and what an ALCA makes is called so."""
    names = draw(st.lists(texts, unique=True, max_size=3))
    some = st.lists(st.sampled_from(names)).map(tuple) if names else st.just(())
    nodes = {}
    shared = draw(st.booleans())
    calibrations = draw(st.lists(texts, unique=True, min_size=1, max_size=3 if shared else 1))
    stream = (
        draw(texts.filter(lambda name: name not in calibrations)) if shared else calibrations[0]
    )
    for name in draw(st.lists(texts, unique=True, max_size=3)):
        kind = draw(st.sampled_from(NodeKind))
        output = draw(alcareco if kind is NodeKind.ALCA else texts)
        last = kind in (NodeKind.HARVEST, NodeKind.UPLOAD)
        nodes[name] = ManifestNode(
            kind,
            draw(words),
            output,
            draw(texts),
            draw(lumis),
            draw(some),
            draw(words),
            calibration=draw(st.sampled_from(calibrations)) if last else "",
            taken_out=draw(st.booleans()),
        )
    batch = draw(st.none() | numbers)
    of = {calibration: draw(settings) for calibration in calibrations}
    own = {}
    if batch is not None and not shared:
        own = {stream: Product((), "", of[stream].alca_root)}
    return Manifest(
        stream=stream,
        run=draw(numbers),
        dag=draw(numbers),
        batch=batch,
        id=draw(texts),
        release=draw(texts),
        global_tag=draw(texts),
        templates=draw(versions),
        cmssw=draw(areas),
        settings=of,
        made_for=draw(st.dictionaries(texts, products, max_size=2)) if shared else own,
        recipe=draw(texts) if shared else "",
        lumis=draw(lumis),
        files=tuple(
            ManifestFile(name, draw(numbers), draw(lumis), draw(numbers), draw(texts))
            for name in names
        ),
        nodes=nodes,
        earlier=tuple(draw(st.lists(st.builds(Earlier, texts, texts, versions, areas, words)))),
        taken_out=draw(st.booleans()),
    )


RECORDS = st.one_of(witnesses, harvests(), left_outs, uploads, youngest, metadata, manifests())
KINDS = (Witness, HarvestResult, LeftOut, UploadResult, YoungestRuns, UploadMetadata, Manifest)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
SOUND = {
    Witness: Witness("RECO_0000", "ledger/X/1/0", Lumis.span(1, 3), 7, ("a", "b")),
    HarvestResult: HarvestResult(
        dag_id="ledger/X/1/0",
        inputs=("apJob000",),
        left_out={"apJob001": "gone"},
        overlaps=("apJob001",),
        lumis=Lumis.span(1, 3),
        events=7,
        iovs=(Iov("T", 1, "abc"),),
        time=1.5,
    ),
    UploadResult: UploadResult(outcome=UploadOutcome.UPLOADED, answer="taken", time=1.5),
}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("records") / "x.json"


@given(RECORDS)
def test_a_record_is_read_as_it_was_written(file, record):
    record.write(file)
    assert type(record).read(file) == record


@given(RECORDS, st.data())
def test_any_json_in_a_record_s_place_is_a_record_or_the_one_error(file, record, data):
    told = json.loads(json_text(record.to_json()))
    spoil(told, data)
    whole = data.draw(JSON) if data.draw(st.integers(0, 9)) == 0 else told
    file.write_text(json.dumps(whole))
    for kind in KINDS if whole is not told else (type(record),):
        found, error = read(kind, file)
        assert (found is None) == isinstance(error, CondorloopError)
        if found:
            found.write(file)
            assert kind.read(file) == found
        else:
            assert error.file == file
            assert str(error).startswith(f"{file}")


def read(kind, file):
    """The record, or else the error."""
    try:
        return kind.read(file), None
    except RecordError as error:
        return None, error


def spoil(told, data):
    """Put any JSON in the place of something in a JSON object, or take it out."""
    while told:
        keys = sorted(told) if isinstance(told, dict) else range(len(told))
        key = data.draw(st.sampled_from(keys))
        if isinstance(told[key], (dict, list)) and told[key] and data.draw(st.booleans()):
            told = told[key]
        elif data.draw(st.booleans()):
            told[key] = data.draw(JSON)
            return
        else:
            del told[key]
            return


@given(RECORDS, st.integers(0, 10_000))
def test_a_record_that_is_cut_anywhere_is_damaged(file, record, at):
    whole = json_text(record.to_json()).encode().rstrip()
    file.write_bytes(whole[: at % len(whole)])
    with pytest.raises(RecordError, match="expected a JSON object") as damaged:
        type(record).read(file)
    assert damaged.value.key == ""
    assert type(record).find(file) is type(record).load(file) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"events": ' + b"9" * 5000 + b"}",
        b"\xff\xfe{}",
        b"{}\0",
        b"[]",
        b"null",
        b'"\\ud800"',
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_json_object_is_damaged(tmp_path, kind, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(RecordError, match="expected a JSON object"):
        kind.read(tmp_path / "x")


@pytest.mark.parametrize(
    ("kind", "key", "value", "expected"),
    [
        (Witness, "lumis", "1-99999999999999999999", "a list of lumisections"),
        (Witness, "lumis", 7, "a list of lumisections"),
        (Witness, "events", 1e999, "a number"),
        (Witness, "events", float("nan"), "a number"),
        (Witness, "events", True, "a number"),
        (Witness, "events", 1 << 63, "a number"),
        (Witness, "files", ["a", 1], "a list of texts"),
        (Witness, "dag_id", MISSING, "text"),
        (HarvestResult, "inputs", ["apJob"], "names of ALCARECO"),
        (HarvestResult, "left_out", {"../x": ""}, "names of ALCARECO"),
        (HarvestResult, "overlaps", ["apJob007"], "names that are in left_out"),
        (HarvestResult, "iovs", 3, "a list of objects"),
        (HarvestResult, "time", 1e300, "a time in seconds"),
        (UploadResult, "outcome", "unheard of", "one of no payload, pending, held"),
        (UploadResult, "sinces", [1.5], "a list of numbers"),
    ],
)
def test_the_error_names_file_key_value_and_what_was_expected(tmp_path, kind, key, value, expected):
    told = json.loads(json_text(SOUND[kind].to_json())) | {key: value}
    if value is MISSING:
        del told[key]
    path = tmp_path / "x.json"
    path.write_text(json.dumps(told))
    with pytest.raises(RecordError) as damaged:
        kind.read(path)
    error = damaged.value
    assert (error.file, error.key) == (path, key)
    assert error.value == value or value != value
    assert expected in error.expected
    assert all(part in str(error) for part in (str(path), key, error.expected))


def test_what_is_deep_in_a_record_is_named_by_its_way(tmp_path):
    told = {"iovs": [{"tag": "T", "since": 1, "hash": "a"}, {"tag": "T", "since": "1"}]}
    path = tmp_path / "x.json"
    path.write_text(json.dumps(json.loads(json_text(SOUND[HarvestResult].to_json())) | told))
    with pytest.raises(RecordError, match=r"x\.json: iovs\[1\]\.since is '1', expected a number"):
        HarvestResult.read(path)


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ({}, NoPayload(NoPayloadCause.NOT_SAID)),
        ({"cause": "of tomorrow", "words": "x"}, NoPayload(NoPayloadCause.NOT_SAID, "x")),
        ({"cause": "veto", "words": "x"}, NoPayload(NoPayloadCause.VETO, "x")),
    ],
)
def test_a_harvest_without_a_payload_has_a_cause_whatever_version_wrote_it(tmp_path, told, known):
    record = json.loads(json_text(SOUND[HarvestResult].to_json())) | {"iovs": []}
    path = tmp_path / "x.json"
    path.write_text(json.dumps(record | ({"no_payload": told} if told else {})))
    assert HarvestResult.read(path).no_payload == known


def test_a_record_that_is_not_there_is_told_from_one_that_is_damaged(tmp_path):
    for path in (tmp_path / "gone", tmp_path / "file" / "gone"):
        with pytest.raises(RecordGone, match="gone is missing"):
            Witness.read(path)
        assert Witness.find(path) is Witness.load(path) is None
        (tmp_path / "file").touch()


def test_a_disk_that_fails_is_no_record_that_is_gone(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.EIO, "Input/output error", "x")

    monkeypatch.setattr(Path, "read_text", fail)
    for read in (Witness.read, Witness.load):
        with pytest.raises(OSError, match="Input/output error"):
            read(tmp_path / "x")
    assert Witness.find(tmp_path / "x") is None


@given(RECORDS.filter(lambda record: not isinstance(record, YoungestRuns)), JSON)
def test_what_a_newer_version_has_written_besides_is_no_error(file, record, value):
    file.write_text(json.dumps(json.loads(json_text(record.to_json())) | {"of tomorrow": value}))
    assert type(record).read(file) == record


@pytest.mark.parametrize(
    ("kind", "absent", "stands_for"),
    [
        (Witness, "lacking", EMPTY),
        (HarvestResult, "lacking", EMPTY),
        (HarvestResult, "overlaps", None),
        (UploadResult, "unanswered", False),
        (UploadResult, "tags", None),
        (UploadResult, "database", None),
        (UploadResult, "sinces", None),
    ],
)
def test_what_versions_before_did_not_write_is_not_asked_for(tmp_path, kind, absent, stands_for):
    told = deepcopy(SOUND[kind].to_json())
    told.pop(absent, None)
    (tmp_path / "x").write_text(json.dumps(told | {"left_out": ["apJob001"]}))
    assert getattr(kind.read(tmp_path / "x"), absent) == stands_for


@pytest.mark.parametrize(
    ("outcome", "answer", "asking", "overtaken_by"),
    [
        (UploadOutcome.NO_ANSWER, "the service has not answered", True, None),
        (UploadOutcome.NO_ANSWER, "HTTP 503", False, None),
        (UploadOutcome.SUPERSEDED, "tag A: superseded by run 398601; tag B: new", False, 398601),
        (UploadOutcome.SUPERSEDED, "harvestJob002 holds as many LS", False, None),
        (UploadOutcome.REFUSED, "superseded by run 398601", False, None),
    ],
)
def test_what_versions_before_told_by_words_is_read_from_these(
    tmp_path, outcome, answer, asking, overtaken_by
):
    (tmp_path / "x").write_text(json.dumps({"outcome": outcome, "answer": answer, "time": 1.0}))
    result = UploadResult.read(tmp_path / "x")
    assert (result.asking, result.overtaken_by) == (asking, overtaken_by)


def test_an_outcome_that_is_not_known_says_no_more_of_its_tag_than_none(tmp_path):
    told = {**SOUND[UploadResult].to_json(), "database": "d", "tags": {"T": "of tomorrow"}}
    (tmp_path / "x").write_text(json.dumps(told))
    assert UploadResult.read(tmp_path / "x").tags == {"T": TagOutcome.NOT_NAMED}
