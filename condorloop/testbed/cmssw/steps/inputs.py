"""The inputs of a job, opened one after the other, and the sums that they have.

Knows files, their faults and cmsRun's log; knows nothing of skims and workflows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NoReturn

from condorloop.testbed.cmssw.framework import message_logger
from condorloop.testbed.cmssw.framework.errors import CmsError
from condorloop.testbed.cmssw.framework.fwcore import LumiRange
from condorloop.testbed.cmssw.framework.job_plan import Plan, Step
from condorloop.testbed.cmssw.framework.job_report import JobReport
from condorloop.testbed.cmssw.io import root_file
from condorloop.testbed.cmssw.io.root_file import EVENT_ID, LUMI_ID, Columns, RootFile
from condorloop.testbed.cmssw.steps.faults import Mishaps

CONTEXT = ("Processing  Event", "Running path")
"""Where a product is missed, if no more is known."""

Inputs = Iterator[tuple[RootFile, Columns]]
"""Each file, and run, lumisection and number of its events."""

_CONSTRUCTING = (
    "Constructing the EventProcessor",
    "Constructing input source of type PoolSource",
)


class Crash(Exception):
    """The events of a file crash whoever processes them."""


def read_inputs(plan: Plan, report: JobReport, mishaps: Mishaps) -> Inputs:
    """Open one input after the other, up to the configured number of events.

    Raises
    ------
    CmsError
        There is none, or one cannot be read.
    Crash
        The events of one crash whoever processes them.
    """
    if not plan.inputs:
        raise CmsError("Configuration", "PoolSource: no input files specified")
    seen = 0
    for number, name in enumerate(plan.inputs):
        left = None if plan.max_events < 0 or plan.step is not Step.RECO else plan.max_events - seen
        if left == 0:
            break
        context = ("Calling InputSource::readFile_",) * bool(number)
        file, events = _opened(name, left, plan.wanted, context)
        if len(events["run"]):
            run = int(events["run"][0])
            file.lost = mishaps.watch(run, set(events["luminosityBlock"].tolist()))
            if file.lost:
                events = file.event_ids()
        if len(events["run"]) and plan.step is not Step.HARVEST:
            run, ls, event = (int(events[column][0]) for column in EVENT_ID)
            message_logger.begin_record(seen + 1, run, event, ls)
        seen += len(events["run"])
        yield file, events
        message_logger.file_action("Closed", name)
        report.inputs.append((name, root_file.counted(events)))


def _opened(
    name: str, stop: int | None, wanted: Collection[LumiRange], context: tuple[str, ...]
) -> tuple[RootFile, Columns]:
    """Open an input and read which events are in it; `context` is empty for the first one."""
    context = context or _CONSTRUCTING
    message_logger.file_action("Initiating request to open", name)
    try:
        file = RootFile(name, stop=stop, wanted=wanted)
    except CmsError as error:
        raise error.within(*context, "Calling RootInputFileSequence::initTheFile()") from error
    message_logger.file_action("Successfully opened", name)
    if file.deadly:
        raise Crash(name)
    try:
        return file, file.event_ids()
    except CmsError as error:
        raise error.within(*context) from error


def sums_of(file: RootFile, products: Collection[str]) -> Columns:
    """Read the sums of some products, and of which lumisections they are.

    Raises
    ------
    CmsError
        The file has no sums at all, or they cannot be read.
    """
    if "LuminosityBlocks" not in file.trees:
        no_product(file, " or ".join(sorted(products)), CONTEXT)
    wanted = tuple(f"{product}_" for product in products)
    branches = [b for b in file.branches("LuminosityBlocks") if b.startswith(wanted)]
    return file.columns("LuminosityBlocks", [*LUMI_ID, *branches])


def no_product(file: RootFile, product: str, context: Iterable[str]) -> NoReturn:
    """Say that a file lacks a product, and where that was found.

    Raises
    ------
    CmsError
        ``ProductNotFound``.
    """
    raise CmsError(
        "ProductNotFound",
        "Principal::getByToken: Found zero products matching all criteria\n"
        f"Looking for {product} in {file.name}\n",
        tuple(context),
    )
