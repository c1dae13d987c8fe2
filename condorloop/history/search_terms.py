"""What a person may mean who asks `condorloop find`: a number can be a run, a fill, a job.

Knows how runs, jobs, DAGs, payloads and files are called; looks nothing up. It is pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from condorloop.model.lumis import EMPTY, Lumis


class Kind(StrEnum):
    """The kinds of things that can be found."""

    FILE = "RAW file"
    LUMIS = "lumisections"
    RUN = "run"
    FILL = "fill"
    JOB = "job"
    DAG = "DAG"
    ALCARECO = "ALCARECO"
    PAYLOAD = "payload"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """One thing that may be meant.

    `number` is that of a fill or job; `text` a path, a part of one, a job id, a DAG's label, the
    name of an ALCARECO or the beginning of a hash. `node` narrows to a node of a DAG.
    """

    kind: Kind
    calibration: str | None = None
    run: int | None = None
    number: int = 0
    text: str = ""
    node: str | None = None
    lumis: Lumis = EMPTY


FORMS = (
    "a RAW file (its path, its name or a part of them)",
    "lumisections of a run (398600:57)",
    "a run or a fill (398600)",
    "a job (1234, 1234.0)",
    "a DAG or a node (b003, 398600:b003, b003/RECO_0001, EcalPedestals run398600 b003, "
    "or a CondorloopId)",
    "an ALCARECO (398600:apJob004)",
    "a payload (the first 4 or more digits of its hash)",
)
"""What can be asked for, in words."""

_NUMBER = re.compile(r"(?:run)?([0-9]{1,15})")
_JOB = re.compile(r"[0-9]{1,15}\.[0-9]{1,9}")
_HASH = re.compile(r"[0-9a-f]{4,40}", re.IGNORECASE)
_LUMIS = re.compile(r"(?:run)?([0-9]{1,9}):([0-9,-]+)")
_CAMPAIGN = r"(?:(?:(?P<calibration>[^\s/:]+) )?(?:run)?(?P<run>[0-9]{1,9})[:/ ])?"
_DAG = re.compile(
    rf"{_CAMPAIGN}(?P<label>(?:b|harvest|upload)[0-9]{{3,9}})"
    r"(?:[/ ](?P<node>(?:RECO|ALCA)_[0-9]{4,9}|(?:HARVEST|UPLOAD)(?:_[A-Za-z0-9][A-Za-z0-9_-]*)?))?"
)
_ID = re.compile(
    r"(?P<ledger>[^\s/]+)/(?P<calibration>[^\s/]+)/(?P<run>[0-9]{1,9})/(?P<number>[0-9]{1,9})"
)
_ALCARECO = re.compile(rf"{_CAMPAIGN}(?P<name>apJob[0-9]{{3,9}})")
_SHORTEST_PART = 4


def meanings(what: str) -> tuple[Meaning, ...]:
    """Say what may be meant; nothing if it can be nothing that is known.

    >>> [m.kind.value for m in meanings("398600")]
    ['run', 'fill', 'job', 'payload']
    >>> [(m.kind.value, m.run, m.text, m.node) for m in meanings("398600:b003/RECO_0001")]
    [('DAG', 398600, 'b003', 'RECO_0001')]
    """
    what = what.strip()
    found: list[Meaning] = []
    if number := _NUMBER.fullmatch(what):
        found.append(Meaning(kind=Kind.RUN, run=int(number[1])))
        if number[1] == what:
            found.append(Meaning(kind=Kind.FILL, number=int(what)))
            found.append(Meaning(kind=Kind.JOB, number=int(what), text=what))
    if _JOB.fullmatch(what):
        number_of_job = int(what.partition(".")[0])
        found.append(Meaning(kind=Kind.JOB, number=number_of_job, text=what))
    found += _named(what)
    if _HASH.fullmatch(what):
        found.append(Meaning(kind=Kind.PAYLOAD, text=what.lower()))
    spoken_for = {m.kind for m in found} - {Kind.PAYLOAD}
    if not spoken_for and len(what) >= _SHORTEST_PART:
        found.append(Meaning(kind=Kind.FILE, text=what))
    return tuple(found)


def _named(what: str) -> list[Meaning]:
    """What says of itself which kind it is."""
    if lumis := _LUMIS.fullmatch(what):
        try:
            wanted = Lumis.parse(lumis[2])
        except ValueError:
            return []
        return [Meaning(kind=Kind.LUMIS, run=int(lumis[1]), lumis=wanted)] if wanted else []
    if (dag := _DAG.fullmatch(what)) or (dag := _ALCARECO.fullmatch(what)):
        told = dag.groupdict()
        kind = Kind.DAG if "label" in told else Kind.ALCARECO
        return [
            Meaning(
                kind=kind,
                calibration=told["calibration"],
                run=int(told["run"]) if told["run"] else None,
                text=told.get("label") or told["name"],
                node=told.get("node"),
            )
        ]
    if dag_id := _ID.fullmatch(what):
        calibration, run, number = dag_id["calibration"], int(dag_id["run"]), int(dag_id["number"])
        return [Meaning(kind=Kind.DAG, calibration=calibration, run=run, number=number, text=what)]
    return []
