"""The run directory: what its files and folders are called.

Knows names alone. The submitter and the DAG's own scripts use it, so it imports little.
"""

from __future__ import annotations

import glob
import re
from pathlib import Path

from condorloop.model.lumis import Lumis

LEDGER = "condorloop.db"
"""The ledger's name in the work_dir."""

MANIFEST = "manifest.json"
RUN_START = "runStart.log"
RUN_END = "runEnd.log"
CONFIGURATION = "configuration.yaml"
"""The configuration with which a run was latched, as it counts for its campaign."""
INPUTS = "inputs.txt"
INPUT_FILES = "inputs"
"""Beside it: the ALCARECO that it lists."""
LEFT_OUT = "left_out.json"
"""Beside a HARVEST's inputs: which ALCARECO are not among them, and why."""
HARVEST_RECORD = "harvest.json"
UPLOAD_RECORD = "upload.json"
UPLOAD_LOG = "upload.log"
CONSTANTS_RECORD = "constants.json"
"""Beside a payload: what its constants are like, as a report last found them."""
DESTINATIONS = "_destinations"
"""In the work_dir: a lock and a record for each destination. No calibration can be called so."""
YOUNGEST_RECORD = "youngest.json"
"""In a calibration's folder: the youngest run by tag, of versions without `DESTINATIONS`."""
ASK_AGAIN = "ask_again"
"""Beside an upload's record: a person wants the service to be asked again."""
UPLOADS_HELD = "uploads_held.json"
"""In a run directory, or in a calibration's folder: a person holds the uploads."""
DECISIONS = "decisions.json"
"""In a run directory: what people said of its payloads."""
RESTORED = "restored.json"
"""In a run directory: which payload a person has put back."""
PAYLOAD_DB = "promptCalibConditions.db"
IN_FORCE_DB = "in_force.db"
"""What the gate copies from the destination, beside the payload, as long as it judges."""
JOB_REPORT = "FrameworkJobReport.xml"
MADE = "made.txt"

HARVEST_FOLDER_NAMES = frozenset(
    {
        HARVEST_RECORD,
        UPLOAD_RECORD,
        ASK_AGAIN,
        PAYLOAD_DB,
        JOB_REPORT,
        MADE,
        UPLOAD_LOG,
        CONSTANTS_RECORD,
    }
)
"""Names in the folder of a harvest that no file of a calibration's own may have."""
"""In what a job leaves: its files, as it says itself; others are an earlier attempt's."""


AGAIN = 65
"""What a node's script exits with when the node failed and another try may help."""

PERMANENT = 66
"""What a node's POST script exits with when trying again is of no use; RETRY's UNLESS-EXIT."""

DEFERRED = 75
"""What a node's script exits with when the machine kept it from its work; SCRIPT's DEFER.

DAGMan runs the script again later, and the job does not run again. node.sh says it, too, of
whatever is no other one of these codes and not 0: Python did not start, or was killed.
"""


def run_dir(work_dir: Path, name: str, run: int) -> Path:
    """Where everything of a campaign or a reconstruction is: of a calibration, or of a stream."""
    return work_dir / name / f"run{run}"


def made_in(runs: Path, calibration: str) -> Path:
    """The run directory of what a node makes whose DAG is in another one, or in the same.

    HARVEST and UPLOAD leave theirs in that of their calibration; with none it is the DAG's.

    >>> made_in(Path("/data/Express/run1"), "BeamSpot").as_posix()
    '/data/BeamSpot/run1'
    """
    return runs.parent.parent / calibration / runs.name if calibration else runs


def dag_dir(run_dir: Path, number: int) -> Path:
    """The directory of a DAG."""
    return run_dir / f"dag{number:03d}"


def harvest_inputs(dag_dir: Path, node: str) -> Path:
    """The folder of a DAG in which a HARVEST finds its inputs: each of several has its own.

    >>> harvest_inputs(Path("dag000"), "HARVEST_BeamSpot").as_posix()
    'dag000/HARVEST_BeamSpot.inputs'
    >>> harvest_inputs(Path("dag000"), "HARVEST").as_posix()
    'dag000'
    """
    return dag_dir if node == "HARVEST" else dag_dir / f"{node}.{INPUT_FILES}"


