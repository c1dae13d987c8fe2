"""Whether each LS of each good RAW file is in exactly one input of the payload in force.

Each destination of a campaign has a payload in force of its own. Knows a campaign's story and what
its run directory shows; reads nothing. It is pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from condorloop.history import inputs_judged, records_compared
from condorloop.history.campaign import FileStory, PayloadStory, Story
from condorloop.history.destinations import DestinationPayload, by_destination
from condorloop.history.evidence import Evidence
from condorloop.history.verified import (
    WRONG,
    DestinationVerification,
    Finding,
    FindingKind,
    Verification,
)
from condorloop.model.enums import CampaignState, FileState
from condorloop.model.lumis import EMPTY, Lumis


def verify(story: Story, evidence: Evidence) -> Verification:
    """Judge a campaign by its story and by what its run directory shows."""
    files = [file for file in story.files if file.state is FileState.GOOD]
    destinations = by_destination(story) or (DestinationPayload(database="", tag="", payload=None),)
    shown = {
        (each.database, each.tag): _shown(story, evidence, files, each) for each in destinations
    }
    everywhere = {
        file.path: _in_each(each.once.get(file.path, EMPTY) for each in shown.values())
        for file in files
    }
    payloads = {each.payload.harvest: None for each in destinations if each.payload}
    tags = [tag for _, tag in shown]
    found = _together(
        {
            tag if tags.count(tag) == 1 else f"{tag} in {database}": each.findings
            for (database, tag), each in shown.items()
        }
    )
    return Verification(
        calibration=story.campaign.calibration,
        run=story.campaign.run,
        state=story.campaign.state,
        payloads=tuple(payloads),
        good=Lumis.union(file.lumis for file in files),
        shown=Lumis.union(everywhere.values()),
        files=len(files),
        files_shown=_whole(files, everywhere),
        by_ledger=any(each.by_ledger for each in shown.values()),
        findings=tuple(sorted(found, key=lambda f: list(FindingKind).index(f.kind))),
        destinations=tuple(
            DestinationVerification(
                database=each.database,
                tag=each.tag,
                payload=each.payload.harvest if each.payload else "",
                shown=Lumis.union(once.values()),
                files_shown=_whole(files, once),
            )
            for each in destinations
            for once in [shown[each.database, each.tag].once]
        ),
    )


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is shown of a destination: the LS of each file in exactly one input, and findings."""

    once: Mapping[str, Lumis]
    findings: tuple[Finding, ...]
    by_ledger: bool = False


def _shown(
    story: Story, evidence: Evidence, files: Sequence[FileStory], destination: DestinationPayload
) -> _Shown:
    payload = destination.payload
    if payload is None:
        nothing = inputs_judged.judge(files, {}, EMPTY)
        findings = (
            *_no_payload(story, files, destination.otherwise),
            *inputs_judged.copies_in(files, nothing.holders),
        )
        return _Shown({}, findings)
    mine = evidence.of(payload)
    sources = {name: each.source for name, each in mine.inputs.items() if each.source}
    unproven = [name for name, each in mine.inputs.items() if each.lost and mine.removed]
    by_ledger = records_compared.by_ledger(story, payload, unproven)
    made, in_pieces = _made(payload, mine), _pieces(story, mine)
    if in_pieces.ranges:
        made &= in_pieces
    judged = inputs_judged.judge(files, sources | by_ledger, made)
    missing = inputs_judged.missing(
        story,
        files,
        judged,
        restored=mine.restored.get(payload.harvest, ""),
        otherwise=_NO_PIECE if in_pieces.ranges else destination.otherwise,
    )
    return _Shown(
        judged.once,
        (
            *records_compared.inputs(mine),
            *records_compared.records(payload, mine, sources),
            *(records_compared.not_shown(unproven, by_ledger) if unproven else ()),
            *judged.twice,
            *missing,
            *inputs_judged.foreign(story, sources),
            *inputs_judged.invented(story, files, made),
            *inputs_judged.copies_in(files, judged.holders),
        ),
        bool(by_ledger),
    )


def _made(payload: PayloadStory, evidence: Evidence) -> Lumis:
    """The LS of a payload, as it says itself, or the ledger of it."""
    return evidence.records.get(payload.harvest, payload).lumis


_NO_PIECE = "no piece went up with them"


def _pieces(story: Story, evidence: Evidence) -> Lumis:
    """The LS that went up in pieces, of whichever payloads; none if one is there whole."""
    if evidence.restored:
        return EMPTY
    return Lumis.union(payload.pieces for payload in story.payloads)


def _in_each(parts: Iterable[Lumis]) -> Lumis:
    first, *others = parts
    for other in others:
        first &= other
    return first


def _whole(files: Iterable[FileStory], once: Mapping[str, Lumis]) -> int:
    """Of how many files each LS is in exactly one input."""
    return sum(1 for file in files if file.lumis and once.get(file.path) == file.lumis)


def _together(found: Mapping[str, Sequence[Finding]]) -> Iterator[Finding]:
    """Give each finding once, with the tags that it is about where that is not each."""
    tags: dict[Finding, list[str]] = {}
    for tag, findings in found.items():
        for finding in dict.fromkeys(findings):
            tags.setdefault(finding, []).append(tag)
    for finding, those in tags.items():
        yield finding if len(those) == len(found) else replace(finding, tags=tuple(those))


def _no_payload(story: Story, files: Sequence[FileStory], otherwise: str) -> Iterator[Finding]:
    """Say why there is no payload in force, if there should be one."""
    lumis = Lumis.union(file.lumis for file in files)
    if not lumis:
        return
    campaign = story.campaign
    kind = {
        CampaignState.NO_PAYLOAD: FindingKind.GIVEN_UP,
        CampaignState.ABANDONED: FindingKind.GIVEN_UP,
    }.get(campaign.state, FindingKind.WAITING if campaign.state.open else FindingKind.NO_PAYLOAD)
    why = f"; {otherwise}" if otherwise else ""
    text = f"no payload is in force: {campaign.state}, {campaign.reason}{why}; good LS: {lumis}"
    yield Finding(kind=kind, wrong=kind in WRONG, text=text, lumis=lumis)
