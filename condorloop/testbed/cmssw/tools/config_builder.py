"""The text of the configurations that cmsDriver.py generates.

Source: Configuration/Applications/python/ConfigBuilder.py of CMSSW. What the testbed's detector
has no part in, such as geometry and DQM, is loaded by its name and does nothing.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator

from condorloop.testbed.cmssw.framework.lumi_list import LumiList
from condorloop.testbed.cmssw.steps.workflows import ALCARECOS, HARVESTS, MODIFIERS, paths_of
from condorloop.testbed.cmssw.tools.customisation import customisation

_LOADS = (
    "Configuration.StandardSequences.Services_cff",
    "FWCore.MessageService.MessageLogger_cfi",
    "Configuration.EventContent.EventContent{}_cff",
    "Configuration.StandardSequences.GeometryRecoDB_cff",
    "Configuration.StandardSequences.MagneticField_cff",
)
_STEP_LOADS = {
    "RAW2DIGI": "Configuration.StandardSequences.RawToDigi_Data_cff",
    "L1Reco": "Configuration.StandardSequences.L1Reco_cff",
    "RECO": "Configuration.StandardSequences.Reconstruction{}_cff",
    "ENDJOB": "Configuration.StandardSequences.EndOfProcess_cff",
    "ALCA": "Configuration.StandardSequences.AlCaRecoStreams_cff",
    "ALCAOUTPUT": "Configuration.StandardSequences.AlCaRecoStreams_cff",
    "ALCAPRODUCER": "Configuration.StandardSequences.AlCaRecoStreams_cff",
    "ALCAHARVEST": "Configuration.StandardSequences.AlCaHarvesting_cff",
}
_KINDS = {"cosmics": "Cosmics", "HeavyIons": "HeavyIons"}
"""What event content and reconstruction of a scenario are named by."""


def configuration(options: Namespace) -> Iterator[str]:
    """Give the lines of the configuration.

    Raises
    ------
    ValueError
        A step, or what it was asked for, does not exist.
    """
    yield from (
        "# Auto generated configuration file",
        "# using: ",
        "# Revision: 1.19 ",
        f"# with command line options: {options.arguments}",
        "import FWCore.ParameterSet.Config as cms",
        "",
    )
    yield from _process(options)
    yield from ("", "# import of standard configurations")
    yield from (f"process.load({name!r})" for name in _loads(options))
    yield (
        "process.load('Configuration.StandardSequences.FrontierConditions_GlobalTag_cff')\n\n"
        "process.maxEvents = cms.untracked.PSet(\n"
        f"    input = cms.untracked.int32({options.number})\n)\n"
    )
    yield from _source(options)
    yield (
        "process.options = cms.untracked.PSet(\n"
        "    numberOfStreams = cms.untracked.uint32(0),\n"
        "    numberOfThreads = cms.untracked.uint32(1),\n"
        "    wantSummary = cms.untracked.bool(False)\n)\n\n"
        "# Production Info\n"
        "process.configurationMetadata = cms.untracked.PSet(\n"
        f"    annotation = cms.untracked.string('{options.type} nevts:{options.number}'),\n"
        "    name = cms.untracked.string('Applications')\n)\n"
    )
    outputs, statements, paths, scheduled = [], [], [], []
    for name, what in options.steps:
        if name not in _STEPS:
            raise ValueError(f"Step {name} unknown")
        part = _STEPS[name](options, what)
        outputs += part.get("outputs", [])
        statements += part.get("statements", [])
        paths += part.get("paths", [])
        scheduled += part.get("scheduled", [])
    yield from ("# Output definition", *outputs, "# Other statements", *statements)
    yield "from Configuration.AlCa.GlobalTag import GlobalTag"
    yield f"process.GlobalTag = GlobalTag(process.GlobalTag, {options.conditions!r}, '')"
    yield from ("", "# Path and EndPath definitions", *paths, "", "# Schedule definition")
    yield f"process.schedule = cms.Schedule({','.join(f'process.{p}' for p in scheduled)})"
    if options.nThreads != "1":
        yield "\n#Setup FWK for multithreaded"
        yield f"process.options.numberOfThreads = {int(options.nThreads)}"
        yield f"process.options.numberOfStreams = {int(options.nStreams)}"
    yield from customisation(options.customisation_file)
    yield "\n# Customisation from command line\n"
    if options.customise_commands:
        yield options.customise_commands.replace("\\n", "\n")


def _loads(options: Namespace) -> list[str]:
    kind = _KINDS.get(options.scenario, "")
    steps = [_STEP_LOADS[name] for name, _ in options.steps if name in _STEP_LOADS]
    names = [*(name.format(kind) for name in _LOADS), *(s.format(kind or "_Data") for s in steps)]
    return list(dict.fromkeys(names))


def _process(options: Namespace) -> Iterator[str]:
    eras = [each for each in (options.era or "").split(",") if each]
    modifiers = [each for each in (options.procModifiers or "").split(",") if each]
    for modifier in modifiers:
        if modifier not in MODIFIERS:
            raise ValueError(f"An unknown procModifier was requested: {modifier}")
    yield from (f"from Configuration.Eras.Era_{each}_cff import {each}" for each in eras)
    yield from (f"from Configuration.ProcessModifiers.{m}_cff import {m}" for m in modifiers)
    yield f"process = cms.Process({','.join([repr(options.processName), *eras, *modifiers])})"


def _source(options: Namespace) -> Iterator[str]:
    names = [f"{options.dirin}{name}" for name in options.filein.split(",") if name]
    yield "# Input source"
    yield 'process.source = cms.Source("PoolSource",'
    listed = ",\n        ".join(repr(name) for name in names)
    yield f"    fileNames = cms.untracked.vstring({listed}),"
    if options.lumiToProcess:
        ranges = LumiList(options.lumiToProcess).getCMSSWString().split(",")
        listed = ",\n        ".join(repr(each) for each in ranges)
        yield f"    lumisToProcess = cms.untracked.VLuminosityBlockRange({listed}),"
    if any(name == "ALCAHARVEST" for name, _ in options.steps):
        yield "    processingMode = cms.untracked.string('RunsAndLumis'),"
    yield "    secondaryFileNames = cms.untracked.vstring()\n)\n"


Part = dict[str, list[str]]


def _raw2digi(options: Namespace, what: list[str]) -> Part:
    paths = ["process.raw2digi_step = cms.Path(process.RawToDigi)"]
    return {"paths": paths, "scheduled": ["raw2digi_step"]}


def _l1_reco(options: Namespace, what: list[str]) -> Part:
    return {
        "paths": ["process.L1Reco_step = cms.Path(process.L1Reco)"],
        "scheduled": ["L1Reco_step"],
    }


def _reco(options: Namespace, what: list[str]) -> Part:
    """Give the path of RECO; of several sequences each has a path with a number of its own."""
    sequences = what or [f"reconstruction{_KINDS.get(options.scenario, '')}"]
    name = "reconstruction_step"
    names = [name] if len(sequences) == 1 else [f"{name}{n}" for n in range(len(sequences))]
    paths = [f"process.{n} = cms.Path(process.{s})" for n, s in zip(names, sequences, strict=True)]
    return {"paths": paths, "scheduled": names}


def _alcaproducer(options: Namespace, what: list[str]) -> Part:
    _check_alcarecos(what)
    content = options.eventcontent.split(",")[0]
    output = _output(f"{content}output", options.fileout, options.datatier, "", [])
    return {
        "outputs": [output],
        "paths": [f"process.{content}output_step = cms.EndPath(process.{content}output)"],
        "scheduled": [*_paths(what), f"{content}output_step"],
    }


def _alcaoutput(options: Namespace, what: list[str]) -> Part:
    _check_alcarecos(what)
    return _streams(what, f":{options.triggerResultsProcess}")


def _alca(options: Namespace, what: list[str]) -> Part:
    _check_alcarecos(what)
    part = _streams(what, "")
    return {**part, "scheduled": [*_paths(what), *part["scheduled"]]}


def _alcaharvest(options: Namespace, what: list[str]) -> Part:
    missing = [name for name in what if name not in HARVESTS]
    if missing:
        raise ValueError(f"The following harvesting could not be found : {missing}")
    writer = "ALCAHARVESTDQMSaveAndMetadataWriter"
    statements: list[str] = []
    scheduled = [name for name in HARVESTS if name in what]
    for name in scheduled:
        add = "append" if len(HARVESTS[name]) == 1 else "extend"
        statements += (
            f"process.PoolDBOutputService.toPut.{add}(process.ALCAHARVEST{name}_dbOutput)",
            f"process.pclMetadataWriter.recordsToMap.{add}(process.ALCAHARVEST{name}_metadata)",
        )
    return {
        "statements": statements,
        "paths": [f"process.{writer} = cms.Path(process.dqmSaver+process.pclMetadataWriter)"],
        "scheduled": [*scheduled, writer],
    }


def _endjob(options: Namespace, what: list[str]) -> Part:
    paths = ["process.endjob_step = cms.EndPath(process.endOfProcess)"]
    return {"paths": paths, "scheduled": ["endjob_step"]}


_STEPS = {
    "RAW2DIGI": _raw2digi,
    "L1Reco": _l1_reco,
    "RECO": _reco,
    "ALCAPRODUCER": _alcaproducer,
    "ALCAOUTPUT": _alcaoutput,
    "ALCA": _alca,
    "ALCAHARVEST": _alcaharvest,
    "ENDJOB": _endjob,
}


def _check_alcarecos(names: list[str]) -> None:
    missing = [name for name in names if name not in ALCARECOS]
    if missing:
        raise ValueError(
            f"The following alcas could not be found {missing}\navailable ones: {list(ALCARECOS)}"
        )


def _paths(names: list[str]) -> list[str]:
    return list(dict.fromkeys(path for name in names for path in paths_of(name)))


def _streams(names: list[str], process: str) -> Part:
    label = "ALCARECOStream{}"
    return {
        "outputs": [
            _output(label.format(n), f"{n}.root", "ALCARECO", n, [p + process for p in paths_of(n)])
            for n in names
        ],
        "paths": [
            f"process.ALCARECOStream{n}OutPath = cms.EndPath(process.ALCARECOStream{n})"
            for n in names
        ],
        "scheduled": [f"ALCARECOStream{n}OutPath" for n in names],
    }


def _output(label: str, file: str, tier: str, filter_name: str, select: list[str]) -> str:
    selection = ", ".join(repr(each) for each in select)
    return (
        f'process.{label} = cms.OutputModule("PoolOutputModule",\n'
        "    SelectEvents = cms.untracked.PSet(\n"
        f"        SelectEvents = cms.vstring({selection})\n    ),\n"
        "    dataset = cms.untracked.PSet(\n"
        f"        dataTier = cms.untracked.string({tier!r}),\n"
        f"        filterName = cms.untracked.string({filter_name!r})\n    ),\n"
        f"    fileName = cms.untracked.string({file!r})\n)\n"
    )
