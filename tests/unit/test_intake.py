"""What becomes of a RAW file after each probe."""

import pytest

from condorloop.intake import SOON, file_state
from condorloop.model import FileState


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
