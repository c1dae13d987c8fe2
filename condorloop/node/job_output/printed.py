"""What a job of a node has printed, as far as it tells how the job went."""

from __future__ import annotations

from contextlib import suppress

from condorloop.node.dag_context import DagContext
from condorloop.node.job_output import diagnosis


def log_of(dag: DagContext, name: str) -> list[str]:
    """What cmsRun printed, where it came back, and what the job's script printed."""
    made = dag.directory / name
    logs = sorted(set(made.glob("*.log")) - {made / "stdout.log", made / "stderr.log"})
    logs = logs or [dag.directory / f"{name}.out"]
    lines: list[str] = []
    for path in (*logs, dag.directory / f"{name}.err"):
        with suppress(OSError), path.open(encoding="utf-8", errors="replace") as file:
            lines += diagnosis.relevant(file)
    return lines
