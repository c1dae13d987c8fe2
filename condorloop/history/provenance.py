"""Where a payload comes from: its ALCARECO, the jobs that made them, down to RAW files.

Knows how a story's parts belong together; reads nothing. It is pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from condorloop.dagman.logs.dag_records import Software
from condorloop.history.asked import RequestStory
from condorloop.history.campaign import (
    DagStory,
    FileStory,
    NodeStory,
    PayloadStory,
    Story,
    certainty,
)
from condorloop.model.enums import NodeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoSource:
    """A RECO node that an ALCARECO was made from, with what, and the RAW files that it read."""

    node: NodeStory
    software: Software | None = None
    files: tuple[FileStory, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlcarecoSource:
    """An ALCARECO that a payload was made from; `node` is None if nobody knows who made it."""

    name: str
    dag: str = ""
    dag_id: str = ""
    software: Software | None = None
    node: NodeStory | None = None
    recos: tuple[RecoSource, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """All that a payload was made from; `dag_id` and `software` are those of its HARVEST.

    `requests` are what people asked of its campaign.
    """

    calibration: str
    run: int
    payload: PayloadStory
    dag_id: str = ""
    software: Software | None = None
    harvest: NodeStory | None = None
    upload: NodeStory | None = None
    sources: tuple[AlcarecoSource, ...] = ()
    requests: tuple[RequestStory, ...] = ()

    @property
    def payload_id(self) -> str:
        """What only this payload has: its DAG, with the calibration where others share that."""
        if not self.dag_id:
            return f"{self.calibration}/{self.run}/{self.payload.harvest}"
        alone = f"/{self.calibration}/" in self.dag_id
        return self.dag_id if alone else f"{self.dag_id}/{self.calibration}"


def provenance(story: Story, payload: PayloadStory) -> Provenance:
    """Follow a payload of a campaign back to RAW files."""
    dag = story.dag(payload.dag)
    harvest = dag.last(NodeKind.HARVEST) if dag else None
    return Provenance(
        calibration=story.campaign.calibration,
        run=story.campaign.run,
        payload=payload,
        dag_id=dag.id if dag else "",
        software=dag.software_of(harvest.name) if dag and harvest else None,
        harvest=harvest,
        upload=dag.last(NodeKind.UPLOAD) if dag else None,
        sources=tuple(_source(story, name) for name in payload.inputs),
        requests=story.requests,
    )


def _source(story: Story, name: str) -> AlcarecoSource:
    found = story.alcareco(name)
    if found is None:
        return AlcarecoSource(name=name)
    dag, node = found
    return AlcarecoSource(
        name=name,
        dag=dag.label,
        dag_id=dag.id,
        software=dag.software_of(node.name),
        node=node,
        recos=tuple(
            RecoSource(node=reco, software=dag.software_of(reco.name), files=_read(story, reco))
            for reco in _parents(dag, node)
            if reco.output not in node.dropped
        ),
    )


def _parents(dag: DagStory, node: NodeStory) -> list[NodeStory]:
    return [n for n in dag.nodes if n.kind is NodeKind.RECO and n.name in node.parents]


def _read(story: Story, reco: NodeStory) -> tuple[FileStory, ...]:
    """The RAW files that a RECO node read, not those that it went on without."""
    found = (story.file(path) for path in reco.files if path not in reco.dropped)
    return tuple(file for file in found if file)


def chosen(story: Story, wanted: str) -> list[PayloadStory]:
    """The payloads of a campaign that are meant by ``latest``, a hash, its beginning or a harvest.

    ``latest`` is the one in force, else the last that was made. Harvests that made the same
    payload count as the best of them.
    """
    if wanted == "latest":
        return [story.in_force] if story.in_force else sorted(_made(story), key=certainty)[-1:]
    if named := [p for p in story.payloads if wanted in (p.harvest, p.dag)]:
        return named
    by_hash: dict[str, PayloadStory] = {}
    for payload in sorted(_made(story), key=certainty):
        if same := payload.hash_that_begins(wanted):
            by_hash[same] = payload
    return list(by_hash.values())


def _made(story: Story) -> list[PayloadStory]:
    return [p for p in story.payloads if p.harvested_at is not None]


def of_payload(stories: Iterable[Story], wanted: str) -> tuple[Provenance, ...]:
    """Follow the payloads that are meant back to RAW files, in each campaign; see `chosen`."""
    return tuple(
        provenance(story, payload) for story in stories for payload in chosen(story, wanted)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadMatches:
    """What ``condorloop show RUN --payload HASH --json`` prints."""

    schema: Literal[1] = 1
    payloads: tuple[Provenance, ...]


_ADAPTER: TypeAdapter[PayloadMatches] = TypeAdapter(PayloadMatches)


def to_json(told: Iterable[Provenance]) -> dict[str, Any]:
    """Give the object that ``condorloop show RUN --payload HASH --json`` prints."""
    data: dict[str, Any] = _ADAPTER.dump_python(PayloadMatches(payloads=tuple(told)), mode="json")
    return data


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of ``condorloop show RUN --payload HASH --json``."""
    return _ADAPTER.json_schema(mode="serialization")
