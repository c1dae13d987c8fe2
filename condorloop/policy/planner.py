"""Decide what to do next, from what is known and the clock.

Knows the rules of latching and batching, and the order of what is to be done; when to harvest, to
rescue and to close have modules of their own. It is pure: no input or output, no clock of its own;
the same input gives the same actions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from condorloop.config.calibration import Calibration
from condorloop.config.run_selection import kinds_in_words
from condorloop.config.tuning import Closing
from condorloop.model.campaign import (
    Campaign,
    CampaignKey,
    Dag,
    RawFile,
    Reconstruction,
    Run,
)
from condorloop.model.enums import CampaignState, DagState, UploadOutcome
from condorloop.policy.closure import is_settled, verdict, why_closing
from condorloop.policy.harvest import batch_harvests, why_harvest
from condorloop.policy.piece_due import why_piece
from condorloop.policy.rescue import to_quarantine, to_take_out, why_rescue
from condorloop.policy.uploads import turn_of, unanswered, why_upload
from condorloop.policy.window import closing_rules, ends_at, is_over, is_past, may_be_latched
from condorloop.rundir.layout import harvest_name
from condorloop.text import plural


@dataclass(frozen=True, slots=True)
class Latch:
    """Open a campaign."""

    key: CampaignKey
    run: Run
    reason: str


@dataclass(frozen=True, slots=True)
class SubmitBatch:
    """Put files into a new DAG and submit it.

    `made_for` are the calibrations whose ALCARECO it makes, `harvested_for` the campaigns for which
    it ends with HARVEST and UPLOAD; `campaign` is the one by whose window and room it is planned.
    `again_for` is the calibration for which alone the files are read once more, empty if none is.
    """

    campaign: Campaign
    files: tuple[RawFile, ...]
    reason: str
    made_for: tuple[str, ...]
    harvested_for: tuple[Campaign, ...] = ()
    again_for: str = ""


@dataclass(frozen=True, slots=True)
class SubmitHarvest:
    """Submit a DAG of HARVEST and UPLOAD alone."""

    campaign: Campaign
    reason: str


@dataclass(frozen=True, slots=True)
class SubmitUpload:
    """Submit a DAG of one UPLOAD: that of the payload which the DAG `harvest` has made.

    `turn` says that the order of its tags lets it go. `piece` is the last lumisection that is
    awaited no more, where what is settled of it goes up before the run's end; None where all goes.
    """

    campaign: Campaign
    harvest: int
    reason: str
    turn: bool = False
    piece: int | None = None


@dataclass(frozen=True, slots=True)
class Rescue:
    """Submit a failed DAG again; only what failed runs again.

    `without` has the inputs, by node, that are quarantined: their nodes go on without them.
    `taken_out` are the calibrations for which nothing is made any more: they break what all share.
    """

    campaign: Campaign
    dag: Dag
    reason: str
    without: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    taken_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SetState:
    """Move a campaign to another state."""

    campaign: Campaign
    state: CampaignState
    reason: str


Action = Latch | SubmitBatch | SubmitHarvest | SubmitUpload | Rescue | SetState

FOR_PROBES = 5.0
"""Seconds for which files wait, on an idle pool, for those whose probes are under way: files that
came together are to be in one DAG, and one that cannot be read is not to keep the others."""

HELD_ROOM = 4
"""How many times `max_active_dags` there may be with the DAGs that held jobs keep from moving."""


def decide(
    now: float,
    runs: Iterable[Run],
    known: frozenset[CampaignKey],
    reconstructions: Sequence[Reconstruction],
    calibrations: Mapping[str, Calibration],
) -> list[Action]:
    """Decide what is to be done: which runs to latch, then what each reconstruction needs.

    Parameters
    ----------
    now
        Seconds since the epoch.
    runs, known
        As `decide_latches` takes them.
    reconstructions
        Those with work to do, in the order in which they are to be served, with their campaigns:
        the open ones, and closed ones for which a file showed up within the window.
    calibrations
        The configured calibrations by name.

    Returns
    -------
    list of Action
        In the order in which they are to be carried out, each with its reason.
    """
    actions: list[Action] = [*decide_latches(now, runs, known, calibrations)]
    for reconstruction in reconstructions:
        actions += decide_reconstruction(now, reconstruction, calibrations)
    return actions


def decide_latches(
    now: float,
    runs: Iterable[Run],
    known: frozenset[CampaignKey],
    calibrations: Mapping[str, Calibration],
) -> list[Latch]:
    """Decide which runs to latch, the oldest first.

    Parameters
    ----------
    runs
        What OMS says of recent runs; empty when it did not answer.
    known
        The campaigns of these runs that were ever latched: none is latched twice.
    """
    latches = []
    for run in sorted(runs, key=lambda r: r.number):
        for name, calibration in calibrations.items():
            key = CampaignKey(name, run.number)
            if key not in known and (reason := _why_latch(now, run, calibration)):
                latches.append(Latch(key, run, reason))
    return latches


def decide_reconstruction(
    now: float, reconstruction: Reconstruction, calibrations: Mapping[str, Calibration]
) -> list[Action]:
    """Decide what a reconstruction needs: RECO and ALCA once, all else for each campaign of it.

    One whose calibration is not configured can only close.
    """
    shared = _shared_work(now, reconstruction, calibrations)
    actions: list[Action] = []
    again: list[Action] = []
    for campaign in reconstruction.campaigns:
        if configured := calibrations.get(campaign.key.calibration):
            alone = list(_read_again(now, campaign, configured))
            actions += _decide_campaign(now, campaign, configured, [*shared, *alone])
            again += alone
        elif campaign.state.open:
            actions += _close(now, campaign, closing_rules(campaign.key, calibrations), None)
    return actions + shared + again


def _shared_work(
    now: float, reconstruction: Reconstruction, calibrations: Mapping[str, Calibration]
) -> list[Action]:
    """The rescues of batches, or the next batch, as long as a campaign wants them."""
    wanting = [
        (_in_hand(now, campaign, calibration.closing), calibration)
        for campaign in reconstruction.campaigns
        if (calibration := calibrations.get(campaign.key.calibration))
        and _goes_on(now, campaign, calibration)
    ]
    if not wanting:
        return []
    lead, calibration = max(wanting, key=lambda each: ends_at(each[0], each[1].closing))
    if lead.shares:  # what is a calibration's alone takes no batch's place
        lead = replace(lead, dags=tuple(d for d in lead.dags if d.is_of_all))
    if rescues := list(_rescues(now, lead, calibration, [d for d in lead.dags if _shares(d)])):
        return [*rescues]
    if reason := _why_batch(now, lead, calibration):
        files = tuple(w.file for w in lead.waiting)
        harvested_for = tuple(c for c, own in wanting if batch_harvests(c, own))
        made_for = tuple(_made_for(reconstruction, calibrations))
        return [SubmitBatch(lead, files, reason, made_for, harvested_for)]
    return []


def _read_again(now: float, campaign: Campaign, calibration: Calibration) -> Iterator[Action]:
    """The batch of what a campaign missed, for it alone: a person has asked for that."""
    if not campaign.again or not _goes_on(now, campaign, calibration):
        return
    if _room(campaign, calibration) <= 0:
        return
    files, name = tuple(w.file for w in campaign.again), campaign.key.calibration
    harvests = batch_harvests(replace(campaign, waiting=campaign.again), calibration)
    yield SubmitBatch(
        campaign,
        files,
        f"{plural(len(files), 'file')} once more for {name}, which missed them",
        made_for=(name,),
        harvested_for=(campaign,) if harvests else (),
        again_for=name,
    )


def _goes_on(now: float, campaign: Campaign, calibration: Calibration) -> bool:
    """Whether anything is begun for a campaign: it is open, not held, and its window not past."""
    return (
        campaign.state.open
        and not campaign.held_by
        and not is_past(now, campaign, calibration.closing)
    )


def _shares(dag: Dag) -> bool:
    """Whether a DAG is a batch's, with RECO and ALCA that are to be made."""
    return dag.is_of_all and not dag.made


