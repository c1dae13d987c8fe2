"""Whether harvest, ledger and witnesses say the same of a payload, and what is left to show it.

Knows what a run directory shows, and what the ledger tells where retention has removed that; reads
nothing. It is pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from condorloop.history.campaign import PayloadStory, Story
from condorloop.history.evidence import Evidence
from condorloop.history.provenance import provenance
from condorloop.history.verified import Finding, FindingKind
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.policy.raw_overlap import Source


def inputs(evidence: Evidence) -> Iterator[Finding]:
    """Name inputs of which it is not shown what they were made from."""
    for name, each in evidence.inputs.items():
        if each.source or (each.lost and evidence.removed):
            continue
        kind = FindingKind.WITNESS_GONE if each.lost else FindingKind.ORIGIN_UNKNOWN
        yield Finding(kind=kind, wrong=True, text=f"{name}: {each.trouble}", alcareco=(name,))


def records(
    payload: PayloadStory, evidence: Evidence, sources: Mapping[str, Source]
) -> Iterator[Finding]:
    """Compare what harvest, ledger and witnesses say of a payload."""
    record = evidence.records.get(payload.harvest)
    if record is None:
        if not evidence.removed:
            yield _record(f"{payload.harvest}: {evidence.troubles.get(payload.harvest, '')}")
        return
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


def by_ledger(story: Story, payload: PayloadStory, names: Iterable[str]) -> dict[str, Source]:
    """What the ledger says of inputs of a payload whose files retention has removed."""
    found: dict[str, Source] = {}
    for source in provenance(story, payload).sources:
        if source.name in names and source.node:
            read: dict[str, Lumis] = {}
            for reco in source.recos:
                for file in reco.files:
                    mine = (file.lumis & reco.node.lumis) or file.lumis
                    read[file.path] = read.get(file.path, EMPTY) | mine
            node = source.node
            found[source.name] = Source(source.name, 0, node.lumis, node.events, read)
    return found


def not_shown(names: Sequence[str], by_ledger: Mapping[str, Source]) -> Iterator[Finding]:
    """Name inputs that retention has removed, and whether the ledger tells of them."""
    untold = [name for name in names if name not in by_ledger]
    says = "the ledger alone tells what was in" if not untold else "nothing tells what was in"
    which = tuple(untold or names)
    text = f"retention removed the witnesses; {says} {', '.join(which)}"
    yield Finding(kind=FindingKind.NOT_SHOWN, wrong=False, text=text, alcareco=which)
