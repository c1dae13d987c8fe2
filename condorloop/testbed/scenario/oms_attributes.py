"""The attributes of OMS's runs, lumisections and fills: their types, units and usual values.

Names and types are those of public clients and of recorded answers of OMS; where those say
nothing of a unit, there is none here. A lumisection's ``delivered_lumi`` and ``recorded_lumi`` are
integrated over its run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute: its Python type, its unit, and its value in an ordinary physics run."""

    name: str
    type: type
    units: str | None
    usual: Any

    def accepts(self, value: object) -> bool:
        """Tell whether OMS could show `value`; any attribute may be null."""
        if value is None:
            return True
        if self.type is float:
            return isinstance(value, int | float) and not isinstance(value, bool)
        return type(value) is self.type


Table = Mapping[str, Attribute]


def _table(*rows: tuple[str, type, str | None, Any]) -> Table:
    return MappingProxyType({row[0]: Attribute(*row) for row in rows})


_LUMI = "pb^{-1}"
_SUBSYSTEMS = (
    "bril",
    "csc",
    "ctpps",
    "daq",
    "dcs",
    "dqm",
    "dt",
    "ecal",
    "es",
    "gem",
    "hcal",
    "hf",
    "pixel",
    "rpc",
    "scal",
    "tcds",
    "tracker",
    "trg",
)
_DETECTOR_BITS = (
    "bpix",
    "fpix",
    "tibtid",
    "tob",
    "tecp",
    "tecm",
    "ebp",
    "ebm",
    "eep",
    "eem",
    "esp",
    "esm",
    "hbhea",
    "hbheb",
    "hbhec",
    "hf",
    "ho",
    "cscp",
    "cscm",
    "dt0",
    "dtp",
    "dtm",
    "rpc",
    "gemp",
    "gemm",
)

RUNS = _table(
    ("run_number", int, None, None),
    ("fill_number", int, None, None),
    ("start_time", str, None, None),
    ("end_time", str, None, None),
    ("last_update", str, None, None),
    ("duration", int, "s", None),
    ("last_lumisection_number", int, None, None),
    ("fill_type_runtime", str, None, "PROTONS"),
    ("l1_hlt_mode", str, None, "collisions2026"),
    ("stable_beam", bool, None, True),
    ("sequence", str, None, "GLOBAL-RUN"),
    ("trigger_mode", str, None, "l1_hlt_collisions2026/v12"),
    ("l1_key", str, None, "collisions2026/v12"),
    ("l1_menu", str, None, "L1Menu_Collisions2026_v1_1_0_xml"),
    ("hlt_key", str, None, "/cdaq/physics/Run2026/2e34/v1.1.0/HLT/V2"),
    ("clock_type", str, None, "LHC"),
    ("cmssw_version", str, None, "CMSSW_16_0_7"),
    ("era", str, None, "Run2026D"),
    ("b_field", float, "T", 3.8),
    ("energy", float, "GeV", 6800.0),
    ("init_lumi", float, "10^{34}cm^{-2}s^{-1}", 2.0),
    ("end_lumi", float, "10^{34}cm^{-2}s^{-1}", None),
    ("delivered_lumi", float, _LUMI, None),
    ("recorded_lumi", float, _LUMI, None),
    ("l1_rate", float, "Hz", 108_700.0),
    ("hlt_physics_rate", float, "Hz", 4_830.0),
    ("l1_triggers_counter", int, None, None),
    ("initial_prescale_index", int, None, 2),
    ("tier0_transfer", bool, None, True),
    ("components", list, None, [name.upper() for name in _SUBSYSTEMS]),
    *((f"{name}_included", bool, None, True) for name in _SUBSYSTEMS),
)

LUMISECTIONS = _table(
    ("run_number", int, None, None),
    ("fill_number", int, None, None),
    ("lumisection_number", int, None, None),
    ("start_time", str, None, None),
    ("end_time", str, None, None),
    ("delivered_lumi", float, _LUMI, None),
    ("recorded_lumi", float, _LUMI, None),
    ("delivered_lumi_per_lumisection", float, _LUMI, 0.4662),
    ("recorded_lumi_per_lumisection", float, _LUMI, 0.4476),
    ("pileup", float, None, 62.0),
    ("prescale_index", int, None, 2),
    ("physics_flag", bool, None, True),
    ("cms_active", bool, None, True),
    ("beam1_present", bool, None, True),
    ("beam2_present", bool, None, True),
    ("beam1_stable", bool, None, True),
    ("beam2_stable", bool, None, True),
    ("beams_stable", bool, None, True),
    *((f"{name}_ready", bool, None, True) for name in _DETECTOR_BITS),
)

LS_FLAGS = tuple(name for name, attribute in LUMISECTIONS.items() if attribute.type is bool)
"""What a lumisection has or has not: beams, CMS, and the parts of its detectors."""

FILLS = _table(
    ("fill_number", int, None, None),
    ("start_time", str, None, None),
    ("end_time", str, None, None),
    ("start_stable_beam", str, None, None),
    ("end_stable_beam", str, None, None),
    ("stable_beams", bool, None, True),
    ("fill_type_runtime", str, None, "PROTONS"),
    ("energy", float, "GeV", 6800.0),
    ("peak_lumi", float, "10^{34}cm^{-2}s^{-1}", 2.1),
    ("peak_pileup", float, None, 64.0),
    ("delivered_lumi", float, _LUMI, None),
    ("recorded_lumi", float, _LUMI, None),
    ("first_run_number", int, None, None),
    ("last_run_number", int, None, None),
    ("era", str, None, "Run2026D"),
)

TABLES: Mapping[str, Table] = MappingProxyType(
    {"runs": RUNS, "lumisections": LUMISECTIONS, "fills": FILLS}
)


def usual(table: Table) -> dict[str, Any]:
    """Make a row of `table` with the usual values."""
    return {name: attribute.usual for name, attribute in table.items()}
