"""Finding: what became of a file, a lumisection, a job, a DAG, a payload.

Knows where in the ledger and the stories to look for each kind of thing; asks no service.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from condorloop.config.loader import Known
from condorloop.dagman.logs import dag_outcome
from condorloop.dagman.logs.job_events import jobs_of
from condorloop.history.campaign import DagStory, FileStory, NodeStory, PayloadStory, Story
from condorloop.history.ledger_reader import LedgerStories
from condorloop.history.reader import completed, ledger_of
from condorloop.history.search_terms import Kind, Meaning, meanings
from condorloop.ledger.archive import with_archives
from condorloop.ledger.queries.search import DagKey
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import NodeKind
from condorloop.model.jobs import JobRecord
from condorloop.model.lumi_fates import LumiState
from condorloop.model.lumis import EMPTY
from condorloop.model.status import CampaignStatus, LumiText
from condorloop.rundir.layout import dag_file, run_dir

MOST = 10
"""How many of one kind are given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Something that was found, in one campaign, and what became of it there.

    `kind` says what it is, `name` how it is called in full; what does not apply is None or empty.
    `node` is the node that has it or made it, `job` the one of its jobs that was asked for; `alca`
    the ALCA node after it, `payload` the payload that it came into; `files` are the RAW files of
    lumisections, `fates` what became of these. What calibrations share is one hit, of the stream:
    `calibrations` are those that it is made for, `payloads` what it came into, by calibration;
    `campaign` is one of theirs then.
    """

    kind: Kind
    name: str
    campaign: CampaignStatus | None = None
    file: FileStory | None = None
    files: tuple[FileStory, ...] = ()
    lumis: LumiText = EMPTY
    fates: Mapping[LumiState, LumiText] | None = None
    dag: DagStory | None = None
    node: NodeStory | None = None
    job: JobRecord | None = None
    alca: NodeStory | None = None
    payload: PayloadStory | None = None
    calibrations: tuple[str, ...] = ()
    payloads: Mapping[str, PayloadStory] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What ``condorloop find --json`` prints: each hit; `more` if there are others of a kind."""

    schema: Literal[1] = 1
    what: str
    hits: tuple[Hit, ...]
    more: bool = False


def find(config: Known, what: str, only: Collection[str] = ()) -> SearchResult:
    """Look for everything that may be meant, in all campaigns or in `only` these calibrations'.

    Raises
    ------
    LedgerError
        The ledger cannot be used.
    """
    with ExitStack() as stack:
        parts = with_archives(ledger_of(config.site.work_dir))
        ledgers = [stack.enter_context(LedgerStories(part)) for part in parts]
        searches = [_Search(ledger, ledgers[0], config, only) for ledger in ledgers]
        hits: list[Hit] = []
        more = False
        for meaning in meanings(what):
            of_kind = [*islice(once(_hits(searches, meaning)), MOST + 1)]
            hits += of_kind[:MOST]
            more |= len(of_kind) > MOST
        return SearchResult(what=what, hits=tuple(hits), more=more)


def _hits(searches: Iterable[_Search], meaning: Meaning) -> Iterator[Hit]:
    """What is found of one meaning: in the ledger, then in its archives."""
    return chain.from_iterable(search.hits(meaning) for search in searches)


def once(hits: Iterable[Hit]) -> Iterator[Hit]:
    """Give each hit, but once what several campaigns share: a batch's DAG, RECO and ALCA."""
    for what, same in groupby(hits, key=lambda hit: _what(hit) or id(hit)):
        alike = [*same]
        yield _joined(alike) if isinstance(what, tuple) else alike[0]


def _what(hit: Hit) -> tuple[object, ...]:
    """What a hit is about that campaigns share; nothing if it is one campaign's."""
    if hit.dag is None or hit.kind is Kind.PAYLOAD or not hit.dag.is_shared(hit.node):
        return ()
    fate = hit.file.fate if hit.file else None
    job = hit.job.job_id if hit.job else None
    return hit.kind, hit.name, hit.dag.id, hit.node.name if hit.node else None, job, fate


def _joined(alike: Sequence[Hit]) -> Hit:
    """Put together what campaigns tell of the same thing."""
    first, dags = alike[0], [hit.dag for hit in alike if hit.dag]
    nodes = {node.name: node for dag in dags for node in dag.nodes}
    told = {hit.campaign.calibration: hit for hit in alike if hit.campaign}
    return replace(
        first,
        dag=replace(dags[0], nodes=tuple(sorted(nodes.values(), key=_order))),
        calibrations=tuple(told) if first.file else dags[0].made_for,
        payload=None,
        payloads={name: hit.payload for name, hit in told.items() if hit.payload},
    )


def _order(node: NodeStory) -> tuple[int, str]:
    return list(NodeKind).index(node.kind), node.name


