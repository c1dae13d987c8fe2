"""One submitter a work_dir."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from condorloop.runtime.lock import AlreadyRunning, sole_submitter


def test_a_second_submitter_is_refused_and_told_who_runs(tmp_path):
    with (
        sole_submitter(tmp_path),
        pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}, since "),
        sole_submitter(tmp_path),
    ):
        pass


def test_a_lock_file_that_is_left_over_blocks_nobody(tmp_path):
    (tmp_path / "condorloop.lock").write_text("host gone, pid 1, since long\n")
    with sole_submitter(tmp_path):
        assert f"pid {os.getpid()}" in (tmp_path / "condorloop.lock").read_text()


def test_who_comes_to_stay_waits_for_who_is_there_for_one_pass(tmp_path):
    with ThreadPoolExecutor(1) as pool:
        with sole_submitter(tmp_path, one_pass=True):
            staying = pool.submit(lambda: sole_submitter(tmp_path).__enter__())
            with pytest.raises(TimeoutError):
                staying.result(timeout=0.3)
            with (
                pytest.raises(AlreadyRunning, match="a single pass"),
                sole_submitter(tmp_path, one_pass=True),
            ):
                pass
        staying.result(timeout=30)