def _made_for(
    reconstruction: Reconstruction, calibrations: Mapping[str, Calibration]
) -> Iterator[str]:
    """The calibrations whose ALCARECO a batch is to make: those that are switched on.

    A campaign that is to come has its share, if what OMS says of the run does not exclude it.
    """
    campaigns = {c.key.calibration: c for c in reconstruction.campaigns}
    for name, calibration in sorted(calibrations.items()):
        if calibration.stream_name != reconstruction.key.stream:
            continue
        if name in campaigns:
            if campaigns[name].state.open:
                yield name
        elif calibration.runs.matches(reconstruction.fill_type, reconstruction.l1_hlt_mode):
            yield name


def _decide_campaign(
    now: float, campaign: Campaign, calibration: Calibration, shared: Sequence[Action]
) -> list[Action]:
    closing = calibration.closing
    if not campaign.state.open:
        over = is_over(now, campaign, closing)
        reopened = None if over else _why_reopen(campaign)
        return [SetState(campaign, CampaignState.ACTIVE, reopened)] if reopened else []
    campaign = _in_hand(now, campaign, closing)
    if campaign.held_by:
        return (
            _close(now, campaign, closing, calibration) if is_over(now, campaign, closing) else []
        )
    if work := _work(now, campaign, calibration, shared):
        return work
    return [] if shared else _close(now, campaign, closing, calibration)


