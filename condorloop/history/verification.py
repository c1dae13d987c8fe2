"""Whether each LS of each good RAW file is in exactly one input of the payload in force.

Knows a campaign's story and what its run directory shows; reads nothing. It is pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Any, Literal

from pydantic import TypeAdapter

from condorloop.history.campaign import FileStory, Story
from condorloop.history.evidence import Evidence, in_force
from condorloop.history.provenance import provenance
from condorloop.model.campaign import RawFile
from condorloop.model.enums import CampaignState, FileState
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.model.raw_copies import copies
from condorloop.model.status import LumiText
from condorloop.policy.raw_overlap import Source


class FindingKind(StrEnum):
    """What can be said of a campaign's payload in force; those of `WRONG` are wrong."""

    NO_PAYLOAD = "no payload"
    """There are good RAW files, and no payload is in force."""
    MISSING = "missing"
    """LS of a good RAW file are in no input."""
    TWICE = "twice"
    """LS of a RAW file are in more than one input."""
    COPIES = "copies"
    """RAW files with the same LS and events are both in the payload, hardly by chance."""
    WITNESS_GONE = "witness gone"
    """The witness of an input is gone or damaged, and retention did not remove it."""
    ORIGIN_UNKNOWN = "origin unknown"
    """The RAW files of an input are not told, or one is in it twice."""
    FOREIGN = "foreign"
    """An input, or the payload, has what no good RAW file of the run has."""
    RECORD = "record"
    """Two records of the same payload do not agree, or one is gone or damaged."""
    POSSIBLE_COPIES = "possible copies"
    """RAW files with the same LS and events that can be so by chance, or are not both used."""
    WAITING = "waiting"
    """LS of good RAW files that an open campaign has not in its payload yet."""
    GIVEN_UP = "given up"
    """LS that a person, or the harvester, left without a payload."""
    NOT_SHOWN = "not shown"
    """What can no longer be shown, because retention removed it."""


