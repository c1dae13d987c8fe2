"""The verdict asks the database LS by LS, and names what a wrong database holds."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condorloop.model.enums import Synchronisation
from condorloop.model.lumis import Lumis
from condorloop.policy.pieces import rest, settled
from condorloop.policy.restating import restated
from condorloop.testbed import in_force
from condorloop.testbed.cmssw.steps import beam_spot
from condorloop.testbed.cmssw.steps.beam_spot import Spot
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.conditions.sqlite_file import ConditionsFileError, lumi_since
from condorloop.testbed.conditions.store import ConditionsStore, TagSpec
from condorloop.testbed.conditions.synchronisation import RefusedError, synchronise
from condorloop.testbed.in_force import TagHistory

RUN = 398600
SAFE = RUN + 5
TAG = "BeamSpot_NGTDemonstrator"
ALL = {run: Lumis.span(1, 80) for run in range(RUN, RUN + 8)}


class Database:
    """A tag that is filled as nobody would check it."""

    def __init__(self, folder: Path, synchronisation: str, time_type: str) -> None:
        self.file = folder / "conditions.db"
        spec = TagSpec(synchronisation, time_type, "BeamSpotObjects")
        ConditionsStore(self.file, {TAG: spec}, lambda: SAFE)
        with sqlite_file.transaction(self.file) as connection:
            connection.execute("INSERT INTO FIRST_SAFE_RUN VALUES (?, ?)", (TAG, SAFE))

    def put(self, run: int, iovs: Mapping[int, str]) -> None:
        """Upload payloads of a run, made of such LS, at such sinces."""
        rows = [(since, payload(run, lumis)) for since, lumis in iovs.items()]
        tag = self.history.tag
        sqlite_file.write(self.file, TAG, tag.time_type, tag.object_type, "any", rows)

    def by_lumi(self, run: int, iovs: Mapping[int, str]) -> None:
        """Upload payloads of a run at sinces of that run."""
        self.put(run, {lumi_since(run, ls): lumis for ls, lumis in iovs.items()})

    @property
    def history(self) -> TagHistory:
        return TagHistory.read(self.file, TAG)

    def faults(self) -> list[str]:
        """What the verdict finds, without the tag's name and times."""
        found = in_force.faults(self.history, ALL)
        return [words.removeprefix(f"tag {TAG}: ").partition(" of 20")[0] for words in found]


def payload(run: int, lumis: str) -> bytes:
    made_of = {str(ls): [10, 10] for ls in Lumis.parse(lumis)}
    return json.dumps({"constants": {}, "lumisections": made_of, "run": run}).encode()


@pytest.fixture
def lumi(tmp_path: Path) -> Database:
    return Database(tmp_path, "any", "Lumi")


@pytest.fixture
def hlt(tmp_path: Path) -> Database:
    return Database(tmp_path, "hlt", "Run")


def test_a_payload_that_serves_what_it_was_made_of_is_right(lumi: Database) -> None:
    lumi.by_lumi(RUN, {1: "1-20", 21: "21-40"})
    assert lumi.faults() == []


def test_an_obsolete_iov_between_the_borders_of_the_last_payload_is_named(lumi: Database) -> None:
    lumi.by_lumi(RUN, {1: "1-4,6-21", 22: "22-41", 42: "42-60"})
    lumi.by_lumi(RUN, {1: "1-20", 21: "21-40", 41: "41-60", 61: "61-80"})
    assert lumi.faults() == [
        f"run {RUN} LS 22-40: served by an obsolete IOV: since {RUN}:22",
        f"run {RUN} LS 42-60: served by an obsolete IOV: since {RUN}:42",
    ]
    covered, _ = in_force.served(lumi.history, RUN, ALL[RUN])
    assert str(covered) == "1-80"


