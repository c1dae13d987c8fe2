"""What the soak promises of the database, it notices: each promise, broken on purpose, is named."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from condorloop.config import destinations
from condorloop.dagman import adoption
from condorloop.model.enums import TimeType
from condorloop.node.uploads import upload_records
from condorloop.policy import raw_overlap, restating, upload_order
from condorloop.policy.raw_overlap import Choice
from condorloop.rundir.durable import write_json
from condorloop.rundir.records.manifest import UploadMetadata
from tests.soak import day, weather
from tests.soak.day import Day
from tests.soak.place import place
from tests.soak.story import Violation

MOVED = "move a run directory away"


@pytest.fixture
def folder(tmp_path):
    with place(tmp_path) as folder:
        yield folder


def broken_promise(seed: int, hours: float, folder: Path, *kinds: str) -> str:
    """What a day says of the promise that it sees broken; empty if it sees none broken."""
    try:
        Day(seed, hours, folder / f"{seed}", frozenset(kinds)).run()
    except Violation as broken:
        return str(broken)
    return ""


@pytest.fixture
def put_in_place(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, Any], None]:
    """Let a function do what another does, wherever it was imported."""

    def put(function: Any, broken: Any) -> None:
        monkeypatch.setattr(function, "__code__", broken.__code__)

    return put


def test_iovs_that_are_not_restated_stay_in_force_and_are_named(put_in_place, monkeypatch, folder):
    monkeypatch.setattr(day, "SYNCHRONISATIONS", ("any",))
    put_in_place(restating.restated, lambda own, earlier: [])
    assert "served by an obsolete IOV" in broken_promise(3, 1.5, folder)


@pytest.mark.parametrize("synchronisation", ["hlt", "prompt"])
def test_an_older_run_that_is_moved_up_over_a_younger_one_is_named(
    put_in_place, monkeypatch, folder, synchronisation
):
    monkeypatch.setattr(day, "SYNCHRONISATIONS", (synchronisation,))
    monkeypatch.setattr(day, "LAGS", (0.0,))
    put_in_place(upload_records.younger_run, lambda runs, metadata_filename, destination: None)
    assert "has constants in force" in broken_promise(3, 1.5, folder)


@pytest.mark.parametrize("synchronisation", ["hlt", "express", "prompt", "pcl"])
def test_iovs_that_are_sent_again_where_none_can_be_restated_are_named(
    put_in_place, monkeypatch, folder, synchronisation
):
    monkeypatch.setattr(day, "SYNCHRONISATIONS", (synchronisation,))
    monkeypatch.setattr(day, "TIME_TYPES", (TimeType.LUMI,))
    put_in_place(upload_order.once_a_run, lambda synchronisation, *, by_lumi: False)
    put_in_place(upload_order.takes_pieces, lambda synchronisation: False)
    assert "served by an obsolete IOV" in broken_promise(2, 1.0, folder)


@pytest.mark.parametrize("time_type", [TimeType.RUN, TimeType.LUMI])
def test_a_run_that_is_not_over_in_a_tag_that_can_only_be_appended_to_is_named(
    put_in_place, monkeypatch, folder, time_type
):
    monkeypatch.setattr(day, "SYNCHRONISATIONS", ("offline",))
    monkeypatch.setattr(day, "TIME_TYPES", (time_type,))
    put_in_place(upload_order.once_a_run, lambda synchronisation, *, by_lumi: False)
    put_in_place(upload_order.takes_pieces, lambda synchronisation: False)
    assert "sent out of order" in broken_promise(2, 1.0, folder)


def test_a_payload_for_another_tag_than_is_asked_for_is_named(monkeypatch, folder):
    def write(metadata: UploadMetadata, path: Path) -> None:
        write_json(path, replace(metadata, tags={"Trial": {}}).to_json())

    monkeypatch.setattr(UploadMetadata, "write", write)
    assert "sent to Trial in oracle://" in broken_promise(1, 1.5, folder)


def test_a_payload_for_another_database_than_is_asked_for_is_named(monkeypatch, folder):
    def write(metadata: UploadMetadata, path: Path) -> None:
        write_json(path, replace(metadata, database="oracle://elsewhere").to_json())

    monkeypatch.setattr(UploadMetadata, "write", write)
    assert "in oracle://elsewhere, though" in broken_promise(1, 1.5, folder)


OTHER_FOLDERS = ("start with another folder", "reload another folder")


@pytest.mark.parametrize("way", OTHER_FOLDERS)
def test_a_payload_that_another_folder_sends_elsewhere_is_named(
    put_in_place, monkeypatch, folder, way
):
    monkeypatch.setitem(weather.MOMENTS, way, 3.0)
    put_in_place(destinations.changes, lambda configured, remembered: ())
    assert "_elsewhere in oracle://" in broken_promise(1, 1.0, folder, way)


OLDER = "put an older ledger back"


def test_raw_files_that_are_processed_again_after_an_older_ledger_are_named(
    put_in_place, monkeypatch, folder
):
    monkeypatch.setitem(weather.MOMENTS, OLDER, 4.0)
    put_in_place(adoption.unknown_dags, lambda runs, known: [])
    assert "is in two RECO nodes" in broken_promise(1, 1.0, folder, OLDER)


def test_a_payload_that_only_an_older_ledger_is_asked_about_is_named(
    put_in_place, monkeypatch, folder
):
    monkeypatch.setitem(weather.MOMENTS, OLDER, 4.0)
    put_in_place(upload_records.uploads_of, lambda runs, metadata_files: [])
    assert "is sent again" in broken_promise(1, 1.0, folder, OLDER)


def test_no_promise_is_broken_by_another_folder_or_an_older_ledger(monkeypatch, folder):
    for kind in (*OTHER_FOLDERS, OLDER):
        monkeypatch.setitem(weather.MOMENTS, kind, 3.0)
    assert broken_promise(1, 1.5, folder, *OTHER_FOLDERS, OLDER) == ""


def _whatever_overlaps(sources):
    return Choice(tuple(sorted(source.name for source in sources)), {})


def test_a_raw_file_that_two_alcareco_bring_into_a_payload_is_named(
    put_in_place, monkeypatch, folder
):
    monkeypatch.setitem(weather.MOMENTS, MOVED, 4.0)
    put_in_place(raw_overlap.choose, _whatever_overlaps)
    assert "in one payload twice" in broken_promise(23, 1.5, folder, MOVED)


def test_a_run_directory_that_was_away_and_comes_back_brings_nothing_twice(monkeypatch, folder):
    monkeypatch.setitem(weather.MOMENTS, MOVED, 4.0)
    assert broken_promise(23, 1.5, folder, MOVED) == ""


@pytest.mark.parametrize("synchronisation", ["hlt", "offline"])
def test_no_promise_is_broken_where_not_every_since_is_free(monkeypatch, folder, synchronisation):
    monkeypatch.setattr(day, "SYNCHRONISATIONS", (synchronisation,))
    assert broken_promise(5, 1.5, folder) == ""
