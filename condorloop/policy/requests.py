"""What people ask for, as acts: which campaigns, DAGs and jobs are meant, and in which words.

Knows how a DAG or a node is named, and what can be asked of a campaign in which state. It is pure:
a command shows with it what would be done, the submitter does it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from condorloop.model.campaign import Campaign, Dag, DagOutline
from condorloop.model.enums import Artifact, CampaignState, DagState, NodeKind, RequestKind
from condorloop.model.request import ALL_RUNS, Request


@dataclass(frozen=True, slots=True)
class Subject:
    """A campaign that something is asked of, with all of its DAGs and their nodes by name."""

    campaign: Campaign
    outline: tuple[DagOutline, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """A DAG that is acted on; with a `node`, only the jobs of that."""

    dag: Dag
    node: str | None = None

    def __str__(self) -> str:
        return f"{self.dag.label}/{self.node}" if self.node else self.dag.label


@dataclass(frozen=True, slots=True)
class Resubmit:
    """Run DAGs again, and with `files` give those that were given up another try."""

    campaign: Campaign
    dags: tuple[Dag, ...]
    files: bool
    accept_destination: bool = False

    def __str__(self) -> str:
        words = [f"run again {', '.join(map(_why_again, self.dags))}"] if self.dags else []
        if self.files:
            words.append("give files that were given up another try")
        if not self.campaign.state.open:
            words.append(f"reopen the campaign, which is {self.campaign.state}")
        return f"{self.campaign.key}: {'; '.join(words)}"


@dataclass(frozen=True, slots=True)
class Hold:
    """Put jobs on hold, and with `whole` begin nothing new for the campaign."""

    campaign: Campaign
    targets: tuple[Target, ...]
    whole: bool
    running: bool

    def __str__(self) -> str:
        words = ["begin no DAG, rescue or harvest"] if self.whole else []
        if self.targets:
            which = "all jobs" if self.running else "the jobs that do not run yet"
            words.append(f"hold {which} of {_list(self.targets)}")
        return f"{self.campaign.key}: {'; '.join(words)}"


@dataclass(frozen=True, slots=True)
class Release:
    """Let jobs go on that are on hold for whatever reason, and with `whole` the campaign."""

    campaign: Campaign
    targets: tuple[Target, ...]
    whole: bool

    def __str__(self) -> str:
        words = [f"go on, which {self.campaign.held_by} holds"] if self.whole else []
        if self.targets:
            words.append(f"release all held jobs of {_list(self.targets)}")
        return f"{self.campaign.key}: {'; '.join(words)}"


@dataclass(frozen=True, slots=True)
class Abandon:
    """Take DAGs out of the queue for good, and with `whole` give the campaign up."""

    campaign: Campaign
    dags: tuple[Dag, ...]
    whole: bool
    reason: str

    def __str__(self) -> str:
        words = ["give it up"] if self.whole else []
        if busy := [d.label for d in self.dags if d.in_flight]:
            words.append(f"remove {', '.join(busy)} from the queue")
        if failed := [d.label for d in self.dags if not d.in_flight]:
            words.append(f"do not rescue {', '.join(failed)}")
        return f"{self.campaign.key}: {'; '.join(words)}"


Act = Resubmit | Hold | Release | Abandon


@dataclass(frozen=True, slots=True)
class Plan:
    """What a request comes to: acts, and why there is none where there is none."""

    acts: tuple[Act, ...]
    remarks: tuple[str, ...] = ()
    standing: str = ""
    """What holds for campaigns that are not there yet, empty if nothing changes for them."""
    destinations: tuple[str, ...] = ()
    """Where payloads go of what is submitted again or goes on, in words."""

    @property
    def words(self) -> tuple[str, ...]:
        """What is to be done."""
        return tuple(filter(None, (self.standing, *map(str, self.acts))))


def plan(
    request: Request, subjects: Sequence[Subject], runs: Sequence[int] = (), held_by: str = ""
) -> Plan:
    """Say what a request comes to.

    Parameters
    ----------
    subjects
        All campaigns of its run; of a whole calibration, those that are open.
    runs
        The latest runs that have campaigns, to be named where the run has none.
    held_by
        Who holds the whole calibration, empty if nobody does.
    """
    if request.calibration and request.run == ALL_RUNS:
        return _of_calibration(request, request.calibration, subjects, held_by)
    if not subjects:
        there = f"; the latest are {', '.join(map(str, runs))}" if runs else ""
        return Plan((), (f"run {request.run}: no campaign of it is known here{there}",))
    name = request.calibration
    meant = [s for s in subjects if name in (None, s.campaign.key.calibration)]
    if not meant:
        there = ", ".join(s.campaign.key.calibration for s in subjects)
        return Plan((), (f"run {request.run}: no campaign of {name}; there are {there}",))
    decided = [_decide(request, subject) for subject in meant]
    acts = tuple(each for each in decided if not isinstance(each, str))
    remarks = [
        f"{s.campaign.key}: {each}"
        for s, each in zip(meant, decided, strict=True)
        if isinstance(each, str)
    ]
    return Plan(acts, tuple(remarks))


def _decide(request: Request, subject: Subject) -> Act | str:
    if subject.campaign.archived:
        return "it is archived: it can be looked at, and nothing more is done for it"
    return _ACTS[request.kind](request, subject)


def _of_calibration(request: Request, name: str, subjects: Sequence[Subject], held_by: str) -> Plan:
    """What is asked of all open campaigns of a calibration, and of those to come."""
    decided = [(s.campaign.key, _decide(request, s)) for s in subjects]
    acts = tuple(each for _, each in decided if not isinstance(each, str))
    standing = ""
    if request.kind is RequestKind.HOLD and not held_by:
        standing = f"{name}: hold each campaign that is latched from now on"
    if request.kind is RequestKind.RELEASE and held_by:
        standing = f"{name}: let each run that comes go on, which {held_by} holds"
    if acts or standing:
        return Plan(acts, (), standing)
    remarks = tuple(f"{key}: {why}" for key, why in decided if isinstance(why, str))
    return Plan((), remarks or (f"{name}: no campaign of it is open",))


def _resubmit(request: Request, subject: Subject) -> Act | str:
    """What failed, or was removed by a person, runs again; nothing that is under way."""
    campaign = subject.campaign
    if campaign.held_by:
        release = f"condorloop release {campaign.key.run} -c {campaign.key.calibration}"
        return f"{campaign.held_by} holds it; first {release}"
    if gone := sorted(campaign.cleaned & _NEEDED):
        return f"it cannot be run again: its {', '.join(gone)} were cleaned up"
    named = _named(request.node, subject)
    if isinstance(named, str):
        return named
    ended = (t for t in named if t.dag.state in (DagState.FAILED, DagState.REMOVED))
    dags = tuple(t.dag for t in ended if t.node is None or t.node in t.dag.failed_nodes)
    reopened = campaign.state is CampaignState.ABANDONED and request.node is None
    if not dags and not request.everything and not reopened:
        return f"{request.node} did not fail" if request.node else "nothing of it failed"
    return Resubmit(campaign, dags, request.everything, request.accept_destination)


_NEEDED = frozenset({Artifact.ALCARECO, Artifact.DAGS, Artifact.RUNS})
"""What a campaign that runs again has to have."""


def _hold(request: Request, subject: Subject) -> Act | str:
    campaign = subject.campaign
    targets = _in_flight(request.node, subject)
    if isinstance(targets, str):
        return targets
    whole = request.node is None and campaign.state.open
    if not targets and not whole:
        return f"it is {campaign.state}: there is nothing to hold"
    return Hold(campaign, targets, whole, request.everything)


def _release(request: Request, subject: Subject) -> Act | str:
    campaign = subject.campaign
    targets = _in_flight(request.node, subject)
    if isinstance(targets, str):
        return targets
    whole = request.node is None and bool(campaign.held_by)
    if not targets and not whole:
        return "nothing of it is on hold"
    return Release(campaign, targets, whole)


def _abandon(request: Request, subject: Subject) -> Act | str:
    campaign = subject.campaign
    if request.node is None:
        dags = tuple(d for d in campaign.dags if d.in_flight)
        if campaign.state is CampaignState.COMPLETE and not dags:
            return "it is complete: there is nothing to abandon"
        if campaign.state is CampaignState.ABANDONED and not dags:
            return f"it is abandoned already, {campaign.reason}"
        return Abandon(campaign, dags, True, request.reason)
    named = _named(request.node, subject)
    if isinstance(named, str):
        return named
    if any(t.node for t in named):
        return f"{request.node} is a node; what can be abandoned is a DAG: {named[0].dag.label}"
    dags = tuple(t.dag for t in named if t.dag.in_flight or t.dag.state is DagState.FAILED)
    if not dags:
        return f"{request.node} is {named[0].dag.state}: there is nothing to abandon"
    return Abandon(campaign, dags, False, request.reason)


_ACTS: Mapping[RequestKind, Callable[[Request, Subject], Act | str]] = {
    RequestKind.RESUBMIT: _resubmit,
    RequestKind.HOLD: _hold,
    RequestKind.RELEASE: _release,
    RequestKind.ABANDON: _abandon,
}


def _in_flight(node: str | None, subject: Subject) -> tuple[Target, ...] | str:
    """The targets of a name that can have jobs in the queue; if a name has none, why."""
    named = _named(node, subject)
    if isinstance(named, str):
        return named
    targets = tuple(t for t in named if t.dag.in_flight)
    if named and node and not targets:
        return f"{node} is not in the queue: {_states({t.dag.label: t.dag.state for t in named})}"
    return targets


def _named(node: str | None, subject: Subject) -> tuple[Target, ...] | str:
    """What a name means among the DAGs that are not done: ``b003``, ``RECO_0001``, or both.

    A name that means nothing, or only what is done, is answered by what there is.
    """
    dags = {d.label: d for d in subject.campaign.dags}
    if node is None:
        return tuple(map(Target, dags.values()))
    outline = {o.label: o for o in subject.outline}
    found = meant(node, outline)
    if not found:
        return unknown(node, outline)
    targets = tuple(Target(dags[each], name) for each, name in found.items() if each in dags)
    return targets or f"{node}: {_states({each: outline[each].state for each in found})}"


def meant(node: str, outline: Mapping[str, DagOutline]) -> dict[str, str | None]:
    """Which DAGs of an outline a name means, and of each which node, None for all of it."""
    if node in outline:
        return {node: None}
    label, _, name = node.rpartition("/")
    return {each: name for each, o in outline.items() if name in o.nodes and label in ("", each)}


def unknown(node: str, outline: Mapping[str, DagOutline]) -> str:
    """Say of a name that means nothing what there is."""
    label = node.rpartition("/")[0]
    if label in outline:
        return f"no node {node}; {label} has {_spans(outline[label].nodes)}"
    if not outline:
        return f"no {node}; it has no DAG yet"
    nodes = sorted({name for o in outline.values() for name in o.nodes})
    states = _states({o.label: o.state for o in outline.values()})
    return f"no {node}; there are {states}, with {_spans(nodes)}"


def _states(dags: Mapping[str, DagState]) -> str:
    """DAGs by state, such as ``b000 … b004 done, b005 active``."""
    by_state: dict[DagState, list[str]] = {}
    for label, state in dags.items():
        by_state.setdefault(state, []).append(label)
    return ", ".join(f"{_shortened(labels)} {state}" for state, labels in by_state.items())


def _spans(names: Iterable[str]) -> str:
    """Nodes by kind, such as ``RECO_0000 … RECO_0007, ALCA_0000, HARVEST``."""
    by_kind: dict[str, list[str]] = {}
    for name in names:
        by_kind.setdefault(name.partition("_")[0], []).append(name)
    return ", ".join(_shortened(by_kind[kind]) for kind in NodeKind if kind in by_kind)


def _shortened(names: Sequence[str]) -> str:
    return f"{names[0]} … {names[-1]}" if len(names) > 2 else ", ".join(names)


def _why_again(dag: Dag) -> str:
    if dag.removed_by:
        return f"{dag.label} (removed by {dag.removed_by})"
    return f"{dag.label} ({', '.join(dag.failed_nodes) or 'it ended without a result'})"


def _list(targets: Iterable[Target]) -> str:
    return ", ".join(map(str, targets))