def test_the_last_payload_at_each_earlier_since_leaves_nothing_obsolete(lumi: Database) -> None:
    lumi.by_lumi(RUN, {1: "1-4,6-21", 22: "22-41", 42: "42-60"})
    own = {1: "1-20", 21: "21-40", 41: "41-60", 61: "61-80"}
    lumi.by_lumi(RUN, own | {22: own[21], 42: own[41]})
    assert lumi.faults() == []


def test_constants_of_another_part_of_the_run_are_named(lumi: Database) -> None:
    lumi.by_lumi(RUN, {1: "1-20", 21: "21-40", 22: "1-20"})
    assert lumi.faults() == [f"since {RUN}:22 has constants of LS 1-20"]


def test_a_payload_at_another_runs_since_is_named(lumi: Database) -> None:
    lumi.put(RUN, {lumi_since(RUN + 1, 1): "1-20"})
    assert lumi.faults() == [f"since {RUN + 1}:1 has constants of run {RUN}"]


def test_an_older_run_over_a_younger_one_is_named(lumi: Database) -> None:
    lumi.by_lumi(RUN + 1, {1: "1-20"})
    lumi.put(RUN, {lumi_since(RUN + 1, 11): "1-20"})
    assert lumi.faults() == [
        f"since {RUN + 1}:11 has constants of run {RUN}",
        f"run {RUN + 1} LS 11-80: served by run {RUN}, though run {RUN + 1} has constants in force",
        *(
            f"run {run} LS 1-80: served by run {RUN}, though run {RUN + 1} has constants in force"
            for run in range(RUN + 2, RUN + 8)
        ),
    ]


def test_pieces_that_no_later_upload_changes_are_not_obsolete(lumi: Database) -> None:
    lumi.by_lumi(RUN, {1: "1-20"})
    lumi.by_lumi(RUN, {21: "21-40"})
    assert lumi.faults() == []


def test_a_run_whose_since_was_moved_up_serves_what_comes_after(hlt: Database) -> None:
    hlt.put(RUN + 1, {SAFE: "1-80"})
    assert hlt.faults() == []
    assert not in_force.must_be_served(hlt.history, RUN + 1)
    assert in_force.must_be_served(hlt.history, SAFE)


def test_a_run_need_not_be_served_whole_after_a_younger_one_in_a_tag_that_moves_up(
    hlt: Database,
) -> None:
    hlt.put(SAFE, {SAFE: "1-70"})
    assert in_force.must_be_served(hlt.history, SAFE)
    hlt.put(SAFE + 1, {SAFE + 1: "1-80"})
    assert not in_force.must_be_served(hlt.history, SAFE)
    assert in_force.must_be_served(hlt.history, SAFE + 1)
    assert hlt.faults() == []


def test_what_was_moved_up_replaces_nothing_before(tmp_path: Path) -> None:
    database = Database(tmp_path, "hlt", "Lumi")
    database.by_lumi(RUN, {1: "1-20", 21: "21-40"})
    database.put(RUN, {lumi_since(SAFE, 1): "21-60"})
    assert database.faults() == []


def test_an_older_run_that_was_moved_over_a_younger_one_is_named(hlt: Database) -> None:
    hlt.put(RUN + 1, {SAFE: "1-80"})
    hlt.put(RUN, {SAFE: "1-80"})
    assert hlt.faults() == [
        f"run {run}: served by run {RUN}, though run {RUN + 1} has constants in force"
        for run in range(SAFE, RUN + 8)
    ]


def test_a_since_that_was_moved_to_no_first_safe_run_is_elsewhere(hlt: Database) -> None:
    hlt.put(RUN, {RUN + 2: "1-80"})
    assert hlt.faults() == [f"since {RUN + 2} has constants of run {RUN}"]


def test_a_since_that_is_moved_though_the_tag_moves_none_is_elsewhere(tmp_path: Path) -> None:
    database = Database(tmp_path, "any", "Run")
    database.put(RUN, {SAFE: "1-80"})
    assert database.faults() == [f"since {SAFE} has constants of run {RUN}"]


