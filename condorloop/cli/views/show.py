"""A campaign's story on the terminal.

Knows how `condorloop.history.campaign` is shown to people; it reads and decides nothing. Times are
UTC.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from rich.console import Group, RenderableType
from rich.text import Text

from condorloop.cli.views.bar import LumiBar
from condorloop.cli.views.problems import problem_lines
from condorloop.cli.views.status import CAMPAIGN_STYLES, not_made_lines
from condorloop.cli.views.table import Column, FittingTable
from condorloop.cli.views.terminal import clock, counts, duration, text
from condorloop.history.campaign import (
    DagStory,
    NodeStatus,
    NodeStory,
    PayloadStory,
    Story,
)
from condorloop.history.destinations import DestinationPayload, by_destination, differ
from condorloop.history.sharing import SharedStory, grouped
from condorloop.model.enums import DagState, NodeKind, UploadOutcome
from condorloop.model.jobs import DestinationRecord
from condorloop.model.problem import Problem, ProblemKind, by_urgency
from condorloop.model.status import CampaignStatus
from condorloop.monitoring.problems.campaigns import of_campaigns
from condorloop.monitoring.problems.commands import command
from condorloop.text import size

DAG_STYLES = {
    DagState.PLANNED: "cyan",
    DagState.ACTIVE: "cyan",
    DagState.DONE: "green",
    DagState.FAILED: "red",
    DagState.REMOVED: "red",
    DagState.LOST: "yellow",
}
NODE_STYLES = {
    NodeStatus.HELD: "red",
    NodeStatus.FAILED: "red",
    NodeStatus.NOT_RUN: "yellow",
    NodeStatus.DROPPED: "yellow",
    NodeStatus.RUNNING: "cyan",
    NodeStatus.DONE: "green",
}
UPLOAD_STYLES = {
    UploadOutcome.UPLOADED: "green",
    UploadOutcome.REFUSED: "red",
    UploadOutcome.NO_ANSWER: "red",
    UploadOutcome.FAILED: "red",
    UploadOutcome.HELD: "yellow",
    UploadOutcome.PENDING: "yellow",
}
ENDED_WELL = 5
"""How many of the DAGs that are done are shown, and of the payloads that are not in force."""
NAMED = 6
"""How many nodes in one state are named."""


def run_view(stories: Iterable[Story], now: float, *, whole: bool = False) -> RenderableType:
    """Lay out the stories of a run; `whole` shortens no list.

    What campaigns share that share a stream stands once, before theirs.
    """
    views: list[RenderableType] = []
    for group in grouped(stories):
        found = of_campaigns(s.campaign for s in (group.shared or group).stories)
        told = by_urgency(p for p in found if p.kind is not ProblemKind.INCOMPLETE)
        if group.shared:
            of_all = (p for p in told if p.calibration is None)
            views += [Text(), _shared_view(group.shared, of_all, now, whole)]
        for story in group.stories:
            mine = [p for p in told if p.calibration == story.campaign.calibration]
            if group.shared is None:
                mine = list(told)
            views += [Text(), _story_view(story, mine, now, whole, alone=group.shared is None)]
    return Group(*views[1:])


def _story_view(
    story: Story, told: Iterable[Problem], now: float, whole: bool, *, alone: bool
) -> RenderableType:
    """Lay out a story; where it is not `alone`, without what others have, too."""
    most = 10**9 if whole else 3
    found = (_without_itself(p, story) for p in told)
    return Group(
        *_head(story, now, alone=alone),
        *(line for lines in problem_lines(found, now, most) for line in lines),
        Text(),
        LumiBar(story.campaign.fates, whole),
        Text(),
        *_payloads(story, now, whole),
        Text(),
        *_dags(story.dags, now, whole),
        *(_files(story, now) if whole else ()),
    )


def _shared_view(
    shared: SharedStory, told: Iterable[Problem], now: float, whole: bool
) -> RenderableType:
    """Lay out what the campaigns of a stream have in common: its RAW files, RECO and ALCA."""
    first, most = shared.stories[0], 10**9 if whole else 3
    bare = (replace(problem, text=problem.bare_text) for problem in told)
    c = first.campaign
    fill = f", fill {c.fill}" if c.fill else ""
    title = text(f"{shared.key.stream} run {c.run}{fill}: ", "bold")
    title.append_text(text(f"RECO and ALCA of {', '.join(shared.calibrations)} (times are UTC)"))
    return Group(
        title,
        _run_line(c, now),
        _files_line(first),
        *(line for lines in problem_lines(bare, now, most) for line in lines),
        Text(),
        *_dags(shared.dags, now, whole),
    )


def _without_itself(problem: Problem, story: Story) -> Problem:
    """A problem as it is told where the campaign is clear, and not with the command that ran."""
    this = command("show", story.campaign.key)
    return replace(
        problem,
        text=problem.bare_text,
        command="" if problem.command == this else problem.command,
    )


def _head(story: Story, now: float, *, alone: bool) -> Iterator[Text]:
    c = story.campaign
    fill = f", fill {c.fill}" if c.fill else ""
    title = Text.assemble(
        text(f"{c.calibration} run {c.run}{fill}: ", "bold"),
        text(c.state, f"bold {CAMPAIGN_STYLES[c.state]}"),
    )
    yield title.append_text(text(f": {c.reason} (times are UTC)"))
    if c.held_by:
        release = text(f"condorloop release {c.run} -c {c.calibration}", "bold")
        yield Text.assemble(text(f"held by {c.held_by}; to go on: ", "yellow"), release)
    if alone:
        if others := sorted({n for d in story.dags for n in d.made_for} - {c.calibration}):
            yield text(f"stream   {c.stream}, shared with {', '.join(others)}")
        yield _run_line(c, now)
    window = ""
    if c.window_ends:
        left = c.window_ends - now
        when = f"{duration(left)} left" if left > 0 else "over"
        window = f"; window until {clock(c.window_ends, now)} ({when})"
    since = "" if c.state_since == c.latched_at else f", {c.state} {clock(c.state_since, now)}"
    yield text(f"latched  {clock(c.latched_at, now)}{since}{window}")
    if alone:
        yield _files_line(story)
    if story.cleaned:
        yield text(f"cleaned  {', '.join(story.cleaned)}: removed by retention")
    yield from not_made_lines([c])


def _run_line(c: CampaignStatus, now: float) -> Text:
    taken = f"{duration(c.run_end - c.run_start)}" if c.run_end else "it is being taken"
    lumis = "no LS yet" if c.last_ls is None else f"{c.last_ls} LS"
    end = f" to {clock(c.run_end, now)}" if c.run_end else ""
    return text(f"run      {clock(c.run_start, now)}{end} ({taken}, {lumis})")


def _files_line(story: Story) -> Text:
    files = counts(story.campaign.files, ("good", "new", "bad", "unreadable")) or "none"
    known = sum(max(f.size, 0) for f in story.files)
    return text(f"RAW      {files} ({size(known)})")


def number(count: int) -> str:
    """Give a number with its thousands set apart.

    >>> number(1234567)
    '1 234 567'
    """
    return f"{count:,}".replace(",", " ")


def outcome(payload: PayloadStory) -> str:
    """Say how far a payload has come."""
    if payload.outcome is not None:
        cause = f" ({payload.cause})" if payload.cause else ""
        return f"{payload.outcome}{cause}"
    return "harvested" if payload.harvested_at is not None else "being made"


def iov_since(value: int) -> str:
    """Say from when an IOV holds: a run, or a lumisection of one.

    >>> iov_since(398600), iov_since(398600 << 32 | 7)
    ('398600', '398600:7')
    """
    run, lumi = value >> 32, value & 0xFFFFFFFF
    return f"{run}:{lumi}" if run else str(lumi)


def since(payload: PayloadStory) -> str:
    """Say from when a payload holds, and of how many IOVs it is if of several."""
    if payload.since is None:
        return ""
    more = f" ({len(payload.iovs)} IOVs)" if len(payload.iovs) > 1 else ""
    return iov_since(payload.since) + more


def _payloads(story: Story, now: float, whole: bool) -> Iterator[RenderableType]:
    destinations = by_destination(story)
    if differ(destinations):
        for destination in destinations:
            yield in_destination_line(destination, now)
    elif (best := story.in_force) is None:
        yield text("no payload is in the database", "yellow")
    else:
        yield in_force_line(best, now)
    if story.campaign.state.open and (told := story.campaign.no_payload):
        yield text(f"the last harvest made no payload: {told}", "yellow")
    many = not whole and len(story.payloads) > ENDED_WELL + 1
    payloads = sorted(story.payloads, key=lambda p: p.answered_at or p.harvested_at or now)
    shown = payloads[-ENDED_WELL:] if many else payloads
    if not shown:
        return
    if hidden := len(story.payloads) - len(shown):
        yield text(f"({hidden} earlier harvests: --all)", "bright_black")
    yield FittingTable(
        shown,
        (
            Column("harvest", lambda p: text(p.harvest + (" *" if p.in_force else ""))),
            Column("DAG", lambda p: text(p.dag), 3),
            Column("LS", lambda p: text(str(len(p.lumis))), right=True),
            Column("events", lambda p: text(number(p.events)), 4, right=True),
            Column("upload", lambda p: text(outcome(p), _upload_style(p))),
            Column("at", lambda p: text(clock(p.answered_at or p.harvested_at, now))),
            Column("hash", lambda p: text(p.hash[:10]), 1),
            Column("since", lambda p: text(since(p)), 2),
            Column("answer", lambda p: text(p.answer), 5),
        ),
    )
    for payload in shown:
        if payload.origin:
            yield text(f"{payload.harvest} was taken from {payload.origin}")
        if payload.decision:
            yield text(f"{payload.harvest} was {payload.decision}")
        if len({d.outcome for d in payload.destinations}) > 1 or told_of_reading(payload):
            for each in payload.destinations:
                yield text(f"{payload.harvest} {destination_line(each, payload, now)}")


def told_of_reading(payload: PayloadStory) -> bool:
    """Whether a tag that was read back tells otherwise of a payload than what was sent."""
    return any(d.contradiction or was_moved_up(d, payload) for d in payload.destinations)


def was_moved_up(told: DestinationRecord, payload: PayloadStory) -> bool:
    """Whether a destination has a payload from a later since than was asked for."""
    return None not in (told.since, payload.since) and (told.since or 0) > (payload.since or 0)


def destination_line(told: DestinationRecord, payload: PayloadStory, now: float) -> str:
    """Say what became of a payload in one destination."""
    at = f" {clock(told.answered_at, now)}" if told.answered_at else ""
    begins = f", since {iov_since(told.since)}" if told.since is not None else ""
    if was_moved_up(told, payload):
        begins += f" (moved up from {iov_since(payload.since or 0)})"
    read = f", read back {clock(told.confirmed_at, now)}" if told.confirmed_at else ""
    odd = f", but the tag holds: {told.contradiction}" if told.contradiction else ""
    said = f': "{told.answer}"' if told.answer else ""
    return f"to {told.tag} in {told.database}: {told.outcome}{at}{begins}{read}{odd}{said}"


def _upload_style(payload: PayloadStory) -> str:
    return UPLOAD_STYLES.get(payload.outcome, "") if payload.outcome else ""


def in_force_line(payload: PayloadStory, now: float) -> Text:
    """Say which payload a campaign has in the database."""
    tags = f" to {', '.join(payload.tags)}" if payload.tags else ""
    events = f"{number(payload.events)} events"
    said = (
        f" {payload.hash} of {payload.harvest}: LS {payload.lumis} ({len(payload.lumis)} LS, "
        f"{events}), since {since(payload)}, uploaded {clock(payload.answered_at, now)}{tags}"
    )
    return Text.assemble(text("in force", "bold green"), text(said))


def in_destination_line(told: DestinationPayload, now: float) -> Text:
    """Say which payload a campaign has in one of its destinations."""
    why = f"; {told.otherwise}" if told.otherwise else ""
    if told.payload is None:
        return text(f"no payload is in {told.tag}{why}", "yellow")
    payload = told.payload
    mine = (d for d in payload.destinations if (d.database, d.tag) == (told.database, told.tag))
    at = next((d.answered_at for d in mine), payload.answered_at)
    said = (
        f" in {told.tag}: {payload.hash} of {payload.harvest}, LS {payload.lumis} "
        f"({len(payload.lumis)} LS), uploaded {clock(at, now)}{why}"
    )
    return Text.assemble(text("in force", "bold green"), text(said))


def _dags(dags: Sequence[DagStory], now: float, whole: bool) -> Iterator[RenderableType]:
    done = [d for d in dags if d.state is DagState.DONE]
    many = not whole and len(done) > ENDED_WELL + 1
    hidden = {d.number for d in done[:-ENDED_WELL]} if many else set()
    if hidden:
        yield text(f"({len(hidden)} earlier DAGs are done: --all)", "bright_black")
    shown = [d for d in dags if d.number not in hidden]
    if not shown:
        yield text("no DAG yet")
        return
    yield FittingTable(
        shown,
        (
            Column("DAG", lambda d: text(d.label)),
            Column("state", _dag_state),
            Column("submitted", lambda d: text(_submitted(d, now)), 2),
            Column("took", lambda d: text(_took(d, now)), 3, right=True),
            Column("rescues", lambda d: text(str(d.rescues or "")), 5, right=True),
            *(Column(kind.value, _nodes_of(kind), 1) for kind in NodeKind),
            Column("DAGMan", lambda d: text(str(d.cluster or "")), 4, right=True),
            Column("why", lambda d: text(d.reason), 6),
        ),
    )
    if gone := [dag.label for dag in shown if not dag.there]:
        yield text(f"directories that are gone: {', '.join(gone)}", "bright_black")
    yield from _named_nodes(shown, now, whole)


def _dag_state(dag: DagStory) -> Text:
    held = ", held" if dag.held else ""
    by = f" by {dag.removed_by}" if dag.removed_by else ""
    return text(f"{dag.state}{held}{by}", "red" if dag.held else DAG_STYLES[dag.state])


def _submitted(dag: DagStory, now: float) -> str:
    return clock(dag.submitted_at, now) if dag.submitted_at else ""


def _took(dag: DagStory, now: float) -> str:
    if dag.submitted_at is None:
        return ""
    end = now if dag.ended_at is None or dag.in_flight else dag.ended_at
    return duration(max(0.0, end - dag.submitted_at))


def _nodes_of(kind: NodeKind) -> Callable[[DagStory], Text]:
    def cell(dag: DagStory) -> Text:
        told = dag.counts().get(kind, Counter())
        alone = sum(told.values()) == 1
        said = Text()
        for state in (s for s in NodeStatus if told.get(s)):
            said.append(", " if said else "")
            said.append(state if alone else f"{told[state]} {state}", NODE_STYLES.get(state, ""))
        return said

    return cell


def _named_nodes(dags: Sequence[DagStory], now: float, whole: bool) -> Iterator[Text]:
    """Name the nodes that one may look for, with their jobs; all if `whole`."""
    all_of_them = [(d, n) for d in dags for n in d.nodes]
    wanted = tuple(NodeStatus) if whole else (
        NodeStatus.FAILED, NodeStatus.HELD, NodeStatus.RUNNING, NodeStatus.IDLE,
    )  # fmt: skip
    for state in wanted:
        of_state = [(d, n) for d, n in all_of_them if n.state is state]
        named = of_state if whole or len(of_state) <= NAMED + 1 else of_state[:NAMED]
        for dag, node in named:
            yield node_line(dag, node, now)
        if more := len(of_state) - len(named):
            yield text(f"  … and {more} more {state}: --all", NODE_STYLES.get(state, ""))


def node_line(dag: DagStory, node: NodeStory, now: float) -> Text:
    """Say in a line what became of a node, where, and as which job; problems tell why it failed."""
    line = text(f"  {dag.label}/{node.name} ")
    line.append_text(text(node.state, NODE_STYLES.get(node.state, "")))
    return line.append_text(text(f"{_where(node, now)}{_reason(node)}"))


def _where(node: NodeStory, now: float) -> str:
    job = node.last_job
    said = f" {clock(node.done_at, now)}" if node.state is NodeStatus.DONE else ""
    if job is None:
        return said
    if node.state is NodeStatus.RUNNING:
        said = f" since {clock(job.started_at, now)}"
    elif node.state is NodeStatus.IDLE:
        said = f" since {clock(job.submitted_at, now)}"
    host = f" on {job.host}" if job.host else ""
    tries = f", {len(node.jobs)} jobs" if len(node.jobs) > 1 else ""
    return f"{said}: job {job.job_id}{host}{tries}"


def _reason(node: NodeStory) -> str:
    job = node.last_job
    if node.state is NodeStatus.HELD and job and job.hold_reason:
        return f": {job.hold_reason}"
    return f"; did not read LS {node.lacking} of its input" if node.lacking else ""


def _files(story: Story, now: float) -> Iterator[RenderableType]:
    yield Text()
    yield FittingTable(
        story.files,
        (
            Column("RAW file", lambda f: text(f.name)),
            Column("LS", lambda f: text(str(f.lumis))),
            Column("events", lambda f: text(number(f.events)), 3, right=True),
            Column("size", lambda f: text(size(f.size) if f.size >= 0 else "?"), 4, right=True),
            Column("state", lambda f: text(f.fate)),
            Column("node", lambda f: text(f"{f.dag}/{f.node}" if f.dag else ""), 1),
            Column("seen", lambda f: text(clock(f.seen_at, now)), 5),
            Column("why", lambda f: text(f.error), 6),
        ),
    )
