"""What became of something, in a short paragraph for each campaign, on the terminal.

Knows how `condorloop.history.search` is shown to people; it reads nothing. Times are UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from condorloop.cli.views.bar import LUMI_STYLES
from condorloop.cli.views.show import DAG_STYLES, NODE_STYLES, number, outcome, since
from condorloop.cli.views.status import CAMPAIGN_STYLES
from condorloop.cli.views.terminal import clock, shortened, text
from condorloop.history.campaign import DagStory, FileStory, NodeStatus, NodeStory, PayloadStory
from condorloop.history.search import Hit, SearchResult
from condorloop.history.search_terms import FORMS, Kind
from condorloop.model.enums import FileState, NodeKind
from condorloop.model.jobs import JobRecord
from condorloop.model.lumi_fates import LumiState
from condorloop.node.job_output.job_end import words_of
from condorloop.text import size


def found_view(found: SearchResult, now: float) -> RenderableType:
    """Lay out all that was found, one thing after the other."""
    lines: list[RenderableType] = []
    for (kind, _), of_it in groupby(found.hits, key=lambda h: (h.kind, h.name)):
        hits = list(of_it)
        lines.append(_TITLES[kind](hits[0], now))
        lines += (Padding(_in_campaign(hit, now), (0, 0, 0, 2), expand=False) for hit in hits)
        if kind in (Kind.RUN, Kind.FILL):
            runs = dict.fromkeys(hit.campaign.run for hit in hits if hit.campaign)
            lines += (text(f"    condorloop show {run}", "bold") for run in runs)
    if found.more:
        lines.append(text("… and more: say more of the name, or name the run or -c CALIBRATION"))
    lines.append(text("(times are UTC)", "bright_black"))
    return Group(*lines)


def not_found(what: str) -> str:
    """Say that nothing was found, and what could be asked for."""
    return f"nothing is known of {what!r}; find understands:\n  " + "\n  ".join(FORMS)


def _in_campaign(hit: Hit, now: float) -> Text:
    if hit.campaign is None:
        return text("no campaign reads its stream and run")
    c, title_names_run = hit.campaign, hit.kind in (Kind.FILE, Kind.LUMIS, Kind.RUN)
    name, whose = c.calibration, ""
    if hit.calibrations:
        name, whose = c.reconstruction.stream, f" ({', '.join(hit.calibrations)})"
    of = name if title_names_run else f"{name} run {c.run}"
    parts = Text("; ").join([*_PARTS[hit.kind](hit, now), *_shared_payloads(hit, now)])
    return Text.assemble(text(of, "bold"), whose, ": ", parts)


def _shared_payloads(hit: Hit, now: float) -> Iterator[Text]:
    """What came of something that calibrations share, by calibration."""
    made = hit.alca or hit.node
    if hit.file and hit.file.fate is LumiState.NOT_MADE:
        return
    for name in hit.calibrations:
        if payload := hit.payloads.get(name):
            yield Text.assemble(f"{name} ", _payload(payload, now))
        elif made and made.kind is NodeKind.ALCA and made.state is NodeStatus.DONE:
            yield text(f"no harvest of {name} has read it yet")


def _file_title(hit: Hit, now: float) -> Text:
    if (file := hit.file) is None:
        return Text.assemble("RAW file ", text(hit.name, "bold"))
    told = [f"run {hit.campaign.run} LS {file.lumis}"] if hit.campaign and file.lumis else []
    told += [f"{number(file.events)} events"] if file.events else []
    told += [size(file.size)] if file.size >= 0 else []
    told += [f"seen {clock(file.seen_at, now)}"]
    state = text(*_file_state(file, now))
    name = text(hit.name, "bold")
    return Text.assemble("RAW file ", name, text(f" ({', '.join(told)}): "), state)


def _file_state(file: FileStory, now: float) -> tuple[str, str]:
    tries = f", probed {file.probes} times" if file.probes > 1 else ""
    last = f", last at {clock(file.probed_at, now)}" if tries else ""
    gone = ", no longer in the listing of storage" if file.gone else ""
    why = f": {file.error}" if file.error else ""
    return f"{file.state}{tries}{last}{gone}{why}", "" if file.state is FileState.GOOD else "red"


def _file_parts(hit: Hit, now: float) -> Iterator[Text]:
    if hit.file is None or hit.campaign is None:
        return
    yield text(hit.file.fate, LUMI_STYLES[hit.file.fate])
    if hit.file.state in (FileState.BAD, FileState.UNREADABLE):
        again = (
            f"condorloop resubmit {hit.campaign.run} -c {hit.campaign.calibration}"
            " --include-quarantined"
        )
        yield Text.assemble("to try it again: ", text(again, "bold"))
    if hit.dag and hit.node:
        dropped = hit.file.path in hit.node.dropped
        yield _node(hit.dag, hit.node, hit.node.last_job, now)
        if dropped:
            yield text("quarantined: the node goes on without it", "magenta")
        else:
            yield from _after_reco(hit, now)


def _after_reco(hit: Hit, now: float) -> Iterator[Text]:
    if hit.alca:
        made = f" → {hit.alca.output}"
        state = hit.alca.state
        yield (
            text(f"{hit.alca.name} ")
            .append_text(text(state, NODE_STYLES.get(state, "")))
            .append(made)
        )
        if hit.node and hit.node.output in hit.alca.dropped:
            yield text("quarantined there: it goes on without this", "magenta")
    if hit.payload:
        yield _payload(hit.payload, now)
    elif hit.alca and hit.alca.state is NodeStatus.DONE and not hit.calibrations:
        yield text("no harvest has read it yet")


def _node(dag: DagStory, node: NodeStory, job: JobRecord | None, now: float) -> Text:
    line = text(f"{dag.label}/{node.name} ")
    line.append_text(text(node.state, NODE_STYLES.get(node.state, "")))
    at = f" {clock(node.done_at, now)}" if node.state is NodeStatus.DONE else ""
    where = f" (job {job.job_id}{' on ' + job.host if job.host else ''}{at})" if job else at
    code = "" if node.exit_code is None else f"exit {node.exit_code}: "
    why = f": {code}{node.error}" if node.error else ""
    held = f": {job.hold_reason}" if job and job.hold_reason else ""
    return line.append_text(text(f"{where}{why}{held}"))


def _payload(payload: PayloadStory, now: float) -> Text:
    said = f"in {payload.harvest}"
    digest = f", payload {payload.hash[:12]}" if payload.hash else ""
    at = f" {clock(payload.answered_at, now)}" if payload.answered_at else ""
    force = ", in force" if payload.in_force else ""
    asked = payload.outcome is not None and payload.outcome.value != "uploaded" and payload.answer
    why = f": {payload.answer}" if asked else ""
    return text(f"{said}{digest} {outcome(payload)}{at}{force}{why}")


def _lumis_parts(hit: Hit, now: float) -> Iterator[Text]:
    fates = hit.fates or {}
    for state, lumis in fates.items():
        of = f" {lumis}" if len(fates) > 1 else ""
        yield text(f"{state}{of}", LUMI_STYLES[state])
    if not fates:
        yield text("not in OMS yet")
    for file in hit.files[:_FEW]:
        where = f" by {file.dag}/{file.node}" if file.dag else ""
        fate = "" if file.fate in fates else f", {file.fate}"
        yield text(f"{file.name} (LS {shortened(str(file.lumis))}){fate}{where}")
    if more := len(hit.files[_FEW:]):
        yield text(f"and {more} more files")
    if not hit.files:
        yield text("no RAW file is known to have it")
        bad = [path.rpartition("/")[2] for path in hit.campaign.bad_files] if hit.campaign else []
        if bad:
            others = f" and {len(bad) - _FEW} more" if len(bad) > _FEW else ""
            yield text(f"a bad file of the run may: {', '.join(bad[:_FEW])}{others}")
    elif hit.payload and hit.lumis & hit.payload.lumis:
        yield _payload(hit.payload, now)


_FEW = 3


def _campaign_parts(hit: Hit, now: float) -> Iterator[Text]:
    if (c := hit.campaign) is None:
        return
    held = f", held by {c.held_by}" if c.held_by else ""
    yield Text.assemble((c.state.value, CAMPAIGN_STYLES[c.state]), text(f"{held}: {c.reason}"))
    last = "?" if c.last_ls is None else str(c.last_ls)
    yield text(f"{len(c.lumis.in_payload)} of {last} LS in payload")
    if hit.payload:
        at = clock(hit.payload.answered_at, now)
        yield text(f"{hit.payload.hash[:12]} of {hit.payload.harvest} uploaded {at}")
    if c.failed_nodes:
        yield text(f"{len(c.failed_nodes)} failed nodes", "red")


def _job_parts(hit: Hit, now: float) -> Iterator[Text]:
    if hit.dag is None:
        return
    if hit.node is None:
        last = hit.name == str(hit.dag.cluster)
        which = "the" if last else f"before {hit.dag.cluster} the"
        yield text(f"{which} DAGMan of {hit.dag.label}")
        yield from _dag_parts(hit, now)
        return
    yield _node(hit.dag, hit.node, hit.job, now)
    if hit.job:
        yield text(_life(hit.job, now))
    if others := len(hit.node.jobs) - 1:
        yield text(f"one of {others + 1} jobs of this node")
    yield from _after_reco(hit, now)


def _life(job: JobRecord, now: float) -> str:
    said = f"submitted {clock(job.submitted_at, now)}"
    if job.started_at:
        said += f", started {clock(job.started_at, now)}"
    if job.removed:
        return f"{said}, removed {clock(job.ended_at, now)}"
    if job.ended_at is None:
        return said
    how = "" if job.exit_code is None else f": {words_of(job.exit_code)}"
    return f"{said}, ended {clock(job.ended_at, now)}{how}"


def _dag_parts(hit: Hit, now: float) -> Iterator[Text]:
    if (dag := hit.dag) is None:
        return
    if hit.node is not None:
        yield _node(dag, hit.node, hit.node.last_job, now)
        yield from _after_reco(hit, now)
        return
    by = f" by {dag.removed_by}" if dag.removed_by else ""
    times = f" {clock(dag.submitted_at, now)}" if dag.submitted_at else ""
    ended = f" to {clock(dag.ended_at, now)}" if dag.ended_at and not dag.in_flight else ""
    rescues = f", {dag.rescues} rescues" if dag.rescues else ""
    job = f", DAGMan {dag.cluster}" if dag.cluster and hit.kind is not Kind.JOB else ""
    said = f"{by}{times}{ended}{rescues}{job} ({dag.reason})"
    yield Text.assemble((dag.state.value, DAG_STYLES[dag.state]), text(said))
    if all(node.state is NodeStatus.DONE for node in dag.nodes):
        yield text(f"all {len(dag.nodes)} nodes done")
    else:
        for kind, told in dag.counts().items():
            yield text(f"{kind} " + ", ".join(f"{n} {s}" for s, n in told.items()))
    for node in [n for n in dag.nodes if n.state in (NodeStatus.FAILED, NodeStatus.HELD)][:_FEW]:
        yield _node(dag, node, node.last_job, now)
    if hit.payload:
        yield _payload(hit.payload, now)


def _payload_parts(hit: Hit, now: float) -> Iterator[Text]:
    if hit.payload is None or hit.campaign is None:
        return
    payload, c = hit.payload, hit.campaign
    yield text(f"made by {payload.dag}")
    events = f"{number(payload.events)} events"
    yield text(f"LS {payload.lumis} ({len(payload.lumis)} LS, {events}), since {since(payload)}")
    yield _payload(payload, now)
    what = f"--payload {payload.hash[:12]}"
    yield text(f"condorloop show {c.run} -c {c.calibration} {what}", "bold")


def _alcareco_parts(hit: Hit, now: float) -> Iterator[Text]:
    if hit.dag and hit.node:
        yield text(f"LS {hit.node.lumis}, {number(hit.node.events)} events")
        yield _node(hit.dag, hit.node, hit.node.last_job, now)
        if hit.payload:
            yield _payload(hit.payload, now)


def _titled(said: str) -> Callable[[Hit, float], Text]:
    return lambda hit, now: Text.assemble(f"{said} ", text(hit.name, "bold"))


_TITLES: Mapping[Kind, Callable[[Hit, float], Text]] = {
    **{kind: _titled(kind.value) for kind in Kind},
    Kind.FILE: _file_title,
    Kind.LUMIS: _titled("LS"),
}
_PARTS: Mapping[Kind, Callable[[Hit, float], Iterator[Text]]] = {
    Kind.FILE: _file_parts,
    Kind.LUMIS: _lumis_parts,
    Kind.RUN: _campaign_parts,
    Kind.FILL: _campaign_parts,
    Kind.JOB: _job_parts,
    Kind.DAG: _dag_parts,
    Kind.ALCARECO: _alcareco_parts,
    Kind.PAYLOAD: _payload_parts,
}
