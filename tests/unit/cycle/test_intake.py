"""What becomes of a RAW file after each probe, and which folders are listed when."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from condorloop.cycle.intake import SOON, Intake, file_state
from condorloop.ledger.store import Ledger
from condorloop.model.enums import FileState
from condorloop.runtime.shutdown import Shutdown, Stopped
from condorloop.runtime.wakeup import Wakeup
from condorloop.services.storage import StorageUnavailable
from tests.unit.examples import START

STREAM = "/eos/cms/RAW"


class Folders:
    """Storage that lists what it is told to, and notes what it is asked."""

    def __init__(self):
        self.files = {}
        self.asked = []

    def list_run(self, stream, run):
        self.asked.append(run)
        if isinstance(self.files.get(run), Exception):
            raise self.files[run]
        return self.files.get(run, {})

    def start_probe(self, path):
        pass


@pytest.fixture
def folders():
    return Folders()


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "condorloop.db") as ledger:
        yield ledger


@pytest.fixture
def begin(ledger):
    """Make an intake over storage that lists so many folders at once."""
    intakes = []

    def begin(storage, at_once, shutdown=None):
        shutdown = shutdown or Shutdown(Wakeup())
        intakes.append(Intake(storage, ledger, shutdown, at_once))
        return intakes[-1]

    yield begin
    for intake in intakes:
        intake.close()


@pytest.fixture
def intake(folders, begin):
    return begin(folders, 1)


def watched(opened, closed=()):
    return {(STREAM, run): run in opened for run in sorted({*opened, *closed})}


def known(ledger, run):
    return ledger.raw_files.of_run(STREAM, run)


def test_folders_of_closed_campaigns_are_listed_in_turn_and_the_others_each_time(folders, intake):
    for poll in range(4):
        intake.observe(watched({9, 8}, {1, 2, 3}), START + poll)
    assert folders.asked == [1, 8, 9, 2, 8, 9, 3, 8, 9, 1, 8, 9]


def test_a_folder_that_cannot_be_listed_does_not_keep_others_from_their_turn(folders, intake):
    folders.files[1] = StorageUnavailable("it refuses")
    for poll in range(3):
        intake.observe(watched({}, {1, 2}), START + poll)
    assert folders.asked == [1, 2, 1]


def test_so_many_folders_are_listed_at_once(folders, begin):
    together = Barrier(3, timeout=20)

    class Meeting(Folders):
        def list_run(self, stream, run):
            together.wait()
            return super().list_run(stream, run)

    meeting = Meeting()
    meeting.files = {run: {f"/{run}": 1} for run in range(6)}
    intake = begin(meeting, 3)
    intake.observe(watched(set(range(6))), START)
    assert sorted(meeting.asked) == list(range(6))
    assert intake.listed == {(STREAM, run): START for run in range(6)}


def test_a_server_that_is_not_there_is_not_asked_for_each_folder(folders, begin):
    folders.files[0] = StorageUnavailable("no connection", everywhere=True)
    intake = begin(folders, 1)
    intake.observe(watched(set(range(5))), START)
    assert folders.asked == [0]
    assert "no connection" in intake.service.error


def test_a_wish_to_end_is_heard_before_the_next_listing(begin):
    listing, over = Event(), Event()
    shutdown = Shutdown(Wakeup())

    class Hanging(Folders):
        def list_run(self, stream, run):
            listing.set()
            over.wait(60)

    intake = begin(Hanging(), 2, shutdown)
    with ThreadPoolExecutor(1) as other:
        watching = other.submit(intake.observe, watched({1, 2, 3}), START)
        assert listing.wait(20)
        shutdown.wish()
        over.set()
        with pytest.raises(Stopped):
            watching.result(20)


def test_a_listing_that_was_seen_is_not_compared_again(folders, intake, ledger):
    folders.files[9] = {"/a": 1}
    intake.observe(watched({9}), START)
    assert known(ledger, 9) == {"/a": 1}
    ledger.changes.take()
    before = ledger.connection.sqlite.total_changes
    intake.observe(watched({9}), START + 10)
    assert ledger.connection.sqlite.total_changes == before


@pytest.mark.parametrize("later", [{"/a": 2}, {"/a": 1, "/b": 1}])
def test_a_listing_that_has_changed_is_written_down(folders, intake, ledger, later):
    for listing in ({"/a": 1}, later):
        folders.files[9] = listing
        intake.observe(watched({9}), START)
    assert known(ledger, 9) == later


def test_a_listing_is_compared_anew_after_one_that_told_only_a_part(folders, intake, ledger):
    whole = {"/a": 1}
    for told in (whole, StorageUnavailable("a part", files={"/a": 2}), whole):
        folders.files[9] = told
        intake.observe(watched({9}), START)
    assert known(ledger, 9) == {"/a": 1}


@pytest.mark.parametrize(
    ("error", "transient", "tries", "state"),
    [
        ("", False, 1, FileState.GOOD),
        ("", False, 9, FileState.GOOD),
        ("Tree Events appears to be missing", False, 1, FileState.BAD),
        ("ERR Could not open file", True, 1, FileState.NEW),
        ("ERR Could not open file", True, SOON, FileState.UNREADABLE),
        ("ERR Could not open file", True, 50, FileState.UNREADABLE),
    ],
)
def test_only_what_cannot_be_opened_is_tried_again(error, transient, tries, state):
    assert file_state(error, transient, tries) is state