WRONG = frozenset(
    {
        FindingKind.NO_PAYLOAD,
        FindingKind.MISSING,
        FindingKind.TWICE,
        FindingKind.COPIES,
        FindingKind.WITNESS_GONE,
        FindingKind.ORIGIN_UNKNOWN,
        FindingKind.FOREIGN,
        FindingKind.RECORD,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that was found, and what it is about.

    `lumis` are its lumisections, `files` paths of RAW files, `alcareco` names of ALCARECO.
    """

    kind: FindingKind
    wrong: bool
    text: str
    lumis: LumiText = EMPTY
    files: tuple[str, ...] = ()
    alcareco: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What is shown of a campaign.

    `payloads` are the harvests in force, `good` the LS of the good RAW files and `shown` those
    that are, file by file, in exactly one input; `files` counts the good RAW files and
    `files_shown` those of which that is so of each LS. `by_ledger` says that the ledger alone
    shows it.
    """

    calibration: str
    run: int
    state: CampaignState
    payloads: tuple[str, ...]
    good: LumiText
    shown: LumiText
    files: int
    files_shown: int
    by_ledger: bool = False
    findings: tuple[Finding, ...] = ()

    @property
    def is_wrong(self) -> bool:
        """Whether something is wrong."""
        return any(finding.wrong for finding in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifications:
    """What ``condorloop verify RUN --json`` prints."""

    schema: Literal[1] = 1
    run: int
    campaigns: tuple[Verification, ...]


def verify(story: Story, evidence: Evidence) -> Verification:
    """Judge a campaign by its story and by what its run directory shows."""
    files = [file for file in story.files if file.state is FileState.GOOD]
    sources = {name: each.source for name, each in evidence.inputs.items() if each.source}
    unproven = [name for name, each in evidence.inputs.items() if each.lost and evidence.removed]
    by_ledger = _by_ledger(story, unproven)
    judged = _judge(files, sources | by_ledger, _in_payload(story, evidence))
    findings = [
        *_payload(story, files),
        *_inputs(evidence),
        *_records(story, evidence, sources),
        *(_not_shown(unproven, by_ledger) if unproven else ()),
    ]
    if in_force(story):
        findings += judged.twice
        findings += _missing(story, files, judged, evidence.restored)
        findings += _foreign(story, sources)
        findings += _invented(story, files, _in_payload(story, evidence))
    findings += _copies(files, judged.holders)
    once = {path: lumis for path, lumis in judged.once.items() if lumis}
    return Verification(
        calibration=story.campaign.calibration,
        run=story.campaign.run,
        state=story.campaign.state,
        payloads=tuple(payload.harvest for payload in in_force(story)),
        good=Lumis.union(file.lumis for file in files),
        shown=Lumis.union(once.values()),
        files=len(files),
        files_shown=sum(1 for file in files if once.get(file.path) == file.lumis),
        by_ledger=bool(by_ledger),
        findings=tuple(sorted(findings, key=lambda f: list(FindingKind).index(f.kind))),
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    """By path: who holds a file, and which of its LS are in exactly one input or in none."""

    holders: Mapping[str, tuple[str, ...]]
    once: Mapping[str, Lumis]
    none: Mapping[str, Lumis]
    twice: tuple[Finding, ...]


def _judge(files: Iterable[FileStory], sources: Mapping[str, Source], made: Lumis) -> _Judged:
    held: dict[str, list[Source]] = {}
    for source in sources.values():
        for path in source.raw_files:
            held.setdefault(path, []).append(source)
    good = {file.path: file.lumis for file in files}
    once, none, twice = {}, {}, []
    for path in sorted(good.keys() | held.keys()):
        holders = held.get(path, [])
        read = [source.raw_files[path] & source.lumis for source in holders]
        double = Lumis.union(a & b for a, b in combinations(read, 2))
        if double:
            names = tuple(source.name for source in holders)
            twice.append(_of_file(FindingKind.TWICE, path, double, "are in", names))
        if path in good:
            covered = Lumis.union(read) & good[path] & made
            once[path], none[path] = covered - double, good[path] - covered
    holders_of = {path: tuple(s.name for s in holders) for path, holders in held.items()}
    return _Judged(holders_of, once, none, tuple(twice))


def _of_file(
    kind: FindingKind, path: str, lumis: Lumis, words: str, names: tuple[str, ...]
) -> Finding:
    text = f"{_name(path)}: LS {lumis} {words} {' and '.join(names)}"
    return Finding(
        kind=kind, wrong=kind in WRONG, text=text, lumis=lumis, files=(path,), alcareco=names
    )


def _in_payload(story: Story, evidence: Evidence) -> Lumis:
    """The LS of the payloads in force, as they say themselves, or the ledger of them."""
    told = (evidence.records.get(payload.harvest, payload) for payload in in_force(story))
    return Lumis.union(each.lumis for each in told)


def _payload(story: Story, files: list[FileStory]) -> Iterator[Finding]:
    """Say why there is no payload in force, if there should be one."""
    lumis = Lumis.union(file.lumis for file in files)
    if in_force(story) or not lumis:
        return
    campaign = story.campaign
    kind = {
        CampaignState.NO_PAYLOAD: FindingKind.GIVEN_UP,
        CampaignState.ABANDONED: FindingKind.GIVEN_UP,
    }.get(campaign.state, FindingKind.WAITING if campaign.state.open else FindingKind.NO_PAYLOAD)
    text = f"no payload is in force: {campaign.state}, {campaign.reason}; good LS: {lumis}"
    yield Finding(kind=kind, wrong=kind in WRONG, text=text, lumis=lumis)


def _inputs(evidence: Evidence) -> Iterator[Finding]:
    for name, each in evidence.inputs.items():
        if each.source or (each.lost and evidence.removed):
            continue
        kind = FindingKind.WITNESS_GONE if each.lost else FindingKind.ORIGIN_UNKNOWN
        yield Finding(kind=kind, wrong=True, text=f"{name}: {each.trouble}", alcareco=(name,))


def _records(story: Story, evidence: Evidence, sources: Mapping[str, Source]) -> Iterator[Finding]:
    """Compare what harvest, ledger and witnesses say of the payloads in force."""
    for payload in in_force(story):
        record = evidence.records.get(payload.harvest)
        if record is None:
            if not evidence.removed:
                yield _record(f"{payload.harvest}: {evidence.troubles.get(payload.harvest, '')}")
            continue
        if odd := sorted(set(record.inputs) ^ set(payload.inputs)):
            text = f"{payload.harvest}: its record and the ledger differ in inputs"
            yield _record(f"{text}: {', '.join(odd)}", tuple(odd))
        if record.lumis != payload.lumis:
            text = f"the ledger has LS {payload.lumis or 'none'}, its record {record.lumis}"
            yield _record(f"{payload.harvest}: {text}")
        if all(name in sources for name in record.inputs):
            held = Lumis.union(sources[name].lumis for name in record.inputs)
            if fewer := record.lumis - held:
                yield _record(f"{payload.harvest}: LS {fewer} are in its record and in no input")


def _record(text: str, alcareco: tuple[str, ...] = ()) -> Finding:
    return Finding(kind=FindingKind.RECORD, wrong=True, text=text, alcareco=alcareco)


def _by_ledger(story: Story, names: Iterable[str]) -> dict[str, Source]:
    """What the ledger says of inputs whose files retention has removed."""
    found: dict[str, Source] = {}
    for payload in in_force(story):
        for source in provenance(story, payload).sources:
            if source.name in names and source.node:
                read = {f.path: f.lumis for reco in source.recos for f in reco.files}
                node = source.node
                found[source.name] = Source(source.name, 0, node.lumis, node.events, read)
    return found


def _not_shown(names: list[str], by_ledger: Mapping[str, Source]) -> Iterator[Finding]:
    untold = [name for name in names if name not in by_ledger]
    says = "the ledger alone tells what was in" if not untold else "nothing tells what was in"
    which = tuple(untold or names)
    text = f"retention removed the witnesses; {says} {', '.join(which)}"
    yield Finding(kind=FindingKind.NOT_SHOWN, wrong=False, text=text, alcareco=which)


def _missing(
    story: Story, files: list[FileStory], judged: _Judged, restored: str
) -> Iterator[Finding]:
    for file in files:
        if not (lumis := judged.none.get(file.path, EMPTY)):
            continue
        kind = FindingKind.MISSING
        if restored:
            kind = FindingKind.GIVEN_UP
        elif story.campaign.state.open:
            kind = FindingKind.WAITING
        elif story.campaign.state is CampaignState.ABANDONED:
            kind = FindingKind.GIVEN_UP
        names = judged.holders.get(file.path, ())
        where = f"{file.dag}/{file.node}" if file.dag else "no DAG"
        words = f"lacking in {', '.join(names)}" if names else f"{file.fate}; in {where}"
        words = restored or words
        text = f"{_name(file.path)}: LS {lumis} are in no input ({words})"
        yield Finding(
            kind=kind,
            wrong=kind in WRONG,
            text=text,
            lumis=lumis,
            files=(file.path,),
            alcareco=names,
        )


def _foreign(story: Story, sources: Mapping[str, Source]) -> Iterator[Finding]:
    """Name RAW files of inputs that the ledger does not know of the run."""
    for name, source in sources.items():
        for path in sorted(source.raw_files):
            if story.file(path) is None:
                lumis = source.raw_files[path]
                words = "of a RAW file that the ledger does not know of this run are in"
                yield _of_file(FindingKind.FOREIGN, path, lumis, words, (name,))


def _invented(story: Story, files: Iterable[FileStory], made: Lumis) -> Iterator[Finding]:
    """Name LS of the payload that no file has that is, or was, good."""
    was_good = (file.lumis for file in story.files if file.lumis)
    if more := made - Lumis.union([*was_good, *(file.lumis for file in files)]):
        text = f"LS {more} are in the payload and in no good RAW file"
        yield Finding(kind=FindingKind.FOREIGN, wrong=True, text=text, lumis=more)


def _copies(files: Iterable[FileStory], holders: Mapping[str, object]) -> Iterator[Finding]:
    """Name possible copies; those that can be so by chance are counted, and the first named."""
    raw = [RawFile(file.path, file.size, file.lumis, file.events) for file in files]
    by_chance = []
    for found in copies(raw):
        used = [path for path in found.paths if path in holders]
        if not found.likely:
            by_chance.append(found)
            continue
        kind = FindingKind.COPIES if len(used) > 1 else FindingKind.POSSIBLE_COPIES
        where = "are in the payload" if len(used) > 1 else "are not all in the payload"
        text = f"{found}, and {where}"
        yield Finding(
            kind=kind, wrong=kind in WRONG, text=text, lumis=found.lumis, files=found.paths
        )
    if by_chance:
        more = f" ({len(by_chance) - 1} more like these)" if len(by_chance) > 1 else ""
        text = f"{by_chance[0]}{more}: usual for this stream"
        yield Finding(
            kind=FindingKind.POSSIBLE_COPIES,
            wrong=False,
            text=text,
            lumis=Lumis.union(found.lumis for found in by_chance),
            files=tuple(path for found in by_chance for path in found.paths),
        )


def _name(path: str) -> str:
    return path.rpartition("/")[2]


_ADAPTER: TypeAdapter[Verifications] = TypeAdapter(Verifications)


def to_json(told: Verifications) -> dict[str, Any]:
    """Give the object that ``condorloop verify --json`` prints."""
    data: dict[str, Any] = _ADAPTER.dump_python(told, mode="json")
    return data


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of ``condorloop verify --json``."""
    return _ADAPTER.json_schema(mode="serialization")
