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
from condorloop.model.campaign import Campaign, CampaignKey, Dag, RawFile, Run
from condorloop.model.enums import CampaignState, DagState, UploadOutcome
from condorloop.policy.closure import is_settled, verdict, why_closing
from condorloop.policy.harvest import batch_harvests, why_harvest
from condorloop.policy.piece_due import why_piece
from condorloop.policy.rescue import to_quarantine, why_rescue
from condorloop.policy.uploads import turn_of, why_upload
from condorloop.policy.window import closing_rules, ends_at, is_over, is_past, may_be_latched
from condorloop.text import plural


@dataclass(frozen=True, slots=True)
class Latch:
    """Open a campaign."""

    key: CampaignKey
    run: Run
    reason: str


@dataclass(frozen=True, slots=True)
class SubmitBatch:
    """Put files into a new DAG and submit it; `harvest` says whether that ends with HARVEST."""

    campaign: Campaign
    files: tuple[RawFile, ...]
    reason: str
    harvest: bool = True


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
    """

    campaign: Campaign
    dag: Dag
    reason: str
    without: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


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
    campaigns: Sequence[Campaign],
    calibrations: Mapping[str, Calibration],
) -> list[Action]:
    """Decide what is to be done: which runs to latch, then what each campaign needs.

    Parameters
    ----------
    now
        Seconds since the epoch.
    runs, known
        As `decide_latches` takes them.
    campaigns
        Those with work to do, in the order in which they are to be served: the open ones, and
        closed ones for which a file showed up within the window.
    calibrations
        The configured calibrations by name.

    Returns
    -------
    list of Action
        In the order in which they are to be carried out, each with its reason.
    """
    actions: list[Action] = [*decide_latches(now, runs, known, calibrations)]
    for campaign in campaigns:
        actions += decide_campaign(now, campaign, calibrations)
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


def decide_campaign(
    now: float, campaign: Campaign, calibrations: Mapping[str, Calibration]
) -> list[Action]:
    """Decide what one campaign needs; one whose calibration is not configured can only close."""
    configured = calibrations.get(campaign.key.calibration)
    if configured is not None:
        return _decide_campaign(now, campaign, configured)
    if campaign.state.open:
        return _close(now, campaign, closing_rules(campaign.key, calibrations), None)
    return []


def _decide_campaign(now: float, campaign: Campaign, calibration: Calibration) -> list[Action]:
    closing = calibration.closing
    over = is_over(now, campaign, closing)
    if not campaign.state.open:
        reopened = None if over else _why_reopen(campaign)
        return [SetState(campaign, CampaignState.ACTIVE, reopened)] if reopened else []
    if over:
        campaign = _in_hand(campaign, closing)
    if not campaign.held_by and (work := _work(now, campaign, calibration)):
        return work
    if campaign.held_by and not over:
        return []
    return _close(now, campaign, closing, calibration)


def _in_hand(campaign: Campaign, closing: Closing) -> Campaign:
    """A campaign whose window has ended, without the files that were not found good before."""
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


def _work(now: float, campaign: Campaign, calibration: Calibration) -> list[Action]:
    """What is to be put into the queue: nothing of this is done while a person holds a campaign."""
    if is_past(now, campaign, calibration.closing):
        return []
    return [*_uploads(now, campaign, calibration), *_other_work(now, campaign, calibration)]


def _uploads(now: float, campaign: Campaign, calibration: Calibration) -> Iterator[Action]:
    """The payload that is due to be sent; its DAG takes no room, for it is one short local job."""
    if due := why_upload(now, campaign, turn_of(calibration)):
        unsent, reason = due
        its_turn = unsent.outcome is UploadOutcome.PENDING
        yield SubmitUpload(campaign, unsent.harvest, reason, its_turn)
    elif piece := why_piece(now, campaign, calibration):
        yield SubmitUpload(campaign, piece.unsent.harvest, piece.reason, piece=piece.gone)


def _other_work(now: float, campaign: Campaign, calibration: Calibration) -> list[Action]:
    if rescues := list(_rescues(now, campaign, calibration)):
        return rescues
    if reason := _why_batch(now, campaign, calibration):
        files = tuple(w.file for w in campaign.waiting)
        return [SubmitBatch(campaign, files, reason, batch_harvests(campaign, calibration))]
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
    dags = [d for d in campaign.dags if d.sends is None]
    moving = most - sum(d.moves for d in dags)
    return min(moving, HELD_ROOM * most - sum(d.in_flight for d in dags))


def _rescues(now: float, campaign: Campaign, calibration: Calibration) -> Iterator[Action]:
    failed = [d for d in campaign.dags if d.state is DagState.FAILED]
    if not failed or is_over(now, campaign, calibration.closing):
        return
    room = _room(campaign, calibration)
    for dag in failed:
        if room <= 0:
            return
        if without := to_quarantine(campaign, dag, calibration):
            given_up = ", ".join(p.rpartition("/")[2] for ps in without.values() for p in ps)
            reason = f"without {given_up}, which keeps failing"
        elif not (reason := why_rescue(now, campaign, dag, calibration) or ""):
            continue
        room -= 1
        yield Rescue(campaign, dag, reason, without)


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
    running = any(d.moves and d.sends is None for d in campaign.dags)
    files = len(campaign.waiting)
    new = plural(files, "new file")
    waited = now - min(w.since for w in campaign.waiting)
    if not running and (not campaign.probing or waited >= FOR_PROBES):
        return f"{new} and no active DAG"
    if files >= batching.full_dag:
        return f"{new}, a full DAG"
    if waited >= batching.batch_window:
        return f"{new}, the first {waited:.0f} s ago"
    if campaign.run_end is not None and not campaign.probing:
        return f"{new} and the run has ended"
    return None
