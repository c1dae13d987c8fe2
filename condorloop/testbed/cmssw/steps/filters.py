"""What a job's filters and output modules make of the trigger results of its input.

Source: HLTrigger/HLTfilters/plugins/HLTHighLevel.cc and FWCore/Framework/src/EventSelector.cc of
CMSSW. A filter throws a plain ``cms::Exception``: its category is ``Configuration``, but its exit
code is that of other exceptions, 8001. A process without trigger results is no exception: no event
is accepted, and an error is logged.

Express data were reconstructed at Tier-0 by a process RECO with the skims of their stream. The
testbed's files do not name their stream, so that process has every skim.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase

from condorloop.testbed.cmssw.framework import message_logger
from condorloop.testbed.cmssw.framework.errors import CmsError
from condorloop.testbed.cmssw.framework.job_plan import Output, Selection
from condorloop.testbed.cmssw.io.root_file import EVENT_ID, Columns, RootFile
from condorloop.testbed.cmssw.steps.workflows import SKIMS, paths_of

_TIER0 = frozenset(path for skim in SKIMS for path in paths_of(skim)) - {
    "pathALCARECOEcalTestPulsesRaw"
}
_GLOB = "*?["


class TriggerResults:
    """The trigger results of one input.

    Parameters
    ----------
    file
        The input.
    events
        The numbers of its events.
    """

    def __init__(self, file: RootFile, events: Columns) -> None:
        known: Mapping[str, Collection[str]] = file.trigger_results
        tier0 = {"RECO": _TIER0}
        self.by_process: dict[str, Collection[str]] = {
            process: known.get(process, tier0.get(process, ())) for process in file.history
        }
        self._empty = not len(events["run"])
        ids = (int(events[name][0]) if len(events[name]) else 0 for name in EVENT_ID)
        run, ls, event = ids
        self._where = f"Processing  Event run: {run} lumi: {ls} event: {event} stream: 0"
        self._short = f"Run: {run} Event: {event}"

    def accepts(self, selection: Selection) -> bool:
        """Tell whether a filter accepts the events; without events it is not asked.

        Raises
        ------
        CmsError
            ``Configuration``: a path that it wants does not exist, and it does not tolerate that.
        """
        if self._empty:
            return False
        if selection.process not in self.by_process:
            message_logger.message(
                "e",
                "HLTHighLevel",
                f"HLTHighLevel:{selection.module}",
                f"TriggerResults product TriggerResults::{selection.process} not found"
                " - returning result=false!",
                self._short,
            )
            return False
        paths = self.by_process[selection.process]
        found = [self._exists(pattern, paths, selection) for pattern in selection.patterns]
        return any(found)

    def check(self, output: Output) -> None:
        """Look for the paths by which an output module takes events.

        Raises
        ------
        CmsError
            ``ProductNotFound``: their process has not run; ``Configuration``: it has no such path.
        """
        context = (self._where, f"Calling method for module PoolOutputModule/'{output.label}'")
        for path, process in output.selects if not self._empty else ():
            if process not in self.by_process:
                raise CmsError(
                    "ProductNotFound",
                    "Principal::getByToken: Found zero products matching all criteria\n"
                    "Looking for type: edm::TriggerResults\n"
                    "Looking for module label: TriggerResults\n"
                    f"Looking for productInstanceName: \nLooking for process: {process}\n",
                    context,
                )
            if path not in self.by_process[process]:
                raise CmsError(
                    "Configuration",
                    "EventSelector::init, An OutputModule is using SelectEvents\n"
                    "to request a trigger name that does not exist\n"
                    f"The unknown trigger name is: {path}\n",
                    context,
                )

    def context_of(self, selection: Selection) -> tuple[str, ...]:
        """Give the context of what goes wrong in a filter, or behind it."""
        return (
            self._where,
            f"Running path '{selection.path}'",
            f"Calling method for module HLTHighLevel/'{selection.module}'",
        )

    def _exists(self, pattern: str, paths: Collection[str], selection: Selection) -> bool:
        if any(fnmatchcase(path, pattern) for path in paths):
            return True
        if not selection.throws:
            return False
        if set(_GLOB) & set(pattern):
            words = f'requested pattern "{pattern}" does not match any HLT paths'
        else:
            words = f'requested HLT path "{pattern}" does not exist'
        raise CmsError("Configuration", words, self.context_of(selection), plain=True)
