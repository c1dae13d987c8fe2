"""A process of a configuration: what it holds by label, and the fragments that it can load."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from condorloop.testbed.cmssw.framework import fwcore as cms
from condorloop.testbed.cmssw.steps.workflows import HARVESTS, SKIMS, WORKFLOWS
from condorloop.testbed.cmssw.workflows.workflow import Filter


class Process:
    """``cms.Process``.

    Parameters
    ----------
    name
        Its name, which the files that it writes keep.
    modifiers
        Eras and process modifiers.
    """

    def __init__(self, name: str, *modifiers: cms.Modifier) -> None:
        self._labels: dict[str, Any] = {}
        self._name, self._modifiers = name, modifiers
        self.schedule = cms.Schedule()

    def name_(self) -> str:
        """Give the process's name."""
        return self._name

    def load(self, name: str) -> None:
        """Take over what a configuration fragment defines.

        Raises
        ------
        ModuleNotFoundError
            There is no such fragment.
        """
        fragment = name.rpartition(".")[2]
        if fragment not in _FRAGMENTS:
            raise ModuleNotFoundError(f"No module named {name!r}")
        _FRAGMENTS[fragment](self)

    def labels(self) -> Mapping[str, Any]:
        """Give everything by label."""
        return self._labels

    def paths(self) -> Iterable[cms.Path]:
        """Give the paths that run: all of them where nothing was scheduled."""
        schedule: cms.Schedule = self._labels["schedule"]
        return schedule or [p for p in self._labels.values() if isinstance(p, cms.Path)]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_labels"][name]
        except KeyError:
            raise AttributeError(f"'Process' object has no attribute '{name}'") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            super().__setattr__(name, value)
            return
        if not isinstance(value, cms.Labelled | cms.PSet | cms.VPSet | cms.Schedule):
            raise TypeError(
                "can only assign labels to an object that inherits from '_Labelable'\n"
                f"an instance of {type(value)} will not work - requested label is {name}"
            )
        if isinstance(value, cms.Labelled):
            value.labelled(name)
        self._labels[name] = value

    def __delattr__(self, name: str) -> None:
        self._labels.pop(name)


def _nothing(process: Process) -> None:
    """Services, geometry, field: the testbed's detector needs none."""


def _global_tag_source(process: Process) -> None:
    process.GlobalTag = cms.Module("PoolDBESSource", globaltag=cms.String(""))


def _raw_to_digi(process: Process) -> None:
    process.RawToDigi = cms.Module("EcalRawToDigi")


def _reconstruction(process: Process) -> None:
    process.reconstruction = cms.Module("Reconstruction")
    process.reconstruction_trackingOnly = cms.Module("TrackingOnly")
    process.recoCTPPS = cms.Module("CTPPSReconstruction")
    process.bunchSpacingProducer = cms.Module("BunchSpacingProducer")
    process.siPixelClusterShapeCachePreSplitting = cms.Module("SiPixelClusterShapeCacheProducer")
    process.trackerlocalreco = cms.Module("TrackerLocalReco")


def _reconstruction_cosmics(process: Process) -> None:
    process.reconstructionCosmics = cms.Module("ReconstructionCosmics")
    process.trackerlocalreco = cms.Module("TrackerLocalReco")


def _l1_reco(process: Process) -> None:
    process.L1Reco = cms.Module("L1Reco")


def _reconstruction_heavy_ions(process: Process) -> None:
    process.reconstructionHeavyIons = cms.Module("ReconstructionHeavyIons")
    process.trackerlocalreco = cms.Module("TrackerLocalReco")


def _end_of_process(process: Process) -> None:
    process.endOfProcess = cms.Module("EndOfProcess")


def _alcareco_streams(process: Process) -> None:
    for skim in SKIMS:
        module = _filter("HLT", "HLT_*", tolerant=True)
        setattr(process, f"ALCARECO{skim}HLT", module)
        setattr(process, f"pathALCARECO{skim}", cms.Path(module))
    for workflow in WORKFLOWS:
        for each in workflow.filters:
            _add_filtered_path(process, each)
        if not workflow.filters:
            (path,) = workflow.paths
            setattr(process, path, cms.Path())


def _add_filtered_path(process: Process, of_path: Filter) -> None:
    module = process.labels().get(of_path.module)
    if module is None:
        module = _filter("RECO", f"pathALCARECO{of_path.skim}")
        setattr(process, of_path.module, module)
    setattr(process, of_path.path, cms.Path(module))


def _filter(trigger_process: str, paths: str, tolerant: bool = False) -> cms.Module:
    return cms.Module(
        "HLTHighLevel",
        TriggerResultsTag=cms.InputTag("TriggerResults", "", trigger_process),
        HLTPaths=cms.VString(paths),
        throw=cms.Bool(not tolerant),
    )


def _alca_harvesting(process: Process) -> None:
    process.CondDB = cms.PSet(connect=cms.String("sqlite_file:promptCalibConditions.db"))
    process.PoolDBOutputService = cms.Module(
        "PoolDBOutputService", process.CondDB, toPut=cms.VPSet()
    )
    process.dqmSaver = cms.Module(
        "DQMFileSaver", workflow=cms.String("/Express/PCLTest/ALCAPROMPT")
    )
    process.pclMetadataWriter = cms.Module("PCLMetadataWriter", recordsToMap=cms.VPSet())
    for harvest, records in HARVESTS.items():
        sinks = [
            cms.PSet(
                record=cms.String(record.name),
                tag=cms.String(record.tag),
                timetype=cms.String(record.time_type),
            )
            for record in records
        ]
        metadata = [cms.PSet(record=sink.record) for sink in sinks]
        one = len(records) == 1  # CMSSW has a PSet for one record, a VPSet for several
        label = f"ALCAHARVEST{harvest}"
        setattr(process, f"{label}_dbOutput", sinks[0] if one else cms.VPSet(sinks))
        setattr(process, f"{label}_metadata", metadata[0] if one else cms.VPSet(metadata))
        module = cms.Module("ALCAHarvester")
        setattr(process, label, module)
        setattr(process, harvest, cms.Path(module))


_FRAGMENTS: Mapping[str, Callable[[Process], None]] = {
    "Services_cff": _nothing,
    "MessageLogger_cfi": _nothing,
    "EventContent_cff": _nothing,
    "EventContentCosmics_cff": _nothing,
    "EventContentHeavyIons_cff": _nothing,
    "GeometryRecoDB_cff": _nothing,
    "MagneticField_cff": _nothing,
    "FrontierConditions_GlobalTag_cff": _global_tag_source,
    "RawToDigi_Data_cff": _raw_to_digi,
    "L1Reco_cff": _l1_reco,
    "Reconstruction_Data_cff": _reconstruction,
    "ReconstructionCosmics_cff": _reconstruction_cosmics,
    "ReconstructionHeavyIons_cff": _reconstruction_heavy_ions,
    "EndOfProcess_cff": _end_of_process,
    "AlCaRecoStreams_cff": _alcareco_streams,
    "AlCaRecoStreamsHeavyIons_cff": _alcareco_streams,
    "AlCaHarvesting_cff": _alca_harvesting,
}
