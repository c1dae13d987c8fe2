"""An upgrade under way: DAGs that an older version wrote and queued are ended by this one.

`queued_by_version_4` is what the version with schema 4 left: its ledger, and two DAGs whose scripts
call the modules of that version. What differs between machines stands between two @.
"""

import shutil
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import htcondor2
import pytest

from condorloop.model.enums import CampaignState
from condorloop.rundir.durable import read_json
from tests.pool.test_loop import scenario

RUN = 398610
LEFT = Path(__file__).parent / "queued_by_version_4"
DAGS = ("dag000", "dag001")
TIMES = {
    "campaign": ("run_start", "run_end", "latched_at", "state_since", "last_new_at"),
    "raw_file": ("seen_at", "probed_at"),
    "dag": ("planned_at", "submitted_at"),
}


def fill_in(loop, text):
    """Give a text that was left behind the places of this loop."""
    services = read_json(loop.stack.folder / "services.json")
    places = {
        "WORK_DIR": loop.work_dir,
        "SETUP": loop.folder / "cmsset_default.sh",
        "TESTBED": loop.stack.folder,
        "PYTHON": sys.executable,
        "STORAGE": loop.config().site.storage.url.removeprefix("root://").strip("/"),
        "CONDITIONS": f"http://127.0.0.1:{services['conditions_port']}",
        "SITE": loop.config().site.name,
    }
    for name, place in places.items():
        text = text.replace(f"@{name}@", str(place))
    return text


def leave_dag(loop, name):
    """Write a DAG as it was left, and queue it as its version did; give DAGMan's cluster."""
    folder = loop.work_dir / "EcalPedestals" / f"run{RUN}" / name
    shutil.copytree(LEFT / name, folder)
    for file in folder.iterdir():
        file.write_text(fill_in(loop, file.read_text()))
    options = {"UpdateSubmit": True, "BatchName": f"EcalPedestals run{RUN} {name}"}
    dag = folder / f"run{RUN}_{name}.dag"
    loop.tool("chmod", "+x", *map(str, folder.glob("*.sh")))
    description = htcondor2.Submit.from_dag(str(dag), options)
    description["initialdir"] = str(folder)
    return htcondor2.Schedd().submit(description).cluster()


def leave_ledger(loop, clusters):
    """Write the ledger as it was left, just now."""
    with closing(sqlite3.connect(loop.work_dir / "condorloop.db")) as ledger:
        ledger.executescript((LEFT / "ledger.sql").read_text())
        [[latched]] = ledger.execute("SELECT latched_at FROM campaign")
        for table, columns in TIMES.items():
            for column in columns:
                later = f"UPDATE {table} SET {column} = {column} + ?"
                ledger.execute(later, (time.time() - latched,))
        ledger.executemany("UPDATE dag SET cluster = ? WHERE number = ?", clusters)
        ledger.commit()


@pytest.fixture
def upgraded(loop):
    """The run of the left DAGs, which are in the queue; this version's submitter comes to it."""
    played = loop.play(scenario(RUN, ["EcalPedestals"], 6))
    loop.wait_for_files(RUN, 2)
    loop.work_dir.mkdir()
    # The scripts of that version end where a part of CMS's own set-up fails.
    setup = loop.stack.folder / "cvmfs" / "cmsset_default.sh"
    (loop.folder / setup.name).write_text(f"set +e\n. {setup}\nset -e\n")
    clusters = [leave_dag(loop, name) for name in DAGS]
    leave_ledger(loop, [(cluster, number) for number, cluster in enumerate(clusters)])
    loop.run_until_closed(1)
    return played


def test_queued_dags_of_an_older_version_are_ended_by_this_one(loop, upgraded):
    assert loop.states() == {"EcalPedestals": CampaignState.COMPLETE}
    verdict = upgraded.assay("EcalPedestals", RUN)
    assert verdict.faults == ()
    assert str(verdict.in_payload) == "1-6"
    made = {tuple(job) for job in loop.jobs(RUN)}
    folder = f"EcalPedestals/run{RUN}"
    assert made >= {
        (f"{folder}/{dag}", node)
        for dag in DAGS
        for node in ("RECO_0000", "ALCA_0000", "HARVEST", "UPLOAD")
    }
    assert {node for place, node in made if not place.endswith(DAGS)} <= {"HARVEST", "UPLOAD"}
    for dag in DAGS:
        left = fill_in(loop, (LEFT / dag / "node.sh").read_text())
        assert (loop.work_dir / folder / dag / "node.sh").read_text() == left
        assert not list((loop.work_dir / folder / dag).glob("*.rescue*"))
    loop.assert_nothing_was_done_twice(RUN)