def lumis_file(node: str) -> str:
    """Name the file in a DAG's directory with the lumisections that a node reads of a RAW file.

    >>> lumis_file("RECO_0003")
    'RECO_0003_lumis.json'
    """
    return f"{node}_lumis.json"


def dag_file(run_dir: Path, number: int) -> Path:
    """The DAG description of a DAG."""
    return dag_dir(run_dir, number) / f"{run_dir.name}_dag{number:03d}.dag"


def alcareco_name(job: int) -> str:
    """The directory of an ALCARECO: what an ALCA node made."""
    return f"apJob{job:03d}"


def is_alcareco(name: str) -> bool:
    """Whether a directory is called as that of an ALCARECO."""
    number = name.removeprefix("apJob")
    return number != name and number.isdecimal() and number.isascii() and len(number) < 19


def alcareco_job(name: str) -> int:
    """The number of an ALCARECO from the name of its directory."""
    return int(name.removeprefix("apJob"))


def harvest_name(dag: int) -> str:
    """The directory of what the HARVEST node of a DAG made."""
    return f"harvestJob{dag:03d}"


def sent_record(sent_by: int) -> str:
    """Beside a payload's own record: what became of it in a DAG that sent it alone."""
    return f"upload{sent_by:03d}.json"


def harvest_job(name: str) -> int:
    """The number of the DAG that made a harvest, from the name of the harvest's directory."""
    return int(name.removeprefix("harvestJob"))


def destination_file(work_dir: Path, database: str, tag: str, ending: str) -> Path:
    """A file of a destination: ``.lock`` is held by who sends to it, ``.json`` is its record.

    >>> destination_file(Path("/data"), "oracle://cms_orcon_prod/CMS_CONDITIONS", "T", ".lock").name
    'T-bf65b92e.lock'
    """
    from hashlib import sha1  # most scripts of a DAG send nothing

    digest = sha1(f"{database}\0{tag}".encode()).hexdigest()[:8]
    name = re.sub(r"[^A-Za-z0-9_.+-]", "-", tag)[:_LONGEST_TAG]
    return work_dir / DESTINATIONS / f"{name}-{digest}{ending}"


_LONGEST_TAG = 100


def reco_name(run: int, lumis: Lumis, batch: int, node: int, affix: str) -> str:
    """The name, without its ending, of what a RECO node makes.

    Two RECO nodes can cover the same LS, so batch and node are part of it.
    """
    return f"run{run}_LS{lumis.first:04d}To{lumis.last:04d}_b{batch:03d}_{node:04d}{affix}"


def iso_time(seconds: float) -> str:
    """A time as `runStart.log` and `runEnd.log` hold it.

    >>> iso_time(1790000000.0)
    '2026-09-21T14:13:20+00:00'
    """
    from datetime import UTC, datetime  # most scripts of a DAG tell no time

    return datetime.fromtimestamp(seconds, UTC).isoformat()


def outputs(runs: Path, name: str) -> list[Path]:
    """The files that the RECO node of an output has left in the run directory: witness and all."""
    return sorted(p for p in runs.glob(f"{glob.escape(name)}*") if p.is_file())


_NUMBER = re.compile(r"(?:run|dag)([0-9]+)")


def newest_first(folder: Path, run: int | None = None) -> list[Path]:
    """Find the manifests of a calibration, or of one of its runs, by run and DAG."""
    runs = "run*" if run is None else f"run{run}"
    return sorted(folder.glob(f"{runs}/dag*/{MANIFEST}"), key=_age, reverse=True)


def _age(manifest: Path) -> tuple[int, ...]:
    """Sort the manifests of a calibration by run and DAG."""
    names = manifest.parts[-3:-1]
    return tuple(int(m[1]) if (m := _NUMBER.fullmatch(name)) else -1 for name in names)