def _in_hand(now: float, campaign: Campaign, closing: Closing) -> Campaign:
    """A campaign; once its window has ended, without files that were not found good before."""
    if not is_over(now, campaign, closing):
        return campaign
    end = ends_at(campaign, closing)
    return replace(campaign, waiting=tuple(w for w in campaign.waiting if w.since < end))


def _close(
    now: float, campaign: Campaign, closing: Closing, calibration: Calibration | None
) -> list[Action]:
    """Move a campaign towards its end, if it is time; without its `calibration` only the window."""
    reason = why_closing(now, campaign, closing)
    if calibration is None and not is_over(now, campaign, closing):
        return []
    if campaign.state is CampaignState.ACTIVE:
        return [SetState(campaign, CampaignState.CLOSING, reason)] if reason else []
    if not reason and campaign.run_end is None:
        return [SetState(campaign, CampaignState.ACTIVE, "OMS says that the run goes on")]
    if is_settled(now, campaign, closing, calibration):
        return [SetState(campaign, *verdict(now, campaign, closing))]
    return []


def _work(
    now: float, campaign: Campaign, calibration: Calibration, shared: Sequence[Action]
) -> list[Action]:
    """What a campaign alone is to have in the queue; nothing while a person holds it."""
    if is_past(now, campaign, calibration.closing):
        return []
    return [
        *_uploads(now, campaign, calibration),
        *_own_work(now, campaign, calibration, shared),
    ]


def _uploads(now: float, campaign: Campaign, calibration: Calibration) -> Iterator[Action]:
    """The payload that is due to be sent; its DAG takes no room, for it is one short local job."""
    if due := why_upload(now, campaign, turn_of(calibration)):
        unsent, reason = due
        its_turn = unsent.outcome is UploadOutcome.PENDING
        yield SubmitUpload(campaign, unsent.harvest, reason, its_turn)
    elif failed := unanswered(campaign):
        reason = f"{harvest_name(failed.harvest)}: its UPLOAD got no answer in {failed.label}"
        yield SubmitUpload(campaign, failed.harvest, reason)
    elif piece := why_piece(now, campaign, calibration):
        yield SubmitUpload(campaign, piece.unsent.harvest, piece.reason, piece=piece.gone)


def _own_work(
    now: float, campaign: Campaign, calibration: Calibration, shared: Sequence[Action]
) -> list[Action]:
    """Rescues of a campaign's own DAGs, or a harvest, unless a batch is about to harvest."""
    own = [d for d in campaign.dags if not d.is_of_all and not d.made]
    if rescues := list(_rescues(now, campaign, calibration, own)):
        return [*rescues]
    if shared and not campaign.shares:
        return []
    batches = (each for each in shared if isinstance(each, SubmitBatch))
    if any(campaign.id == harvested.id for each in batches for harvested in each.harvested_for):
        return []
    if _room(campaign, calibration) > 0 and (reason := why_harvest(now, campaign, calibration)):
        return [SubmitHarvest(campaign, reason)]
    return []


