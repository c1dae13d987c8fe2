"""What a DAG does on the access point: choose harvest inputs, judge a node, upload.

Knows the manifest of its DAG and the run directory above it; knows nothing of the ledger. DAGMan
calls it as PRE script of HARVEST (``inputs``), as POST script of every node (``finish``) and
as the UPLOAD job (``upload``), in the DAG's directory. Every step can be repeated.
"""

from __future__ import annotations

import os
import re
import signal
import sys

from condorloop.node.manifest import DagContext, NodeError
from condorloop.node.post_script import finish
from condorloop.node.pre_script import choose_inputs


class _Terminated(BaseException):
    """Someone wants this process to end."""


def _terminate(number: int, frame: object) -> None:
    raise _Terminated


def _upload_until_terminated(dag: DagContext) -> int:
    """Upload; when this process is to end, end the tool too, then end as asked."""
    # what the many POST scripts do not need, they do not wait for
    from condorloop.node.upload import upload

    signal.signal(signal.SIGTERM, _terminate)
    try:
        return upload(dag)
    except _Terminated:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)
        raise


def main(arguments: list[str]) -> int:
    """Do what DAGMan asks for: ``inputs``, ``finish NODE EXITCODE`` or ``upload``."""
    os.umask(0o002)
    try:
        match arguments:
            case ["inputs"]:
                print(f"{len(choose_inputs(DagContext.here()))} ALCARECO to harvest")
                return 0
            case ["finish", name, code] if re.fullmatch(r"-?\d{1,9}", code):
                return finish(DagContext.here(), name, int(code))
            case ["upload"]:
                return _upload_until_terminated(DagContext.here())
    except (NodeError, OSError, LookupError, ValueError) as error:
        print(f"condorloop.node.main {' '.join(arguments)}: {error}", file=sys.stderr)
        return 1
    print(f"condorloop.node.main: not a request: {arguments}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
