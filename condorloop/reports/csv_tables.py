"""A report as CSV: one table each for calibrations, campaigns and the like; pure.

Knows how the JSON of a report is laid out in rows and columns, ``after_ls_end.median``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from condorloop.reports.report import Report, to_json


def tables(report: Report) -> dict[str, str]:
    """Give each table's text by its name: ``campaigns``, ``calibrations``, ``nodes``.

    Where the ledger tells of destinations, ``in_force`` too; where constants were asked for,
    ``constants``.
    """
    data = to_json(report)
    calibrations, nodes = [], []
    for calibration in data["calibrations"]:
        for node in calibration.pop("nodes"):
            nodes.append({"calibration": calibration["calibration"]} | node)
        calibrations.append(calibration)
    for stream in data["streams"]:
        for node in stream["nodes"]:
            nodes.append({"calibration": "", "stream": stream["stream"]} | node)
    in_force = [
        {"calibration": campaign["calibration"], "run": campaign["run"]} | destination
        for campaign in data["campaigns"]
        for destination in campaign.pop("destinations")
        if destination["tag"]
    ]
    tables = {"campaigns": data["campaigns"], "calibrations": calibrations, "nodes": nodes}
    if in_force:
        tables["in_force"] = in_force
    if data["constants"]:
        tables["constants"] = [
            {name: each[name] for name in ("calibration", "run", "harvest")}
            | {"tags": " ".join(each["tags"])}
            | q
            for each in data["constants"]
            for q in each["quantities"]
        ]
    return {name: text(rows) for name, rows in tables.items()}


def text(rows: Sequence[Mapping[str, Any]]) -> str:
    r"""Write JSON objects as rows; what one of them does not have is empty.

    >>> text([{"run": 1, "delay": None}, {"run": 2, "delay": {"mean": 2.5}}])
    'run,delay.mean\r\n1,\r\n2,2.5\r\n'
    """
    flat = [_flat(row) for row in rows]
    names = dict.fromkeys(name for row in flat for name in row)
    outer = {name[:dot] for name in names for dot, c in enumerate(name) if c == "."}
    columns = [name for name in names if name not in outer]
    output = io.StringIO()
    writer = csv.DictWriter(output, columns, restval="", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(flat)
    return output.getvalue()


def _flat(data: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Lay out an object in columns."""
    columns: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            columns |= _flat(value, f"{before}{key}.")
        else:
            columns[f"{before}{key}"] = value
    return columns
