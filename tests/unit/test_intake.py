"""What becomes of a RAW file after each probe, and which folders are listed when."""

import pytest

from condorloop.bell import Bell
from condorloop.intake import SOON, Intake, file_state
from condorloop.interruption import Interruption
from condorloop.ledger import Ledger
from condorloop.model import FileState
from condorloop.storage import StorageUnavailable
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
def intake(folders, ledger):
    return Intake(folders, ledger, Interruption(Bell()))


def watched(opened, closed=()):
    return {(STREAM, run): run in opened for run in sorted({*opened, *closed})}


def known(ledger, run):
    return ledger.files(STREAM, run)


def test_folders_of_closed_campaigns_are_listed_in_turn_and_the_others_each_time(folders, intake):
    for poll in range(4):
        intake.observe(watched({9, 8}, {1, 2, 3}), START + poll)
    assert folders.asked == [1, 8, 9, 2, 8, 9, 3, 8, 9, 1, 8, 9]


def test_a_folder_that_cannot_be_listed_does_not_keep_others_from_their_turn(folders, intake):
    folders.files[1] = StorageUnavailable("it refuses")
    for poll in range(3):
        intake.observe(watched({}, {1, 2}), START + poll)
    assert folders.asked == [1, 2, 1]


def test_a_listing_that_was_seen_is_not_compared_again(folders, intake, ledger):
    folders.files[9] = {"/a": 1}
    intake.observe(watched({9}), START)
    assert known(ledger, 9) == {"/a": 1}
    ledger.take_changed()
    before = ledger._db.total_changes
    intake.observe(watched({9}), START + 10)
    assert ledger._db.total_changes == before


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
