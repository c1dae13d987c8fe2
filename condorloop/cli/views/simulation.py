"""A study by simulation on the terminal.

Knows what is laid out; what stands in the tables is `condorloop.simulation.tables`'.
"""

from __future__ import annotations

from rich.console import RenderableType

from condorloop.cli.views.report import tables_view
from condorloop.simulation.study import Study
from condorloop.simulation.tables import tables


def study_view(study: Study) -> RenderableType:
    """Lay out a study."""
    return tables_view(study.of, tables(study))