def test_a_younger_run_that_serves_an_older_one_is_named(tmp_path: Path) -> None:
    database = Database(tmp_path, "any", "Run")
    database.put(RUN + 1, {RUN: "1-80"})
    assert f"run {RUN}: served by run {RUN + 1}, which is younger" in database.faults()


@pytest.mark.parametrize(
    ("synchronisation", "sinces", "words"),
    [
        ("pcl", [SAFE - 1], f"took since {SAFE - 1}, before the first safe run"),
        ("offline", [RUN + 1, RUN], f"took since {RUN}, not after its last since {RUN + 1}"),
        ("runmc", [RUN, RUN], f"took since {RUN}, not after its last since {RUN}"),
        ("mc", [RUN, RUN + 1], f"took since {RUN + 1}, though it was filled before"),
    ],
)
def test_what_a_tag_never_takes_is_named(
    synchronisation: str, sinces: list[int], words: str, tmp_path: Path
) -> None:
    database = Database(tmp_path, synchronisation, "Run")
    for since in sinces:
        database.put(since, {since: "1-80"})
    [found] = database.faults()
    assert found.startswith(words)


def test_what_came_too_late_need_not_serve_its_own_run(tmp_path: Path) -> None:
    expected = {"any": True, "pcl": False, "express": False, "offline": False}
    for name, must in expected.items():
        (tmp_path / name).mkdir()
        database = Database(tmp_path / name, name, "Run")
        database.put(RUN + 1, {RUN + 1: "1-80"})
        assert in_force.must_be_served(database.history, RUN) is must


def test_a_payload_that_is_none_of_the_testbeds_is_named(lumi: Database) -> None:
    sqlite_file.write(lumi.file, TAG, "Lumi", "BeamSpotObjects", "any", [(1, b"spot")])
    with pytest.raises(ConditionsFileError, match="cannot be read"):
        _ = lumi.history


