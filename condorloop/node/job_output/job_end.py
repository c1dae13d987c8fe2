"""How a job ended, as DAGMan tells it."""

from __future__ import annotations

from collections.abc import Mapping

PRE_FAILED = -1004
"""What DAGMan puts in the place of the exit code of a job whose PRE script failed."""

FROM_DAGMAN: Mapping[int, str] = {
    -1001: "the job could not be submitted",
    -1002: "the job was removed",
    -1003: "DAGMan could not follow the job's events",
    PRE_FAILED: "the job did not run: its PRE script failed",
}
"""What DAGMan puts in the place of a job's exit code (src/condor_dagman/dag.h)."""


def shell_code(returned: int) -> int:
    """Give a job's end, as DAGMan tells it, as a shell would.

    >>> shell_code(84), shell_code(-9), shell_code(-1002)
    (84, 137, -1002)
    """
    return 128 - returned if -64 <= returned < 0 else returned


def words_of(returned: int) -> str:
    """Say how a job ended, where nothing else tells.

    >>> words_of(-9), words_of(-1002), words_of(3)
    ('killed by SIGKILL', 'the job was removed', 'exit 3')
    """
    if returned in FROM_DAGMAN:
        return FROM_DAGMAN[returned]
    if -64 <= returned < 0:
        import signal  # few jobs are killed, and this takes as long to import as all the rest here

        try:
            return f"killed by {signal.Signals(-returned).name}"
        except ValueError:
            return f"killed by signal {-returned}"
    return f"exit {returned}"
