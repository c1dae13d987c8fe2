"""Each RAW file is probed once, however often its run is polled, across a restart."""

import pytest

from benchmarks.probing import probe_run


@pytest.mark.parametrize("files", [12, 120])
def test_edmfileutil_is_called_once_a_file_and_storage_once_a_poll(tmp_path, files):
    found = probe_run(tmp_path, files)
    assert found.good == found.files == files
    assert found.probes == files
    assert found.most == 1
    assert found.listings == found.polls == 24
