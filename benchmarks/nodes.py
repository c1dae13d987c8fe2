"""What a node adds to its job, and where: from the end of a process to the start of the next.

Knows the loop's testbed, and what of a DAG's directory and of a pool's settings changes that time.
The DAG is one that the loop has written: RECO, ALCA, HARVEST, UPLOAD, one after another. Its jobs
do almost nothing, for a part of a second that differs, so that they end at any time between two
looks of DAGMan.
"""

from __future__ import annotations

import os
import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import light, node_times, overhead
from benchmarks.frame import Ask, Goal, Result, Table
from benchmarks.node_times import Times
from condorloop.testbed.prefix import prefix
from condorloop.testbed.stack import Stack
from tests.loop import Loop, up

RUN = 396200
CHAIN = ("RECO_0000", "ALCA_0000", "HARVEST")
ROUNDS = 16
"""How often each variant is submitted; the chain has two steps from node to node."""
SPACING = 2.7
"""Seconds from one submission to the next."""
PATIENCE = 400.0
WORK = "sleep 0.$(($$ % 10))"
MOST = 1 / 3
"""The part that all but DAGMan's waiting may take."""

NO_JUDGE = """\
#!/bin/sh
case $1 in
inputs) mkdir -p inputs; touch inputs.txt ;;
esac
"""
WHOLE_SECOND = """
sleep "$(date +%N | awk '{ print 1.01 - $1 / 1e9 }')"
"""

DEFAULTS = {
    "DAGMAN_USER_LOG_SCAN_INTERVAL": "5",
    "NEGOTIATOR_INTERVAL": "60",
    "NEGOTIATOR_MIN_INTERVAL": "5",
    "NEGOTIATOR_CYCLE_DELAY": "20",
    "SCHEDD_INTERVAL": "300",
    "SCHEDD_MIN_INTERVAL": "5",
    "GUIDANCE_KEEP_CALM_AND": "False",
    "POLLING_INTERVAL": "5",
}
"""What HTCondor has where the testbed's pool has values of its own, of all that counts here."""

POOLS: Mapping[str, Mapping[str, str]] = {
    "HTCondor's defaults": DEFAULTS,
    "…, a look each second": DEFAULTS | {"DAGMAN_USER_LOG_SCAN_INTERVAL": "1"},
    "…, and no guidance": DEFAULTS
    | {"DAGMAN_USER_LOG_SCAN_INTERVAL": "1", "GUIDANCE_KEEP_CALM_AND": "True"},
}
AS_SHIPPED = "as it is"
TESTBED = "testbed"

Change = Callable[[Path], None]
"""What is changed in a DAG's directory before it is submitted."""


def _configured(setting: str) -> Change:
    def change(folder: Path) -> None:
        with (folder / "dagman.config").open("a") as file:
            file.write(f"{setting}\n")

    return change


def _no_judge(folder: Path) -> None:
    """Take the judge away, which moves files to where ALCA expects them: it gets none."""
    (folder / "node.sh").write_text(NO_JUDGE)
    _change_lines(folder, lambda line: re.sub('reco_files="[^"]*"', 'reco_files=""', line))


def _no_post(folder: Path) -> None:
    _no_judge(folder)
    post = re.compile("SCRIPT .* POST ")
    _change_lines(folder, lambda line: "" if post.match(line) else line)


def _change_lines(folder: Path, change: Callable[[str], str]) -> None:
    [file] = folder.glob("*.dag")
    file.write_text("".join(map(change, file.read_text().splitlines(keepends=True))))


def _to_whole_second(folder: Path) -> None:
    with (folder / "node.sh").open("a") as file:
        file.write(WHOLE_SECOND)


VARIANTS: Mapping[str, Change] = {
    AS_SHIPPED: lambda folder: None,
    "POST and PRE script do nothing": _no_judge,
    "no POST script": _no_post,
    "scripts end just after a whole second": _to_whole_second,
    "condor_submit (DAGMAN_USE_DIRECT_SUBMIT = False)": _configured(
        "DAGMAN_USE_DIRECT_SUBMIT = False"
    ),
    "claims are not kept (DAGMAN_HOLD_CLAIM_TIME = 0)": _configured("DAGMAN_HOLD_CLAIM_TIME = 0"),
}


@dataclass(frozen=True, slots=True)
class Turns:
    """What was measured of each variant; and how many processes wanted to run, meanwhile."""

    times: Mapping[str, Sequence[Times]]
    loads: Sequence[float]


def measure(ask: Ask) -> Result:
    """Measure on a testbed of its own."""
    with up(Stack(ask.folder / "testbed", prefix.ensure(lambda line: None), cpus=40)) as stack:
        return measure_on(stack, ask)