class _Search:
    """One search in one file: each campaign's story is read once.

    Of a campaign that was copied into an archive and is still in `main`, that tells.
    """

    def __init__(
        self, ledger: LedgerStories, main: LedgerStories, config: Known, only: Collection[str]
    ) -> None:
        self._ledger = ledger
        self._main = main
        self._config = config
        self._only = only
        self._stories: dict[CampaignKey, Story | None] = {}
        self._of_kind: Mapping[Kind, Callable[[Meaning], Iterator[Hit]]] = {
            Kind.FILE: self._file,
            Kind.LUMIS: self._lumis,
            Kind.RUN: self._run,
            Kind.FILL: self._fill,
            Kind.JOB: self._job,
            Kind.DAG: self._dag,
            Kind.ALCARECO: self._alcareco,
            Kind.PAYLOAD: self._payload,
        }

    def hits(self, meaning: Meaning) -> Iterator[Hit]:
        """What is found of one meaning."""
        return self._of_kind[meaning.kind](meaning)

    def _story(self, key: CampaignKey) -> Story | None:
        if self._only and key.calibration not in self._only:
            return None
        if self._ledger is not self._main and self._main.campaigns.has(key):
            return None
        if key not in self._stories:
            story = self._ledger.story(key)
            self._stories[key] = story and completed(story, self._config, in_flight_only=True)
        return self._stories[key]

    def _all(self, keys: Iterable[CampaignKey]) -> Iterator[Story]:
        return (story for key in keys if (story := self._story(key)))

    def _file(self, meaning: Meaning) -> Iterator[Hit]:
        paths = self._ledger.search.files_named(meaning.text)
        for path in paths or self._ledger.search.files_like(meaning.text, MOST + 1):
            where = self._ledger.raw_files.path_and_run(path)
            keys = self._ledger.search.campaigns_of_path(*where) if where else []
            if not keys:
                yield Hit(kind=Kind.FILE, name=path)
            for story in self._all(keys):
                if file := story.file(path):
                    yield _of_file(path, story, file)

    def _lumis(self, meaning: Meaning) -> Iterator[Hit]:
        for story in self._all(self._ledger.search.campaigns_of_run(meaning.run or 0)):
            told = story.campaign.fates.items()
            fates = {state: those for state, lumis in told if (those := lumis & meaning.lumis)}
            yield Hit(
                kind=Kind.LUMIS,
                name=f"{meaning.run}:{meaning.lumis}",
                campaign=story.campaign,
                lumis=meaning.lumis,
                fates=fates,
                files=tuple(f for f in story.files if f.lumis & meaning.lumis),
                payload=story.in_force,
            )

    def _run(self, meaning: Meaning) -> Iterator[Hit]:
        for story in self._all(self._ledger.search.campaigns_of_run(meaning.run or 0)):
            name = str(meaning.run)
            yield Hit(kind=Kind.RUN, name=name, campaign=story.campaign, payload=story.in_force)

    def _fill(self, meaning: Meaning) -> Iterator[Hit]:
        for story in self._all(self._ledger.search.campaigns_of_fill(meaning.number)):
            name = str(meaning.number)
            yield Hit(kind=Kind.FILL, name=name, campaign=story.campaign, payload=story.in_force)

    def _job(self, meaning: Meaning) -> Iterator[Hit]:
        is_first = "." not in meaning.text or meaning.text.endswith(".0")
        found = self._ledger.search.dags_of_cluster(meaning.number) if is_first else []
        for dagman in found:
            yield from self._whole_dag(dagman, meaning)
        job_id = meaning.text if "." in meaning.text else f"{meaning.text}.0"
        nodes = self._ledger.search.dags_of_job(job_id)
        running = [key for key in self._ledger.search.dags_in_flight() if key not in nodes]
        has_it = {
            file: any(job.job_id == job_id for job in jobs_of(file))
            for file in dict.fromkeys(map(self._file_of, running))
        }
        nodes += [key for key in running if has_it[self._file_of(key)]]
        for key in nodes:
            yield from self._job_of(key, job_id)
        if not found and not nodes and is_first:
            for key in self._ledger.search.rescued_dags(100 * MOST):
                if meaning.number in dag_outcome.clusters(self._file_of(key)):
                    yield from self._whole_dag(key, meaning)

    def _file_of(self, key: DagKey) -> Path:
        folder = run_dir(self._config.site.work_dir, key.stream, key.campaign.run)
        return dag_file(folder, key.number)

    def _whole_dag(self, key: DagKey, meaning: Meaning) -> Iterator[Hit]:
        """A DAG, or the node of it that is meant; a job that is meant is its DAGMan."""
        story = self._story(key.campaign)
        dag = next((d for d in story.dags if d.number == key.number), None) if story else None
        if story is None or dag is None:
            return
        if meaning.node is None:
            name = str(meaning.number) if meaning.kind is Kind.JOB else dag.label
            payload = next((p for p in story.payloads if p.dag == dag.label), None)
            campaign = story.campaign
            yield Hit(kind=meaning.kind, name=name, campaign=campaign, dag=dag, payload=payload)
        elif node := dag.node(meaning.node):
            yield _of_node(Kind.DAG, f"{dag.label}/{node.name}", story, dag, node)

    def _job_of(self, key: DagKey, job_id: str) -> Iterator[Hit]:
        story = self._story(key.campaign)
        for dag in story.dags if story else ():
            for node in dag.nodes if dag.number == key.number else ():
                for job in node.jobs:
                    if story and job.job_id == job_id:
                        yield _of_node(Kind.JOB, job_id, story, dag, node, job)

    def _dag(self, meaning: Meaning) -> Iterator[Hit]:
        for key in self._dags_meant(meaning):
            wanted = meaning.calibration in (None, key.campaign.calibration, key.stream)
            if wanted and meaning.run in (None, key.campaign.run):
                yield from self._whole_dag(key, meaning)

    def _dags_meant(self, meaning: Meaning) -> Iterable[DagKey]:
        if "/" in meaning.text:
            if not meaning.text.startswith(f"{self._ledger.id}/"):
                return []
            stream, run = meaning.calibration or "", meaning.run or 0
            return self._ledger.search.dags_numbered(stream, run, meaning.number)
        if meaning.run is not None:
            stories = self._all(self._ledger.search.campaigns_of_run(meaning.run))
            dags = [(s.campaign, s.dag(meaning.text)) for s in stories]
            return [DagKey(c.key, d.number, c.reconstruction.stream) for c, d in dags if d]
        if meaning.text.startswith("harvest"):
            number = int(meaning.text.removeprefix("harvest"))
            return self._ledger.search.harvest_dags(number, MOST + 1, self._only)
        if meaning.text.startswith("upload"):
            number = int(meaning.text.removeprefix("upload"))
            return self._ledger.search.upload_dags(number, MOST + 1, self._only)
        batch = int(meaning.text.removeprefix("b"))
        return self._ledger.search.dags_of_batch(batch, MOST + 1, self._only)

    def _alcareco(self, meaning: Meaning) -> Iterator[Hit]:
        runs = (
            [meaning.run] if meaning.run is not None else self._ledger.campaigns.latest_runs(MOST)
        )
        for run in runs:
            for story in self._all(self._ledger.search.campaigns_of_run(run)):
                names = (None, story.campaign.calibration, story.campaign.stream)
                wanted = meaning.calibration in names
                if wanted and (made := story.alcareco(meaning.text)):
                    yield _of_node(Kind.ALCARECO, meaning.text, story, *made)

    def _payload(self, meaning: Meaning) -> Iterator[Hit]:
        for key in self._ledger.search.dags_of_payload(meaning.text, MOST + 1):
            story = self._story(key.campaign)
            for payload in story.payloads if story else ():
                if story and (name := payload.hash_that_begins(meaning.text)):
                    dag = story.dag(payload.dag)
                    if dag and dag.number == key.number:
                        yield Hit(
                            kind=Kind.PAYLOAD,
                            name=name,
                            campaign=story.campaign,
                            dag=dag,
                            payload=payload,
                        )


