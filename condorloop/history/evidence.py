"""What a run directory shows of the payload in force: its inputs, and their RAW files.

Knows the records of harvests and the witnesses of ALCARECO, and which of them retention removes;
it asks neither ledger nor service, and judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from condorloop.history.campaign import PayloadStory, Story
from condorloop.history.destinations import payloads_in_force
from condorloop.model.enums import Artifact
from condorloop.node.holdings import NO_WITNESSES, Holdings, Unusable
from condorloop.policy.raw_overlap import Source
from condorloop.rundir.layout import HARVEST_RECORD, MADE, RESTORED, made_in
from condorloop.rundir.records.decisions import Restored
from condorloop.rundir.records.harvest import HarvestResult
from condorloop.rundir.records.record import RecordError
from condorloop.rundir.records.witness import Witness
from condorloop.text import one_line


@dataclass(frozen=True, slots=True)
class InputEvidence:
    """An input of a payload: what it was made from, or why that is not shown.

    `lost` says that it is not shown because files are gone or damaged.
    """

    source: Source | None = None
    trouble: str = ""
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the run directory of a campaign shows.

    Attributes
    ----------
    removed
        Whether retention has removed the run directory, or is about to.
    records
        What each harvest in force says of itself, by the name of its directory.
    troubles
        Why a harvest says nothing of itself.
    inputs
        The ALCARECO of all harvests in force, by name.
    restored
        Who put a payload in force back, and why, by the name of its directory.
    """

    removed: bool = False
    restored: Mapping[str, str] = field(default_factory=dict)
    records: Mapping[str, HarvestResult] = field(default_factory=dict)
    troubles: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, InputEvidence] = field(default_factory=dict)

    def of(self, payload: PayloadStory) -> Evidence:
        """What of it is about one payload."""
        name = payload.harvest
        record = self.records.get(name)
        wanted = {*payload.inputs, *(record.inputs if record else ())}
        return Evidence(
            removed=self.removed,
            restored={name: self.restored[name]} if name in self.restored else {},
            records={name: record} if record else {},
            troubles={name: self.troubles[name]} if name in self.troubles else {},
            inputs={name: each for name, each in self.inputs.items() if name in wanted},
        )


def gather(story: Story) -> Evidence:
    """Read what the run directory of a campaign shows of its payloads in force.

    ALCARECO of a stream that calibrations share are in that of the stream.

    Raises
    ------
    OSError
        The machine does not give what is there.
    """
    removed = any(name.rstrip("?") == Artifact.RUNS for name in story.cleaned)
    folder = Path(story.folder)
    records: dict[str, HarvestResult] = {}
    troubles: dict[str, str] = {}
    payloads = payloads_in_force(story)
    for payload in payloads:
        try:
            records[payload.harvest] = HarvestResult.read(folder / payload.harvest / HARVEST_RECORD)
        except RecordError as error:
            troubles[payload.harvest] = str(error)
    restored = Restored.find(folder / RESTORED)
    put_back = {restored.harvest: str(restored)} if restored else {}
    stream = story.campaign.stream if story.campaign.shares else ""
    made = made_in(folder, stream)
    names = {name for payload in payloads for name in payload.inputs}
    names |= {name for record in records.values() for name in record.inputs}
    try:
        holdings = Holdings(made)
    except (FileNotFoundError, NotADirectoryError):
        gone = InputEvidence(trouble="the run directory is gone", lost=True)
        lost = dict.fromkeys(sorted(names), gone)
        return Evidence(removed, put_back, records, troubles, lost)
    inputs = {name: _input(made / name, holdings) for name in sorted(names)}
    return Evidence(removed, put_back, records, troubles, inputs)


def _input(folder: Path, holdings: Holdings) -> InputEvidence:
    try:
        candidates = sorted(path for path in folder.iterdir() if _may_be_witness(path))
    except (FileNotFoundError, NotADirectoryError):
        return InputEvidence(trouble="its directory is gone", lost=True)
    witnesses = [witness for path in candidates if (witness := Witness.load(path))]
    if not witnesses:
        how = f"damaged: {one_line(candidates[0].name)}" if candidates else "gone"
        return InputEvidence(trouble=f"its witness is {how}", lost=True)
    try:
        return InputEvidence(holdings.source(folder.name, witnesses[0]))
    except Unusable as error:
        return InputEvidence(trouble=str(error))


def _may_be_witness(path: Path) -> bool:
    return path.is_file() and path.suffix not in NO_WITNESSES and path.name != MADE
