"""Before its tables change, a ledger is copied: with the copy the version before can go on."""

import shutil
import sqlite3
import stat
import subprocess
from collections import namedtuple
from contextlib import closing

import pytest

from condorloop.ledger.archive import prepare_archive
from condorloop.ledger.connection import LedgerError
from condorloop.ledger.schema import SCHEMA_VERSION
from condorloop.ledger.store import Ledger
from condorloop.model.enums import CampaignState
from tests.processes.ledger_contents import filled, told_by, version_of
from tests.unit.examples import START, TOP

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def work_dir(tmp_path):
    """A work_dir of version 5 with runs in flight, and an archive of it."""
    filled(tmp_path / "condorloop.db", "ledger_v5")
    filled(tmp_path / "condorloop-2026.db", "ledger_v5_archive")
    return tmp_path


def upgrade(work_dir):
    with Ledger(work_dir / "condorloop.db"):
        pass
    prepare_archive(work_dir / "condorloop-2026.db")


def contents(path):
    """All statements that make a database, and fill it."""
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return list(db.iterdump())


NAMES = ("condorloop.db", "condorloop-2026.db")


def test_ledger_and_archives_are_copied_before_they_change(work_dir):
    before = {name: contents(work_dir / name) for name in NAMES}
    upgrade(work_dir)
    for name in NAMES:
        assert version_of(work_dir / name) == str(SCHEMA_VERSION)
        copy = work_dir / f"{name}.v5"
        assert contents(copy) == before[name]
        assert stat.S_IMODE(copy.stat().st_mode) == 0o660
    assert len(list(work_dir.glob("*.v5*"))) == 2


def test_what_is_of_this_version_is_not_copied(work_dir):
    upgrade(work_dir)
    upgrade(work_dir)
    assert len(list(work_dir.glob("*.v5*"))) == 2


def test_a_copy_is_never_written_over(work_dir):
    copy = work_dir / "condorloop.db.v5"
    copy.write_text("of an earlier upgrade")
    upgrade(work_dir)
    assert copy.read_text() == "of an earlier upgrade"
    assert version_of(work_dir / "condorloop.db.v5-2") == "5"


def test_a_copy_of_the_same_contents_is_not_made_again(work_dir):
    upgrade(work_dir)
    shutil.copy(work_dir / "condorloop.db.v5", work_dir / "condorloop.db")
    upgrade(work_dir)
    assert len(list(work_dir.glob("condorloop.db.v5*"))) == 1


def test_without_room_for_all_copies_nothing_is_changed_and_a_line_says_so(work_dir, monkeypatch):
    sizes = [(work_dir / name).stat().st_size for name in NAMES]
    needed = sum(sizes) + 2 * max(sizes)
    before = contents(work_dir / "condorloop.db")
    path = "condorloop.ledger.migrations.copies.shutil.disk_usage"
    monkeypatch.setattr(path, lambda _: Usage(1, 1, needed - 1))
    said = r"schema version 5 becomes \d+.*a copy is kept"
    with pytest.raises(LedgerError, match=said) as refused:
        Ledger(work_dir / "condorloop.db")
    assert "\n" not in str(refused.value)
    assert not list(work_dir.glob("*.v5*"))
    assert contents(work_dir / "condorloop.db") == before
    monkeypatch.setattr(path, lambda _: Usage(1, 1, needed))
    upgrade(work_dir)


def test_the_way_back_of_the_docs_leads_to_the_ledger_of_before(work_dir):
    before = {name: contents(work_dir / name) for name in NAMES}
    upgrade(work_dir)
    with Ledger(work_dir / "condorloop.db") as ledger:  # the loop goes on for a while
        [campaign] = ledger.campaigns.of_run(398600, "EcalPedestals")
        flying = [dag.id for dag in campaign.dags if dag.in_flight]
        assert len(flying) > 1
        ledger.dags.ended(flying[0], None, START + 500)
        ledger.campaigns.set_state(campaign.id, CampaignState.CLOSING, "over", START + 600)
    after = told_by(work_dir / "condorloop.db")
    subprocess.run(["bash", "-eu", "-c", way_back()], cwd=work_dir, check=True, timeout=60)
    for name in NAMES:
        assert contents(work_dir / name) == before[name]
    assert told_by(work_dir / "newer" / "condorloop.db") == after
    upgrade(work_dir)
    with Ledger(work_dir / "condorloop.db") as ledger:
        [campaign] = ledger.campaigns.of_run(398600, "EcalPedestals")
        assert campaign.state is CampaignState.ACTIVE
        assert [dag.id for dag in campaign.dags if dag.in_flight] == flying


def way_back():
    """What the docs say to type in the work_dir."""
    page = (TOP / "docs" / "moving-over.md").read_text()
    section = page.split("### Going back")[1]
    lines = section.split("```")[1].splitlines()[1:]
    return "\n".join(line for line in lines if not line.strip().startswith("cd "))
