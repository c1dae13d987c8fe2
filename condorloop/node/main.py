"""What a DAG does on the access point: choose harvest inputs, judge a node, upload.

Knows the manifest of its DAG and the run directory above it; knows nothing of the ledger. DAGMan
calls it as PRE script of HARVEST (``inputs``), as POST script of every node (``finish``) and
as the UPLOAD job (``upload``), in the DAG's directory. Every step can be repeated. A script says
by its exit code what its node has come to, or that the machine kept it from saying so. Each of the
three imports what it needs when it is asked for: most of what a script costs is the start.
"""

from __future__ import annotations

import os
import re
import sys
import time

from condorloop.model.enums import NodeKind
from condorloop.node.dag_context import DagContext
from condorloop.node.job_output.job_end import PRE_FAILED
from condorloop.rundir.layout import AGAIN, DEFERRED, PERMANENT
from condorloop.rundir.records import attempts
from condorloop.rundir.records.attempts import Attempt
from condorloop.runtime.machine_errors import is_of_machine


class _Terminated(BaseException):
    """Someone wants this process to end."""


def _terminate(number: int, frame: object) -> None:
    raise _Terminated


def _upload_until_terminated(dag: DagContext, name: str) -> int:
    """Upload; when this process is to end, end the tool too, then end as asked."""
    import signal

    from condorloop.node.uploads.upload import upload

    signal.signal(signal.SIGTERM, _terminate)
    try:
        return upload(dag, name)
    except _Terminated:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)
        raise


def _choose(dag: DagContext, name: str) -> int:
    """Choose the inputs of HARVEST; if that fails it is told here, for no POST script follows."""
    from condorloop.node.pre_script import choose_inputs

    try:
        print(f"{len(choose_inputs(dag, name))} ALCARECO to harvest")
    except Exception as error:
        if not is_of_machine(error):
            attempt = Attempt(PRE_FAILED, str(error), (), time.time())
            attempts.add(dag.directory, name, attempt)
        raise
    return 0


_ALONE = {"inputs": (NodeKind.HARVEST,), "upload": (NodeKind.UPLOAD,)}


def _verdict(code: int) -> int:
    """What a script exits with: node.sh takes any other code for a Python that did not start."""
    return code if code in (0, PERMANENT) else AGAIN


def main(arguments: list[str]) -> int:
    """Do what DAGMan asks for: ``inputs [NODE]``, ``finish NODE EXITCODE`` or ``upload [NODE]``.

    Returns
    -------
    int
        Of a script: 0, `AGAIN`, `PERMANENT`, or `DEFERRED` if the machine kept it from its work.
        Of the UPLOAD job, which is not deferred: 0, 1 or `PERMANENT`.
    """
    os.umask(0o002)
    of_job = arguments[:1] == ["upload"]
    if len(arguments) == 1:  # the DAG has one calibration: the node is called as its kind
        arguments = [*arguments, *_ALONE.get(arguments[0], ())]
    try:
        match arguments:
            case ["inputs", name]:
                return _choose(DagContext.here(), name)
            case ["finish", name, code] if re.fullmatch(r"-?\d{1,9}", code):
                from condorloop.node.post_script import finish

                return _verdict(finish(DagContext.here(), name, int(code)))
            case ["upload", name]:
                return _upload_until_terminated(DagContext.here(), name)
    except Exception as error:  # whatever a job has left: its node is judged
        deferred = is_of_machine(error) and not of_job
        said = str(error) or type(error).__name__
        print(f"condorloop.node.main {' '.join(arguments)}: {said}", file=sys.stderr)
        return DEFERRED if deferred else 1 if of_job else AGAIN
    print(f"condorloop.node.main: not a request: {arguments}", file=sys.stderr)
    return AGAIN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