def _why_reopen(campaign: Campaign) -> str | None:
    if campaign.state is CampaignState.ABANDONED or campaign.cleaned:
        return None
    if campaign.waiting:
        return f"{plural(len(campaign.waiting), 'new file')} showed up after closing"
    if campaign.revised:
        return f"OMS says after closing: {campaign.revised}"
    return None


def _room(campaign: Campaign, calibration: Calibration) -> int:
    """How many more DAGs the campaign may have; those that do not move take little of it."""
    most = calibration.batching.max_active_dags
    dags = [d for d in campaign.dags if d.sends is None and not d.made]
    moving = most - sum(d.moves for d in dags)
    return min(moving, HELD_ROOM * most - sum(d.in_flight for d in dags))


def _rescues(
    now: float, campaign: Campaign, calibration: Calibration, dags: Iterable[Dag]
) -> Iterator[Action]:
    failed = [d for d in dags if d.state is DagState.FAILED]
    if not failed or is_over(now, campaign, calibration.closing):
        return
    room = _room(campaign, calibration)
    for dag in failed:
        if room <= 0:
            return
        taken_out = to_take_out(dag)
        without: Mapping[str, tuple[str, ...]] = {}
        if taken_out:
            reason = f"without {', '.join(taken_out)}: what all share breaks by it"
        elif without := to_quarantine(campaign, dag, calibration):
            given_up = ", ".join(p.rpartition("/")[2] for ps in without.values() for p in ps)
            reason = f"without {given_up}, which keeps failing"
        elif not (reason := why_rescue(now, campaign, dag, calibration) or ""):
            continue
        room -= 1
        yield Rescue(campaign, dag, reason, without, taken_out)


def why_not_latch(now: float, run: Run, calibration: Calibration) -> str | None:
    """Say what keeps a run from being latched; None if nothing does."""
    wanted = calibration.runs
    age = now - run.start
    if run.fill_type not in wanted.fill_types:
        return f"fill type {run.fill_type!r}, not {kinds_in_words(wanted.fill_types)}"
    if run.l1_hlt_mode not in wanted.modes:
        return f"L1/HLT mode {run.l1_hlt_mode!r}, not {kinds_in_words(wanted.modes)}"
    if wanted.stable_beam and not run.stable_beam:
        return "no stable beams"
    if not may_be_latched(now, run, calibration):
        return f"started {age / 3600:.1f} h ago, outside the buffer"
    if run.end is not None and (run.last_ls or 0) < wanted.min_ls:
        return f"ended with {run.last_ls or 0} LS, fewer than {wanted.min_ls}"
    return None


def _why_latch(now: float, run: Run, calibration: Calibration) -> str | None:
    if why_not_latch(now, run, calibration):
        return None
    if run.end is None:
        return f"{run.fill_type} {run.l1_hlt_mode}, running"
    return f"{run.fill_type} {run.l1_hlt_mode}, ended with {run.last_ls} LS"


def _why_batch(now: float, campaign: Campaign, calibration: Calibration) -> str | None:
    batching = calibration.batching
    if not campaign.waiting or _room(campaign, calibration) <= 0:
        return None
    running = any(d.moves and d.sends is None and not d.made for d in campaign.dags)
    files = len(campaign.waiting)
    new = plural(files, "new file")
    waited = now - min(w.since for w in campaign.waiting)
    if not running and (not campaign.probing or waited >= FOR_PROBES):
        return f"{new} and no active DAG"
    events = sum(w.file.events for w in campaign.waiting)
    if files >= batching.full_dag or events >= batching.full_dag_events:
        return f"{new}, a full DAG"
    if waited >= batching.batch_window:
        return f"{new}, the first {waited:.0f} s ago"
    if campaign.run_end is not None and not campaign.probing:
        return f"{new} and the run has ended"
    return None
