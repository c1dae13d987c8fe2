"""The ledger works with SQLite 3.26.0, the one of RHEL 8: its own tests pass with it."""

import subprocess

import pytest

from condorloop.ledger.health.trial import OLDEST_SQLITE
from tests import oldest_sqlite
from tests.unit.examples import TOP

TESTS = (
    "tests/unit/cycle/test_archiver.py",
    "tests/unit/cycle/test_cleaner.py",
    "tests/unit/history/test_search.py",
    "tests/unit/ledger/test_store.py",
    "tests/unit/ledger/test_damage.py",
    "tests/unit/ledger/test_sql.py",
    "tests/unit/ledger/test_trial.py",
    "tests/unit/ledger/test_uploads.py",
    "tests/unit/node/job_output/test_payload_db.py",
    "tests/unit/monitoring/test_caches.py",
    "tests/unit/recovery/test_rebuild.py",
    "tests/unit/policy/test_retention.py",
    "tests/processes/test_ledger_copies.py",
    "tests/processes/test_ledger_versions.py",
    "tests/testbed/test_conddb.py",
    "tests/testbed/test_conditions_service.py",
)
"""Whatever asks SQLite for anything."""

OTHERS = "not death and not cut_short"
"""Deaths in the middle are the same with each version, and take long."""


@pytest.fixture(scope="module")
def oldest():
    try:
        return oldest_sqlite.ensure()
    except oldest_sqlite.NotHereError as error:
        pytest.skip(f"SQLite {oldest_sqlite.VERSION} cannot be had: {error}")


def test_it_is_the_version_that_the_doctor_names():
    assert oldest_sqlite.VERSION == OLDEST_SQLITE


def test_where_it_cannot_be_had_it_says_why(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(oldest_sqlite.NotHereError, match="npm is missing"):
        oldest_sqlite.ensure(cache=tmp_path / "cache")


def test_all_that_the_ledger_is_asked_for_works_with_it(oldest, tmp_path):
    pytest_alone = [oldest.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [*pytest_alone, "-k", OTHERS, f"--basetemp={tmp_path / 'inside'}", *TESTS],
        cwd=TOP,
        env=oldest.environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