def measure_on(stack: Stack, ask: Ask) -> Result:
    """Measure on a testbed that is up: variants in turn, many times; then with other settings."""
    site = {
        "name": overhead.SITE,
        "cmssw": {"setup": str(light.install(ask.folder / "light", WORK))},
        "defaults": {"batching": {"max_files_per_job": 1}},
    }
    loop = Loop(stack, ask.folder, overhead.SITE, site)
    rounds = ROUNDS if ask.full else 1
    try:
        _write_dag(loop)
        with stack.pool.reconfigured(node_times.FRACTIONS):
            variants = _in_turn(loop, 0, VARIANTS, rounds)
        pools = {TESTBED: Turns({AS_SHIPPED: variants.times[AS_SHIPPED]}, variants.loads)}
        as_it_is = {AS_SHIPPED: VARIANTS[AS_SHIPPED]}
        for number, (name, settings) in enumerate(POOLS.items() if ask.full else (), start=1):
            with stack.pool.reconfigured({**node_times.FRACTIONS, **settings}):
                pools[name] = _in_turn(loop, number, as_it_is, rounds)
    finally:
        loop.close()
    return _result(variants, pools, ask)


def _write_dag(loop: Loop) -> None:
    """Let the loop write the DAG of a run, and bring it to its end."""
    loop.play(overhead.scenario([RUN], files=1))
    submitter = loop.start()
    folder = loop.work_dir / overhead.CALIBRATION / f"run{RUN}"
    loop.wait(partial(overhead.is_uploaded, folder), lambda: submitter.poll() is None)


def _in_turn(loop: Loop, pool: int, variants: Mapping[str, Change], rounds: int) -> Turns:
    """Submit each variant of the DAG, in turn, and wait until all have ended."""
    files: dict[str, list[Path]] = {name: [] for name in variants}
    loads = []
    for turn in range(rounds):
        for number, (name, change) in enumerate(variants.items()):
            file = overhead.copy_dag(loop, RUN, f"{pool}-{number}-{turn}")
            change(file.parent)
            loop.tool("condor_submit_dag", file.name, cwd=file.parent)
            files[name].append(file)
            loads.append(os.getloadavg()[0])
            time.sleep(SPACING)
    ended = [Path(f"{file}.metrics") for of in files.values() for file in of]
    loop.wait(lambda: all(file.exists() for file in ended), timeout=PATIENCE)
    logs = loop.stack.pool.log
    times = {
        name: [times for file in of for times in node_times.between(file, logs, CHAIN)]
        for name, of in files.items()
    }
    return Turns(times, loads)


def _result(variants: Turns, pools: Mapping[str, Turns], ask: Ask) -> Result:
    as_it_is = {name: _complete(turns.times[AS_SHIPPED]) for name, turns in pools.items()}
    here = as_it_is[TESTBED]
    steps = {name: _steps(times) for name, times in as_it_is.items()}
    rows = [
        (step, *(_told(statistics.median(of[step])) for of in steps.values()))
        for step in node_times.STEPS[1:]
    ]
    rows.append(("total", *(_told(_median(times)) for times in as_it_is.values())))
    but = [statistics.median(map(_but_for_the_match, times)) for times in as_it_is.values()]
    rows.append(("total but for the match", *map(_told, but)))
    busy = [(_told(statistics.median(turns.loads))) for turns in pools.values()]
    rows.append((f"load of {os.cpu_count()} cores meanwhile", *busy))
    where = Table(
        "From the end of a node's process to the start of the next node's"
        f" (seconds, medians of {len(here)})",
        ("until", *pools),
        rows,
    )
    tried = Table(
        f"The same time after changes to the DAG, side by side (seconds, {len(here)} of each)",
        ("change", "a quarter takes less than", "median", "a quarter takes more than"),
        [(name, *_quartiles(times)) for name, times in variants.times.items()],
    )
    work, total = statistics.median(map(_work, here)), _median(here)
    goal = Goal(
        "at least two thirds of it are waits for DAGMan's next look",
        f"{work:.2f} s of {total:.2f} s are not",
        work <= MOST * total if ask.full else None,
    )
    data: dict[str, Any] = {
        "steps": steps,
        "variants": {n: [*map(node_times.whole, t)] for n, t in variants.times.items()},
        "loads": {name: turns.loads for name, turns in pools.items()},
    }
    return Result("nodes", (goal,), (where, tried), data)


def _complete(times: Sequence[Times]) -> list[Times]:
    return [each for each in times if len(each) == len(node_times.STEPS)]


def _steps(times: Sequence[Times]) -> dict[str, list[float]]:
    took = [node_times.durations(each) for each in times]
    return {step: [each[step] for each in took] for step in node_times.STEPS[1:]}


def _work(times: Times) -> float:
    took = node_times.durations(times)
    return sum(seconds for step, seconds in took.items() if step not in node_times.WAITS)


def _but_for_the_match(times: Times) -> float:
    """What does not depend on when the negotiator, and the claims of other DAGs, have a place."""
    return node_times.whole(times) - node_times.durations(times)[node_times.MATCH]


def _median(times: Sequence[Times]) -> float:
    return statistics.median(map(node_times.whole, times))


def _quartiles(times: Sequence[Times]) -> list[str]:
    return [_told(q) for q in statistics.quantiles(map(node_times.whole, times))]


def _told(seconds: float) -> str:
    return f"{seconds:.2f}"
