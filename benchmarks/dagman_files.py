"""The files that DAGMan leaves of a DAG, as of HTCondor 25: event log, node status, metrics.

Knows their text, which is that of a real DAG with other names, numbers and times.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from condorloop.dagman.logs.job_events import nodes_log

START = 1_790_000_000
SECONDS_A_JOB = 60
CLUSTER = 6
"""The job id of the DAGMan; those of its nodes' jobs follow."""

_ADDRESS = "<127.0.0.1:46799?addrs=127.0.0.1-46799&alias=vm&noUDP&sock=schedd_5033_1ca7>"

_EVENTS = """\
000 ({job:03d}.000.000) {submitted} Job submitted from host: {address}
    [ DAGNodeName = "{node}"; JobBatchName = "EcalPedestals run398600 b000" ]
...
001 ({job:03d}.000.000) {submitted} Job executing on host: {address}
\tSlotName: slot1_1@wn042.cern.ch
\tCondorScratchDir = "/var/lib/condor/execute/dir_6220/scratch"
\tCpus = 1
\tDisk = 1048576
\tGPUs = 0
\tMemory = 2048
...
005 ({job:03d}.000.000) {ended} Job terminated.
\t(1) Normal termination (return value 0)
\t\tUsr 0 00:00:41, Sys 0 00:00:02  -  Run Remote Usage
\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Run Local Usage
\t\tUsr 0 00:00:41, Sys 0 00:00:02  -  Total Remote Usage
\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  Total Local Usage
\t3  -  Run Bytes Sent By Job
\t1657  -  Run Bytes Received By Job
\t3  -  Total Bytes Sent By Job
\t1657  -  Total Bytes Received By Job
\tPartitionable Resources :    Usage  Request Allocated\x20
\t   Cpus                 :        0        1         1\x20
\t   Disk (KB)            :       18  1048576   1048576\x20
\t   GPUs                 :                           0\x20
\t   Memory (MB)          :        8     2000      2048\x20
\t   TimeExecute (s)      :       60                   \x20
\t   TimeSlotBusy (s)     :       61                   \x20
...
016 ({job:03d}.000.000) {ended} POST Script terminated.
\t(1) Normal termination (return value 0)
    DAG Node: {node}
...
"""

_DAG_STATUS = """\
[
  Type = "DagStatus";
  DagFiles = {{
    "{file}"
  }};
  Timestamp = {time}; /* "Sat Nov 28 15:01:43 2026" */
  DagStatus = 5; /* "STATUS_DONE (success)" */
  NodesTotal = {nodes};
  NodesDone = {nodes};
  NodesPre = 0;
  NodesQueued = 0;
  NodesPost = 0;
  NodesReady = 0;
  NodesUnready = 0;
  NodesFutile = 0;
  NodesFailed = 0;
  JobProcsHeld = 0;
  JobProcsIdle = 0; /* includes held */
]
"""
_NODE_STATUS = """\
[
  Type = "NodeStatus";
  Node = "{node}";
  NodeStatus = 5; /* "STATUS_DONE" */
  StatusDetails = "";
  RetryCount = 0;
  JobProcsQueued = 0;
  JobProcsHeld = 0;
]
"""
_STATUS_END = """\
[
  Type = "StatusEnd";
  EndTime = {time}; /* "Sat Nov 28 15:01:43 2026" */
  NextUpdate = 0; /* "none" */
]
"""


def node_name(number: int) -> str:
    """Name a node."""
    return f"RECO_{number:04d}"


def write_events(dag_file: Path, first: int, last: int) -> None:
    """Add to the event log what it says of nodes that have run, from `first` to before `last`."""
    with nodes_log(dag_file).open("a", encoding="utf-8") as file:
        file.writelines(_events(number) for number in range(first, last))


def _events(number: int) -> str:
    submitted = START + number // 10
    return _EVENTS.format(
        node=node_name(number),
        job=CLUSTER + 1 + number,
        submitted=_clock(submitted),
        ended=_clock(submitted + SECONDS_A_JOB),
        address=_ADDRESS,
    )


def _clock(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")


def write_end(dag_file: Path, nodes: int) -> None:
    """Write the node status file and the metrics of a DAG whose nodes have all succeeded."""
    told = [_DAG_STATUS.format(file=dag_file, time=START, nodes=nodes)]
    told += [_NODE_STATUS.format(node=node_name(number)) for number in range(nodes)]
    told.append(_STATUS_END.format(time=START))
    Path(f"{dag_file}.status").write_text("".join(told), encoding="utf-8")
    metrics = {"client": "condor_dagman", "dagman_id": str(CLUSTER), "exitcode": 0, "nodes": nodes}
    Path(f"{dag_file}.metrics").write_text(json.dumps(metrics), encoding="utf-8")
