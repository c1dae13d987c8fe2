"""The state of the loop as data: what ``status.json`` holds and every view shows.

Knows the fields of ``status.json`` and how they are written and read; it decides nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from condorloop.errors import CondorloopError
from condorloop.model.status import Status
from condorloop.rundir.durable import write_json

STATUS = "status.json"
"""Its name in the work_dir."""


def only(status: Status, calibrations: Collection[str]) -> Status:
    """Give what concerns these calibrations, and what concerns all; everything if none is named."""
    if not calibrations:
        return status
    names = {None, *calibrations}
    campaigns = tuple(c for c in status.campaigns if c.calibration in names)
    streams = {c.stream for c in campaigns if c.shares}
    return replace(
        status,
        problems=tuple(
            p for p in status.problems if not p.calibrations or names & set(p.calibrations)
        ),
        campaigns=campaigns,
        reconstructions=tuple(r for r in status.reconstructions if r.stream in streams),
        decisions=tuple(d for d in status.decisions if d.calibration in names | streams),
        latencies=tuple(p for p in status.latencies if p.calibration in names),
        destinations=tuple(d for d in status.destinations if d.calibration in names),
    )


class StatusError(CondorloopError):
    """``status.json`` cannot be used; the message says what to do."""


_ADAPTER: TypeAdapter[Status] = TypeAdapter(Status)


def to_json(status: Status) -> dict[str, Any]:
    """Give the object that ``status.json`` holds."""
    data: dict[str, Any] = _ADAPTER.dump_python(status, mode="json")
    return data


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of ``status.json``."""
    return _ADAPTER.json_schema(mode="serialization")


def write(work_dir: Path, status: Status) -> None:
    """Write ``status.json``, whole or not at all.

    Raises
    ------
    OSError
        It cannot be written.
    """
    write_json(work_dir / STATUS, to_json(status))


def read(work_dir: Path) -> Status:
    """Read ``status.json``.

    Raises
    ------
    StatusError
        It is not there, or it is not of this version.
    """
    path = work_dir / STATUS
    try:
        return _ADAPTER.validate_json(path.read_bytes())
    except FileNotFoundError:
        raise StatusError(f"{path}: no submitter has run here yet: condorloop run") from None
    except OSError as error:
        raise StatusError(f"{path}: {error.strerror}") from None
    except ValidationError:
        raise StatusError(
            f"{path}: not of this version of condorloop; the next cycle of its submitter writes it"
        ) from None
