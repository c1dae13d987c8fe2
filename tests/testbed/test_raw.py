import numpy as np
import pytest
import uproot

from condorloop.model.lumis import Lumis
from condorloop.testbed.cmssw.io.root_header import State, state
from condorloop.testbed.scenario.raw_files import (
    EVENTS_PER_LS,
    BadFile,
    Stream,
    simulate,
    write_bad_raw_file,
    write_raw_file,
)
from condorloop.testbed.truth import Truth

RUN = 398600
TRUTH = Truth()


@pytest.mark.parametrize(
    ("path", "stream"),
    [
        ("/eos/cms/tier0/store/data/Run2026D/TestEnablesEcalHcal/RAW/Express-v1/", Stream.ECAL),
        ("/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/", Stream.EXPRESS),
        ("ExpressCosmics", Stream.EXPRESS),
        ("StreamExpressAlignment", Stream.EXPRESS),
        ("/eos/cms/tier0/store/express/Run2026D/HLTMonitor/FEVTHLTALL/Express-v1/", Stream.EXPRESS),
        ("StreamALCALumiPixelsCountsExpress", Stream.EXPRESS),
        ("AlCaPPSExpress", Stream.EXPRESS),
    ],
)
def test_a_path_tells_the_stream(path, stream):
    assert Stream.of(path) is stream


def test_a_path_of_neither_stream_is_refused():
    with pytest.raises(ValueError, match="Muon"):
        Stream.of("/eos/cms/store/Muon0/RAW/Express-v1/")


@pytest.mark.parametrize("stream", Stream)
def test_a_file_holds_its_lumisections_whole_and_stays_small(tmp_path, stream):
    path = tmp_path / "000/398/600/00000/a.root"
    write_raw_file(path, stream, RUN, Lumis.span(3, 5), TRUTH)
    with uproot.open(path) as file:
        events = file["Events"].arrays(library="np")
    numbers, counts = np.unique(events["luminosityBlock"], return_counts=True)
    assert numbers.tolist() == [3, 4, 5]
    assert set(counts.tolist()) == {EVENTS_PER_LS[stream]}
    assert set(events["run"].tolist()) == {RUN}
    assert path.stat().st_size < 300_000
    assert [each.name for each in path.parent.iterdir()] == ["a.root"]


@pytest.mark.parametrize("stream", Stream)
def test_the_parts_of_a_lumisection_share_out_its_events(stream):
    whole = simulate(stream, RUN, Lumis.of([7]), TRUTH)
    parts = [simulate(stream, RUN, Lumis.of([7]), TRUTH, part, 3) for part in range(3)]
    together = np.concatenate([part["event"] for part in parts])
    assert sorted(together.tolist()) == whole["event"].tolist()
    last = parts[2]
    rows = np.searchsorted(whole["event"], last["event"])
    assert all(np.array_equal(whole[name][rows], values) for name, values in last.items())


def test_the_same_seed_gives_the_same_data_and_another_one_gives_others():
    one, same, other = (
        simulate(Stream.ECAL, RUN, Lumis.of([1]), Truth(seed))["adc"] for seed in (5, 5, 6)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_event_numbers_are_unique_in_a_run():
    events = simulate(Stream.EXPRESS, RUN, Lumis.span(1, 4), TRUTH)["event"]
    assert len(np.unique(events)) == len(events)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (BadFile.TRUNCATED, State.UNREADABLE),
        (BadFile.EMPTY, State.UNREADABLE),
        (BadFile.NOT_CLOSED, State.NOT_CLOSED),
        (BadFile.NO_EVENTS, State.CLOSED),
        (BadFile.UNREADABLE_EVENT, State.CLOSED),
        (BadFile.CRASHES, State.CLOSED),
    ],
)
def test_a_bad_file_is_bad_in_the_way_that_was_asked_for(tmp_path, kind, expected):
    path = tmp_path / "bad.root"
    write_bad_raw_file(path, kind.value, Stream.ECAL, RUN, Lumis.span(1, 5), TRUTH)
    assert state(path.read_bytes()) is expected


def test_a_bad_file_of_no_known_kind_is_refused(tmp_path):
    with pytest.raises(ValueError, match="eaten"):
        write_bad_raw_file(tmp_path / "a", "eaten", Stream.ECAL, RUN, Lumis.of([1]), TRUTH)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stream", Stream)
def test_a_file_of_few_events_holds_what_was_simulated(tmp_path, stream):
    expected = simulate(stream, RUN, Lumis.span(7, 8), TRUTH, part=1, parts=2, events_per_ls=5)
    write_raw_file(tmp_path / "a.root", stream, RUN, Lumis.span(7, 8), TRUTH, 1, 2, 5)
    with uproot.open(tmp_path / "a.root") as file:
        found = file["Events"].arrays(library="np")
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], values) for name, values in expected.items())
    assert state((tmp_path / "a.root").read_bytes()) is State.CLOSED


def test_the_events_of_an_unreadable_file_are_listed_and_cannot_be_read(tmp_path):
    path = tmp_path / "bad.root"
    write_bad_raw_file(path, BadFile.UNREADABLE_EVENT, Stream.EXPRESS, RUN, Lumis.of([3]), TRUTH)
    with uproot.open(path) as file:
        assert set(file["Events"].arrays(["luminosityBlock"], library="np")["luminosityBlock"]) == {
            3
        }
        for branch in ("hits", "vx", "vy", "vz"):
            with pytest.raises(ValueError, match="compression"):
                file["Events"].arrays([branch], library="np")