def _of_file(path: str, story: Story, file: FileStory) -> Hit:
    dag = story.dag(file.dag)
    node = dag.node(file.node) if dag else None
    alca = _after(dag, node) if dag and node else None
    return Hit(
        kind=Kind.FILE,
        name=path,
        campaign=story.campaign,
        file=file,
        lumis=file.lumis,
        dag=dag,
        node=node,
        alca=alca,
        payload=story.payload_of(alca.output) if alca else None,
    )


def _of_node(
    kind: Kind,
    name: str,
    story: Story,
    dag: DagStory,
    node: NodeStory,
    job: JobRecord | None = None,
) -> Hit:
    alca = _after(dag, node)
    return Hit(
        kind=kind,
        name=name,
        campaign=story.campaign,
        dag=dag,
        node=node,
        job=job,
        alca=alca if alca is not node else None,
        payload=story.payload_of(alca.output)
        if alca
        else next((p for p in story.payloads if p.dag == dag.label), None),
    )


def _after(dag: DagStory, node: NodeStory) -> NodeStory | None:
    """The ALCA node that a node is, or feeds."""
    alca = (n for n in dag.nodes if n.kind is NodeKind.ALCA)
    return next((n for n in alca if n is node or node.name in n.parents), None)


_ADAPTER: TypeAdapter[SearchResult] = TypeAdapter(SearchResult)


def to_json(found: SearchResult) -> dict[str, Any]:
    """Give the object that ``condorloop find --json`` prints."""
    data: dict[str, Any] = _ADAPTER.dump_python(found, mode="json")
    return data


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema of ``condorloop find --json``."""
    return _ADAPTER.json_schema(mode="serialization")