def harvested(lumis: Lumis) -> dict[int, str]:
    """What a harvest of LS makes, where the beam is moved down each 33 LS."""
    width = (0.0015, 0.0013, 3.6)
    spots = [Spot(ls, 1000, (-0.01 * (ls // 33), 0.0, 0.0), width) for ls in lumis]
    iovs = beam_spot.joined(spots)
    return {iov[0].ls: str(Lumis.of(each.ls for each in iov)) for iov in iovs}


def restating(database: Database, run: int, iovs: Mapping[int, str]) -> dict[int, str]:
    """The IOVs with those that earlier sinces of the run need."""
    own = [(lumi_since(run, ls), lumis) for ls, lumis in sorted(iovs.items())]
    earlier = [e.since for e in database.history.insertions if e.run == run]
    return dict([*own, *restated(own, earlier)])


@st.composite
def harvests(draw: st.DrawFn) -> list[Lumis]:
    """The LS of a run's harvests: each has those of the one before, and more."""
    lumis, grown = Lumis(), []
    for _ in range(draw(st.integers(1, 4))):
        first = draw(st.integers(1, 70))
        lumis |= Lumis.span(first, first + draw(st.integers(0, 30))) & Lumis.span(1, 80)
        grown.append(lumis)
    return grown


@settings(max_examples=15, deadline=None)
@given(runs=st.lists(harvests(), min_size=1, max_size=2))
def test_payloads_whose_borders_move_are_right_when_they_are_restated(
    runs: list[list[Lumis]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    database = Database(tmp_path_factory.mktemp("conditions"), "any", "Lumi")
    for run, grown in enumerate(runs, RUN):
        for lumis in grown:
            database.put(run, restating(database, run, harvested(lumis)))
    assert database.faults() == []
    for run, grown in enumerate(runs, RUN):
        assert in_force.served(database.history, run, ALL[run])[0] == grown[-1]


def in_pieces(database: Database, grown: list[Lumis], *, careless: bool = False) -> None:
    """Upload what is settled of each harvest of a run, and of the last one the rest.

    A careless loop holds an IOV for settled that more lumisections may be joined to.
    """
    through = 0
    for number, lumis in enumerate(grown, start=1):
        own = [(lumi_since(RUN, ls), made_of) for ls, made_of in harvested(lumis).items()]
        is_last = number == len(grown)
        piece = (
            rest(own, lumis, through) if is_last or careless else settled(own, lumis, 0, through)
        )
        if piece is not None:
            database.put(RUN, dict(piece.iovs))
            through = piece.through


@settings(max_examples=15, deadline=None)
@given(grown=harvests(), synchronisation=st.sampled_from(["offline", "hlt", "pcl"]))
def test_pieces_of_what_is_settled_are_right(
    grown: list[Lumis], synchronisation: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    database = Database(tmp_path_factory.mktemp("conditions"), synchronisation, "Lumi")
    with sqlite_file.transaction(database.file) as connection:
        connection.execute("DELETE FROM FIRST_SAFE_RUN")
    in_pieces(database, grown)
    assert database.faults() == []
    assert in_force.served(database.history, RUN, ALL[RUN])[0] == grown[-1]


def test_pieces_that_later_lumisections_belong_to_leave_these_without_constants(
    tmp_path: Path,
) -> None:
    database = Database(tmp_path, "offline", "Lumi")
    in_pieces(database, [Lumis.parse("1-4,11-30"), Lumis.span(1, 50)], careless=True)
    covered, _ = in_force.served(database.history, RUN, ALL[RUN])
    assert str(covered) == "1-4,11-50"


@pytest.mark.parametrize(
    ("synchronisation", "words"),
    [
        ("offline", f"took since {RUN}:21, not after its last since {RUN}:31, at"),
        ("hlt", f"run {RUN} LS 31-40: served by an obsolete IOV: since {RUN}:31"),
    ],
)
def test_a_piece_that_goes_up_over_what_was_sent_is_named(
    tmp_path: Path, synchronisation: str, words: str
) -> None:
    database = Database(tmp_path, synchronisation, "Lumi")
    database.by_lumi(RUN, {1: "1-20", 21: "21-30", 31: "31-38"})
    database.by_lumi(RUN, {21: "21-40", 41: "41-60"})
    assert any(fault.startswith(words) for fault in database.faults())


@settings(max_examples=20, deadline=None)
@given(
    synchronisation=st.sampled_from(list(Synchronisation)),
    runs=st.lists(st.integers(RUN, RUN + 7), min_size=1, max_size=6),
)
def test_what_each_synchronisation_takes_in_the_order_of_runs_is_right(
    synchronisation: Synchronisation,
    runs: list[int],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    database = Database(tmp_path_factory.mktemp("conditions"), synchronisation, "Run")
    for run in sorted(runs):
        put_by_the_rule(database, synchronisation, run)
    assert database.faults() == []


@settings(max_examples=20, deadline=None)
@given(runs=st.lists(st.integers(RUN, SAFE), min_size=2, max_size=5, unique=True))
def test_moving_tags_that_are_filled_in_any_other_order_are_wrong(
    runs: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    database = Database(tmp_path_factory.mktemp("conditions"), "express", "Run")
    for run in runs:
        put_by_the_rule(database, Synchronisation.EXPRESS, run)
    assert (database.faults() == []) is (runs[-1] == max(runs))


def put_by_the_rule(database: Database, synchronisation: Synchronisation, run: int) -> None:
    """Upload a run's payload as the service takes it; nothing if it refuses it."""
    history = database.history
    last = max((each.since for each in history.insertions), default=None)
    iovs, time_type = [(run, "1-80")], history.tag.time_type
    try:
        taken = synchronise(synchronisation, time_type, iovs, last=last, first_safe_run=SAFE)
    except RefusedError:
        return
    database.put(run, dict(taken))
