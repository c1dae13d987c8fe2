"""What a row of the tables says: a producer, what it reads, and what its harvests write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """What one harvester writes into one tag.

    Attributes
    ----------
    name, tag
        The record, and the tag that CMSSW gives it.
    object_type
        The C++ class of its payloads.
    time_type
        As PoolDBOutputService calls it.
    """

    name: str
    tag: str
    object_type: str
    time_type: str = "runnumber"


@dataclass(frozen=True, slots=True)
class Filter:
    """The ``HLTHighLevel`` by which a path of a producer takes the events of a skim alone.

    Attributes
    ----------
    module
        Its label.
    skim
        The ALCARECO, whose path must be in the trigger results that the filter reads.
    path
        The producer's path that it is on.
    """

    module: str
    skim: str
    path: str


@dataclass(frozen=True, slots=True)
class Workflow:
    """One calibration, through its three steps.

    Attributes
    ----------
    calibration
        Its name in the loop's YAML, by which tests inject faults.
    product
        The ALCARECO producer, and the name of ALCA's file.
    harvests
        The paths of harvesting, each with what it writes.
    filters
        Those of its paths; none where the producer takes whatever the file has.
    unfiltered
        The skims that a producer without a filter reads.
    path
        Its path, where that is not named as the producer is.
    sums
        Which sums of its skims it takes (`condorloop.testbed.cmssw.io.products.OF_PRODUCER`).
    cores
        How many its harvest uses.
    """

    calibration: str
    product: str
    harvests: Mapping[str, tuple[Record, ...]]
    filters: tuple[Filter, ...] = ()
    unfiltered: tuple[str, ...] = ()
    path: str = ""
    sums: str = "clusters"
    cores: int = 1

    @property
    def skims(self) -> tuple[str, ...]:
        """The ALCARECOs of RECO that it reads."""
        return (*(each.skim for each in self.filters), *self.unfiltered)

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that it runs on."""
        own = self.path or f"pathALCARECO{self.product}"
        return tuple(each.path for each in self.filters) or (own,)

    @property
    def records(self) -> tuple[Record, ...]:
        """Everything that harvesting can write."""
        return tuple(record for each in self.harvests.values() for record in each)


def filtered(
    calibration: str,
    product: str,
    skim: str,
    module: str,
    harvests: Mapping[str, tuple[Record, ...]],
    path: str = "",
    sums: str = "clusters",
    cores: int = 1,
) -> Workflow:
    """Give a producer of one path, which takes the events of one skim."""
    filters = (Filter(module, skim, path or f"pathALCARECO{product}"),)
    return Workflow(calibration, product, harvests, filters, sums=sums, cores=cores)
