"""Why an attempt of a node failed: told once, in the words of the job, with the inputs it blames.

Knows where what a job printed is found; `diagnosis` knows what it means.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from condorloop.model.enums import NodeKind
from condorloop.node.dag_context import DagContext
from condorloop.node.job_output import diagnosis
from condorloop.node.job_output.job_end import shell_code, words_of
from condorloop.node.job_output.job_report import read_error
from condorloop.node.job_output.printed import log_of
from condorloop.rundir.layout import INPUTS, JOB_REPORT, UPLOAD_RECORD
from condorloop.rundir.records import attempts
from condorloop.rundir.records.attempts import Attempt
from condorloop.rundir.records.manifest import ManifestNode, Product
from condorloop.rundir.records.upload import UploadResult


def tell(dag: DagContext, name: str, exit_code: int, ended: float) -> Attempt:
    """Write down why an attempt failed, unless that was done before."""
    dag = dag.at(name)
    code = shell_code(exit_code)
    for told in attempts.read(dag.directory, name):
        if (told.exit_code, told.time) == (code, ended):
            return told
    node = dag.node(name)
    if node.kind is NodeKind.UPLOAD:
        attempt = Attempt(code, _said_of_upload(dag, node) or words_of(exit_code), (), ended)
    else:
        made = dag.directory / name
        error, log = read_error(made / JOB_REPORT), log_of(dag, name)
        names = _names_of_inputs(dag, node)
        blamed = diagnosis.blamed(code, error, log, names)
        words = "" if exit_code < 0 else diagnosis.words(error, log)
        blames = tuple(names[each] for each in blamed)
        causes = diagnosis.calibrations(code, error, log, _products(dag))
        attempt = Attempt(code, words or words_of(exit_code), blames, ended, causes)
    attempts.add(dag.directory, name, attempt)
    print(f"{name} failed: {attempt.words}")
    return attempt


def _products(dag: DagContext) -> Mapping[str, Product]:
    """What a job of a shared stream makes for each calibration; nothing of any other job."""
    is_of_all = dag.manifest.is_shared and not dag.calibration
    return dag.manifest.made_for if is_of_all else {}


def _said_of_upload(dag: DagContext, node: ManifestNode) -> str:
    result = UploadResult.load(dag.made_dir / node.output / UPLOAD_RECORD)
    return f"{result.outcome}: {result.answer}" if result else ""


def _names_of_inputs(dag: DagContext, node: ManifestNode) -> dict[str, str]:
    """How a node's inputs are called in what cmsRun prints, and how the manifest calls them."""
    match node.kind:
        case NodeKind.RECO:
            return {path: path for path in node.files}
        case NodeKind.ALCA:
            return {f"{name}.root": name for name in node.inputs}
        case _:
            lines = (dag.inputs_dir / INPUTS).read_text(encoding="utf-8").splitlines()
            return {each: Path(each).parent.name for each in lines}
