"""Exit codes and hold reasons in words, and what a person does about them.

Knows cmsRun's codes as a shell sees them (cms-sw/cmssw, FWCore/Utilities/interface/EDMException.h;
modulo 256), those of uploadConditions.py (CondCore/Utilities), and HTCondor's hold codes (its
manual, "HoldReasonCode"). It is pure.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping

from condorloop.dagman.submit_description import HELD_FOR_TIME
from condorloop.model.enums import NodeKind
from condorloop.node.job_output.job_end import FROM_DAGMAN, words_of

_READ = "look at the file (condorloop find, xrdfs); a rescue tries it again"
_AGAIN = "let the submitter read it (kill -HUP PID), then resubmit"
_CONFIGURE = (
    "correct the calibration's YAML or the release (condorloop validate --diff); "
    f"{_AGAIN} with --now"
)
_CODE = "a fault of the release or of its configuration: tell its experts, with the log"
_MEMORY = f"give the node kind more request_memory_mb in the calibration's YAML; {_AGAIN}"
_DISK = f"look for room on the machine; give the node kind more request_disk_mb; {_AGAIN}"
_MACHINE = "a machine that is not fit: resubmit; if it is always the same one, exclude it"
_UPLOAD = "condorloop doctor tells whether service and credentials are right; then resubmit"

_MORE_MEMORY = (
    "give this job more and release it; "
    "request_memory_mb in the calibration's YAML is for other jobs"
)
_RELEASE_ELSEWHERE = "a machine that is not fit: release; if it is always the same one, exclude it"

OUT_OF_MEMORY = frozenset({21, 34})
"""The hold codes of a job that used more memory than it asked for."""

CMSSW: Mapping[int, tuple[str, str]] = {
    65: ("an exception of CMSSW (8001)", _CODE),
    66: ("a standard C++ exception (8002)", _CODE),
    67: ("an exception of unknown kind (8003)", _CODE),
    68: ("out of memory, bad_alloc (8004)", _MEMORY),
    70: ("a product was not found in the event (8006)", _CONFIGURE),
    71: ("a product was not found in the event, by its type (8007)", _CONFIGURE),
    73: ("the configuration is wrong (8009)", _CONFIGURE),
    80: ("an event is corrupt (8016)", _READ),
    84: ("a file could not be opened (8020)", _READ),
    85: ("a file could not be read (8021)", _READ),
    86: ("a fatal error of ROOT (8022)", _READ),
    88: ("cmsRun was called with wrong options (7000)", _CONFIGURE),
    89: ("cmsRun found no configuration file (7001)", _CONFIGURE),
    90: ("cmsRun cannot read its configuration (7002, or 8026)", _CONFIGURE),
    92: ("a file could not be opened, here nor elsewhere (8028)", _READ),
    94: ("over its memory limit (8030)", _MEMORY),
    95: ("over its virtual memory limit (8031)", _MEMORY),
    96: ("over its time limit (8032)", f"look why it is slow; raise time_limit; {_AGAIN}"),
    97: ("a file could not be written (8033)", _DISK),
}
"""What cmsRun's exit codes mean, and what to do."""

SHELL: Mapping[int, tuple[str, str]] = {
    40: ("a signal asked it to end (9000)", _MACHINE),
    126: ("a command of its script cannot be executed", _MACHINE),
    127: ("command not found in its script: CMSSW or a tool is missing", _MACHINE),
    132: ("an illegal instruction: the machine's CPU is not one that the release knows", _MACHINE),
    134: ("aborted (SIGABRT)", _CODE),
    135: ("a bus error: a disk that fails, or is full", _MACHINE),
    137: ("killed (SIGKILL), most often for its memory", _MEMORY),
    139: ("a segmentation fault (SIGSEGV)", _CODE),
    143: ("asked to end (SIGTERM)", _MACHINE),
}
"""What a shell's exit codes mean, and what to do."""

UPLOAD: Mapping[int, tuple[str, str]] = {
    66: (
        "the service refused the payload",
        "resubmit when the reason is gone; later payloads of its tag and IOV are not sent either",
    ),
    251: ("the payload file did not pass the check", "resubmit: it is harvested again"),
    252: ("the payload file has no IOV, or its metadata cannot be read", _UPLOAD),
    253: ("there is no payload file", "resubmit: it is harvested again"),
    254: ("the sign-in failed: wrong or missing credentials", _UPLOAD),
    255: ("the service could not be reached, or answered with an error", _UPLOAD),
}
"""What the exit codes of uploadConditions.py mean, and what to do."""

HOLDS: Mapping[int, tuple[str, str]] = {
    1: ("a person held it", "release it when the reason is gone"),
    3: ("a rule of the job held it", "read the reason, then release it"),
    6: ("its executable could not be started", _RELEASE_ELSEWHERE),
    7: ("its standard streams could not be opened", "look at rights and room of the work_dir"),
    12: ("its output could not be brought back", "look at rights and room of the work_dir"),
    13: ("its input could not be brought to the machine", "are its files still there? release"),
    14: ("its working directory cannot be entered", "look at rights of the work_dir"),
    16: ("its input is being brought in", "nothing: it continues automatically"),
    21: ("a rule of the machine held it", _MORE_MEMORY),
    26: ("a rule of the schedd held it", "ask the pool's administrators"),
    34: ("over the memory that it asked for", _MORE_MEMORY),
    35: ("the disk of the machine is full", _RELEASE_ELSEWHERE),
    46: ("it was longer in the queue than it may be", "remove that limit by condor_qedit; release"),
    47: (
        "it ran longer than its time limit",
        "look why; release it as it is, or with more time (condor_qedit); "
        "time_limit in the calibration's YAML is for other jobs",
    ),
}
"""What HTCondor's hold codes mean, and what to do."""


def exit_words(kind: NodeKind, exit_code: int) -> tuple[str, str]:
    """Say what an exit code of a node's job means, and what to do.

    Parameters
    ----------
    exit_code
        As a shell sees it, or one of `condorloop.node.job_output.job_end.FROM_DAGMAN`.

    >>> exit_words(NodeKind.RECO, 84)[0]
    'a file could not be opened (8020)'
    >>> exit_words(NodeKind.UPLOAD, 254)[0]
    'the sign-in failed: wrong or missing credentials'
    """
    if exit_code in FROM_DAGMAN:
        return FROM_DAGMAN[exit_code], "read scripts.log and the DAG's .dagman.out"
    if exit_code == 0:
        return "the job ended well, but what it made is not whole", "resubmit: it runs again"
    known = UPLOAD if kind is NodeKind.UPLOAD else CMSSW
    if found := known.get(exit_code) or SHELL.get(exit_code):
        return found
    if 128 < exit_code <= 128 + signal.NSIG:
        return words_of(128 - exit_code), _MACHINE
    return f"exit {exit_code}, not a CMSSW code", "see the last lines of its log"


def hold_words(code: int, subcode: int = 0) -> tuple[str, str]:
    """Say what HTCondor's hold code means, and what to do.

    >>> hold_words(34)[0], hold_words(999)[0]
    ('over the memory that it asked for', 'HTCondor held it, code 999')
    """
    if (code, subcode) == (3, HELD_FOR_TIME):  # an UPLOAD's, in the local universe
        code = HELD_FOR_TIME
    fallback = (f"HTCondor held it, code {code}", "read the reason, then release it")
    return HOLDS.get(code, fallback)
