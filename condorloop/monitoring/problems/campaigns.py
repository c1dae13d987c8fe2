"""Problems of campaigns: what failed, was refused, removed or left out of them; pure."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import CampaignState, HeldFor, UploadOutcome, Verdict
from condorloop.model.problem import Problem, ProblemKind
from condorloop.model.service import CONDITIONS
from condorloop.model.status import CampaignStatus
from condorloop.monitoring.problems.commands import DOCTOR, command
from condorloop.monitoring.problems.concerned import Sharing, concerned


def of_errors(errors: Mapping[CampaignKey, str]) -> Iterator[Problem]:
    """Name the campaigns that cannot go on."""
    for key, error in errors.items():
        yield Problem.of_campaign(ProblemKind.CAMPAIGN, key, f"cannot go on: {error}", DOCTOR)


def of_strangers(
    strangers: Mapping[CampaignKey, tuple[str, ...]], campaigns: Iterable[CampaignStatus] = ()
) -> Iterator[Problem]:
    """Name the directories of DAGs that the ledger does not know, and did not adopt.

    Those of a stream are told of all that share it, whichever campaign of it they are found with.
    """
    sharing = Sharing(campaigns)
    for key, names in strangers.items():
        whose = sharing.all_with(key)
        for name in names:
            text = f"{name} is not adopted: other DAGs of the ledger have its RAW files"
            yield whose.problem(ProblemKind.OVERLAP, text, whose.command("show"), directory=name)


def of_unconfigured(
    campaigns: Iterable[CampaignStatus], configured: Collection[str]
) -> Iterator[Problem]:
    """Name the open campaigns of calibrations that are not configured any more."""
    for campaign in campaigns:
        if campaign.state.open and campaign.calibration not in configured:
            text = f"{campaign.calibration} is not configured: this campaign gets no new DAGs"
            text += " and closes when its window ends"
            validate = "condorloop validate"
            yield Problem.of_campaign(ProblemKind.CAMPAIGN, campaign.key, text, validate)


def of_campaigns(campaigns: Iterable[CampaignStatus]) -> Iterator[Problem]:
    """Name what is wrong with campaigns; what is so of all that share a stream once."""
    all_of_them = tuple(campaigns)
    yield from _bad_files(all_of_them)
    yield from _copies(all_of_them)
    for sharing in Sharing(c for c in all_of_them if c.state is not CampaignState.ABANDONED):
        yield from _shared(sharing)
        for campaign in sharing:
            for find in _OF_ONE:
                yield from find(campaign)


@dataclass(frozen=True, slots=True)
class _Trouble:
    """What is wrong with a DAG or a node, which can be of several campaigns, and what to type."""

    kind: ProblemKind
    text: str
    verb: str
    dag: str | None = None
    node: str | None = None
    path: str | None = None
    person: str | None = None
    option: str = ""


def _shared(campaigns: Collection[CampaignStatus]) -> Iterator[Problem]:
    """Name what is wrong with the campaigns of a stream and run that can be so of several."""
    found: dict[_Trouble, list[CampaignStatus]] = {}
    for find in _OF_SEVERAL:
        for campaign in campaigns:
            for trouble in find(campaign):
                found.setdefault(trouble, []).append(campaign)
    for trouble, those in found.items():
        whose = concerned(those)
        each = trouble.verb == "resubmit"
        typed = whose.command(trouble.verb, trouble.dag, trouble.node, each=each)
        since = {c.state_since for c in those} if trouble.kind is ProblemKind.INCOMPLETE else ()
        yield whose.problem(
            trouble.kind,
            trouble.text,
            f"{typed}{trouble.option}",
            since=min(since, default=None),
            dag=trouble.dag,
            node=trouble.node,
            path=trouble.path,
            person=trouble.person,
        )


def _bad_files(campaigns: Collection[CampaignStatus]) -> Iterator[Problem]:
    told = ((c, path, why) for c in campaigns for path, why in c.bad_files.items())
    for path, (run, why, readers) in _by_path(told).items():
        name = path.rpartition("/")[2]
        find = f"condorloop find {shlex.quote(name)}"
        text = f"bad file {name}: {why}"
        yield _of_file(ProblemKind.BAD_FILE, run, path, text, find, readers)


def _copies(campaigns: Collection[CampaignStatus]) -> Iterator[Problem]:
    told = ((c, path, what) for c in campaigns for path, what in c.copies.items())
    for path, (run, what, readers) in _by_path(told).items():
        text = f"RAW files may be copies: {what}; each of them is used"
        yield _of_file(ProblemKind.COPY, run, path, text, f"condorloop verify {run}", readers)


def _by_path(
    told: Iterable[tuple[CampaignStatus, str, str]],
) -> dict[str, tuple[int, str, list[str]]]:
    """Put together what campaigns tell of a file: its run, the words, and who reads it."""
    found: dict[str, tuple[int, str, list[str]]] = {}
    for campaign, path, words in told:
        _, _, readers = found.get(path, (0, "", []))
        found[path] = campaign.run, words, [*readers, campaign.calibration]
    return found


def _of_file(
    kind: ProblemKind, run: int, path: str, bare_text: str, command: str, readers: Collection[str]
) -> Problem:
    return Problem(
        kind,
        f"run {run}: {bare_text}",
        command,
        run=run,
        path=path,
        bare_text=bare_text,
        calibrations=tuple(sorted(set(readers))),
    )


def _closed_without_all(campaign: CampaignStatus) -> Iterator[_Trouble]:
    if campaign.state in (CampaignState.INCOMPLETE, CampaignState.EXPIRED):
        yield _Trouble(ProblemKind.INCOMPLETE, f"{campaign.state}: {campaign.reason}", "show")


def _no_payload(campaign: CampaignStatus) -> Iterator[Problem]:
    """Name what a person is to look at; that a run has too little data is normal.

    More data can change the answer, so a campaign that is open is left alone.
    """
    told = campaign.no_payload
    if told is None or told.cause.normal or campaign.state.open:
        return
    kept = f"; in force is that of {len(campaign.lumis.in_payload)} LS" if campaign.uploads else ""
    text = f"the last harvest made no payload: {told}{kept}"
    show = command("show", campaign.key)
    since = campaign.state_since
    yield Problem.of_campaign(ProblemKind.NO_PAYLOAD, campaign.key, text, show, since=since)


def _failed_nodes(campaign: CampaignStatus) -> Iterator[_Trouble]:
    """A refused payload is told once for its campaign, not by its nodes."""
    refused = campaign.last_outcome is UploadOutcome.REFUSED
    for name in campaign.failed_nodes:
        if refused and name in campaign.refused_uploads:
            continue
        error = campaign.errors.get(name)
        text = f"{name} failed" + (f": {error}" if error else "")
        yield _of_node(ProblemKind.FAILED, name, text)


def _failed_dags(campaign: CampaignStatus) -> Iterator[_Trouble]:
    for dag in campaign.failed_dags:
        text = f"{dag} failed: DAGMan ended without a result"
        yield _Trouble(ProblemKind.FAILED, text, "analyze", dag)


def _removed(campaign: CampaignStatus) -> Iterator[_Trouble]:
    for dag, who in campaign.removed.items():
        text = f"{dag} was removed by {who}"
        yield _Trouble(ProblemKind.REMOVED, text, "resubmit", dag, person=who)


def _refused(campaign: CampaignStatus) -> Iterator[_Trouble]:
    for dag, why in campaign.refused.items():
        text = f"the schedd rejects {dag} (other DAGs are accepted): {why}"
        yield _Trouble(ProblemKind.REFUSED, text, "analyze", dag)


def _quarantined(campaign: CampaignStatus) -> Iterator[_Trouble]:
    for path in campaign.quarantined:
        text = f"{path.rpartition('/')[2]} is quarantined: it kept failing"
        option = " --include-quarantined"
        yield _Trouble(ProblemKind.QUARANTINED, text, "resubmit", path=path, option=option)


def _taken_out(campaign: CampaignStatus) -> Iterator[Problem]:
    """Name the batches that make nothing for a campaign because it broke what others share."""
    if campaign.taken_out and campaign.not_made:
        dags = ", ".join(campaign.taken_out)
        text = f"{dags} made nothing for it: it broke what others share; LS {campaign.not_made}"
        show = command("show", campaign.key)
        yield Problem.of_campaign(ProblemKind.FAILED, campaign.key, text, show)


def _left_out(campaign: CampaignStatus) -> Iterator[Problem]:
    for name in campaign.left_out:
        text = f"{name} was left out of the harvest: it cannot be used"
        again = f"{command('resubmit', campaign.key)} --include-quarantined"
        yield Problem.of_campaign(ProblemKind.LEFT_OUT, campaign.key, text, again, directory=name)


def _overlaps(campaign: CampaignStatus) -> Iterator[Problem]:
    for name, why in campaign.overlaps.items():
        text = f"{name} was left out of the harvest: {why}"
        show = command("show", campaign.key)
        yield Problem.of_campaign(ProblemKind.OVERLAP, campaign.key, text, show, directory=name)


def _odd_changes(campaign: CampaignStatus) -> Iterator[Problem]:
    """Name the changes of state that no rule allows: they are mistakes of condorloop."""
    for change in campaign.odd_changes:
        text = f"{change}: no rule allows this change of state; please report it"
        show = command("show", campaign.key)
        yield Problem.of_campaign(ProblemKind.STATE, campaign.key, text, show)


def _lacking(campaign: CampaignStatus) -> Iterator[_Trouble]:
    for name, lumis in campaign.lacking.items():
        text = f"{name} did not read LS {lumis} of its input"
        yield _of_node(ProblemKind.LACKING, name, text)


def _upload(campaign: CampaignStatus) -> Iterator[Problem]:
    outcome = campaign.last_outcome
    if outcome not in _NOT_UPLOADED or campaign.uploading:
        return
    silent = outcome is UploadOutcome.NO_ANSWER
    yield Problem.of_campaign(
        ProblemKind.UPLOAD,
        campaign.key,
        f"upload {outcome}: {campaign.last_answer}",
        DOCTOR if silent else command("analyze", campaign.key),
        service=CONDITIONS if silent else None,
        outcome=outcome,
    )


def _gate(campaign: CampaignStatus) -> Iterator[Problem]:
    """Name the best payload that is not sent, if a person is to decide about it, or has."""
    best = campaign.unsent[-1] if campaign.unsent else None
    if best is None or best.held_for not in (HeldFor.GATE, HeldFor.REJECTED):
        return
    if best.decision.startswith(Verdict.APPROVED):
        return  # it is on its way
    if best.decision:
        text, verb = f"{best.harvest} is not sent, {best.decision} ({best.answer})", "show"
    elif best.held_for is HeldFor.REJECTED:
        text, verb = f"{best.harvest} is not sent: {best.answer}", "approve"
    else:
        text, verb = f"{best.harvest} is held: {best.answer}; approve or reject it", "approve"
    yield Problem.of_campaign(
        ProblemKind.GATE,
        campaign.key,
        text,
        command(verb, campaign.key),
        since=best.since,
        directory=best.harvest,
        outcome=best.outcome,
    )


def _restored(campaign: CampaignStatus) -> Iterator[Problem]:
    """Name a payload that a person has put back, so that it is not forgotten."""
    if campaign.restored:
        text = f"{campaign.restored}; no other payload of the run is sent"
        release = f"{command('release', campaign.key)} --restored"
        yield Problem.of_campaign(ProblemKind.HELD, campaign.key, text, release)


def _unnamed_tags(campaign: CampaignStatus) -> Iterator[Problem]:
    """Name the tags of a payload file that go nowhere."""
    for tag in campaign.unnamed_tags:
        text = f"tag {tag} of the payload file goes nowhere: no inputTag names it"
        validate = "condorloop validate"
        yield Problem.of_campaign(ProblemKind.CONFIGURATION, campaign.key, text, validate)


_NOT_UPLOADED = (UploadOutcome.REFUSED, UploadOutcome.NO_ANSWER, UploadOutcome.FAILED)

_OF_SEVERAL: tuple[Callable[[CampaignStatus], Iterator[_Trouble]], ...] = (
    _closed_without_all,
    _failed_nodes,
    _failed_dags,
    _removed,
    _refused,
    _quarantined,
    _lacking,
)
"""What can be wrong with all campaigns that share a stream."""

_OF_ONE: tuple[Callable[[CampaignStatus], Iterator[Problem]], ...] = (
    _no_payload,
    _taken_out,
    _left_out,
    _overlaps,
    _odd_changes,
    _upload,
    _gate,
    _restored,
    _unnamed_tags,
)
"""What can be wrong with one campaign."""


def _of_node(kind: ProblemKind, name: str, text: str) -> _Trouble:
    """Make one of a node, which a campaign's status names by its DAG's label and its own name."""
    dag, node = name.split(" ", 1)
    return _Trouble(kind, text, "analyze", dag, node)
