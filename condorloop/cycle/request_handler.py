"""What people have asked for, done: in the ledger, in the queue, and told in words.

Knows the order of effects, each of which can be repeated: a request is answered when all of it is
done, so that one that was cut short, or met a schedd without an answer, is taken up again.
"""

from __future__ import annotations

import logging

from condorloop.config.destinations import kept, taken
from condorloop.cycle.campaign_state import set_state
from condorloop.cycle.cleaner import ON_REQUEST, Cleaner
from condorloop.cycle.isolation import Isolation
from condorloop.cycle.launcher import Launcher
from condorloop.cycle.ports import JobQueue
from condorloop.dagman import written_destination
from condorloop.dagman.rerender import renew
from condorloop.dagman.schedd.client import ScheddUnavailable
from condorloop.ledger.store import Ledger, LedgerReader
from condorloop.model.campaign import Campaign, CampaignKey, Dag
from condorloop.model.enums import CampaignState, DagState, RequestKind
from condorloop.model.queue import JobSelector
from condorloop.model.request import ALL_RUNS, Request
from condorloop.policy import requests
from condorloop.policy.requests import Abandon, Act, Hold, Plan, Release, Resubmit, Subject
from condorloop.rundir.disk_usage import Size
from condorloop.rundir.durable import set_aside
from condorloop.rundir.layout import alcareco_name, dag_dir, outputs
from condorloop.runtime.logs import say
from condorloop.runtime.shutdown import Shutdown
from condorloop.text import plural

log = logging.getLogger(__name__)


class _NotYet(Exception):
    """Something has to end first; the request waits."""


class RequestHandler:
    """Carries out the requests of one ledger."""

    def __init__(
        self,
        ledger: Ledger,
        launcher: Launcher,
        pool: JobQueue,
        shutdown: Shutdown,
        isolation: Isolation,
        cleaner: Cleaner,
    ) -> None:
        self._ledger = ledger
        self._launcher = launcher
        self._pool = pool
        self._shutdown = shutdown
        self._isolation = isolation
        self._cleaner = cleaner
        self._done: dict[int, dict[CampaignKey, str]] = {}
        self._standing: dict[int, str] = {}
        self._waiting: set[int] = set()
        self._cleaned: dict[int, Size] = {}
        self._first: dict[CampaignKey, int] = {}
        """The oldest request of a campaign that waits: no younger one overtakes it."""

    def grant(self, request: Request, now: float) -> None:
        """Do what a person asks for, and tell what was done."""
        if request.kind is RequestKind.CLEANUP:
            self._clean_up(request, now)
            return
        asked = planned(self._ledger, request)
        if request.begun and not asked.words:  # all was done before it could be answered
            self._ledger.requests.answer(request.id, True, request.begun, now)
            self._forget(request.id)
            return
        if asked.words and not request.begun:
            self._ledger.requests.begin(request.id, "; ".join(asked.words))
        if asked.standing:
            self._stand(request, now)
            self._standing[request.id] = asked.standing
        done = self._done.setdefault(request.id, {})
        failed = [r for r in asked.remarks if not any(r.startswith(f"{key}: ") for key in done)]
        waits = False
        for act in asked.acts:
            key = act.campaign.key
            if key in done:
                continue
            if self._first.get(key, request.id) < request.id:
                waits = True
                continue
            told = ""
            with self._isolation.one_campaign_only(key):
                try:
                    told = self._carry_out(act, request.made_by, now)
                except (ScheddUnavailable, _NotYet) as error:
                    self._say_waits(request, key, error)
                    self._first.setdefault(key, request.id)
                    waits = True
                    continue
            if told:
                done[key] = f"{key}: {told}"
            else:
                failed.append(f"{key}: {self._isolation.errors.get(key, 'nothing of it failed')}")
        if not waits:
            stands = self._standing.get(request.id, "")
            answer = "; ".join(filter(None, [stands, *done.values(), *failed]))
            self._ledger.requests.answer(request.id, bool(done or stands), answer, now)
            self._forget(request.id)

    def _forget(self, request_id: int) -> None:
        self._done.pop(request_id, None)
        self._standing.pop(request_id, None)
        self._waiting.discard(request_id)
        self._first = {key: first for key, first in self._first.items() if first != request_id}

    def _stand(self, request: Request, now: float) -> None:
        """Do what is asked for about the campaigns of a calibration that are to come."""
        name = request.calibration or ""
        if request.kind is RequestKind.HOLD:
            self._ledger.campaigns.hold_calibration(name, request.made_by, now)
        else:
            self._ledger.campaigns.release_calibration(name)
        log.info("%s of all %s, asked for by %s", request.kind, name, request.made_by)

    def _clean_up(self, request: Request, now: float) -> None:
        """Remove a part of what may go; what is left is for the next cycle."""
        config = self._launcher.renderer.config
        which = (request.run, request.calibration)
        gone, finished = self._cleaner.clean(config, now, ON_REQUEST, *which)
        total = self._cleaned.pop(request.id, Size()) + gone
        if not finished:
            self._cleaned[request.id] = total
            return
        errors = [f"{key}: {error}" for key, error in self._cleaner.errors.items()]
        words = "; ".join([f"{total} removed", *errors])
        self._ledger.requests.answer(request.id, not errors, words, now)

    def _say_waits(self, request: Request, key: CampaignKey, why: Exception) -> None:
        if request.id not in self._waiting:
            self._waiting.add(request.id)
            say(key, f"{request.kind}, asked for by {request.made_by}, waits: {why}")

    def _carry_out(self, act: Act, who: str, now: float) -> str:
        match act:
            case Resubmit():
                return self._resubmit(act, who, now)
            case Hold():
                return self._hold(act, who, now)
            case Release():
                return self._release(act, who)
            case Abandon():
                return self._abandon(act, who, now)

    def _resubmit(self, act: Resubmit, who: str, now: float) -> str:
        campaign, key = act.campaign, act.campaign.key
        if leaving := [d.label for d in campaign.dags if d.in_flight and d.removed_by]:
            raise _NotYet(f"{', '.join(leaving)} must leave the queue first")
        words = [f"{d.label} runs again" for d in act.dags]
        self._ledger.campaigns.set_asked(campaign.id, now)
        if not campaign.state.open:
            what = ", ".join(d.label for d in act.dags) or "what was given up"
            reason = f"{what} again, asked for by {who}"
            renderer = self._launcher.renderer
            set_state(self._ledger, renderer, campaign, CampaignState.ACTIVE, reason, now)
            words.append("it is active again")
        if act.files and (files := self._retry_files(campaign)):
            words.append(f"another try for {plural(files, 'file')} given up")
        for dag in act.dags:
            say(key, f"{dag.label} is submitted again, asked for by {who}")
            if where := self._where(key, dag, accept=act.accept_destination):
                say(key, where, logging.WARNING if act.accept_destination else logging.INFO)
                words.append(where)
            self._launcher.resubmit(key, dag, now, accept_destination=act.accept_destination)
        return "; ".join(words)

    def _where(self, key: CampaignKey, dag: Dag, *, accept: bool) -> str:
        """Say where a DAG uploads to that is submitted again; empty if that is as configured."""
        renderer = self._launcher.renderer
        own = written_destination.destination_of(renderer.run_dir(key), dag.number)
        to = written_destination.configured_destination(renderer, key.calibration)
        if own is None or to is None or own == to:
            return ""
        return (taken if accept else kept)(dag.label, own, to)

    def _retry_files(self, campaign: Campaign) -> int:
        """Give what was given up another try; what was made of it in vain is set aside first."""
        files = self._ledger.retries.retry_files(campaign.id)
        renderer = self._launcher.renderer
        if campaign.key.calibration not in renderer.config.calibrations:
            return files
        runs = renderer.run_dir(campaign.key)
        for unused in self._ledger.retries.unused(campaign.id):
            folder = dag_dir(runs, unused.number)
            if unused.job is not None:
                set_aside(runs / alcareco_name(unused.job), folder)
            for reco in unused.recos.values():
                for file in outputs(runs, reco.output):
                    file.replace(folder / file.name)
            before = self._ledger.dags.dropped(unused.dag_id)
            dropped = {
                node: before.get(node, frozenset()) | unused.dropped.get(node, frozenset())
                for node in before.keys() | unused.dropped.keys()
            }
            renew(renderer, campaign.key, unused.number, dropped)
            files += self._ledger.retries.redo(unused)
        return files

    def _hold(self, act: Hold, who: str, now: float) -> str:
        campaign, key = act.campaign, act.campaign.key
        words = []
        if act.whole:
            by = campaign.held_by or who
            self._ledger.campaigns.set_held_by(campaign.id, by, now)
            words.append(f"held by {by}")
        why = f"held by {who}"
        held = 0
        for target in act.targets:
            dag_id = self._id_of(act, target.dag)
            with self._shutdown.outside():
                if target.node is None:
                    held += self._pool.hold(JobSelector(dag_id, dagman=True), why)
                nodes = JobSelector(dag_id, node=target.node, running=act.running)
                held += self._pool.hold(nodes, why)
        if act.targets:
            words.append(f"{_of(held, act)} put on hold")
        say(key, f"{'; '.join(words)}, asked for by {who}")
        return "; ".join(words)

    def _release(self, act: Release, who: str) -> str:
        campaign, key = act.campaign, act.campaign.key
        words = []
        released = 0
        for target in act.targets:
            dag_id = self._id_of(act, target.dag)
            with self._shutdown.outside():
                nodes = JobSelector(dag_id, node=target.node)
                released += self._pool.release(nodes, f"released by {who}")
                if target.node is None:
                    dagman = JobSelector(dag_id, dagman=True)
                    released += self._pool.release(dagman, f"released by {who}")
        if act.whole:
            self._ledger.campaigns.set_held_by(campaign.id, "")
            words.append("it goes on")
        if act.targets:
            words.append(f"{_of(released, act)} released")
        say(key, f"{'; '.join(words)}, asked for by {who}")
        return "; ".join(words)

    def _abandon(self, act: Abandon, who: str, now: float) -> str:
        campaign, key = act.campaign, act.campaign.key
        words = []
        if act.whole:
            reason = f"by {who}" + (f": {act.reason}" if act.reason else "")
            words.append(f"abandoned {reason}")
            if campaign.state is not CampaignState.ABANDONED:
                renderer = self._launcher.renderer
                set_state(self._ledger, renderer, campaign, CampaignState.ABANDONED, reason, now)
            self._ledger.campaigns.set_held_by(campaign.id, "")
        self._ledger.dags.withdraw([d.id for d in act.dags], who)
        for dag in act.dags:
            if dag.state is DagState.ACTIVE and dag.cluster is not None:
                with self._shutdown.outside():
                    self._pool.remove(dag.cluster, f"abandoned by {who}")
        if act.dags:
            words.append(f"{', '.join(d.label for d in act.dags)} removed")
            say(key, f"{words[-1]}, asked for by {who}")
        return "; ".join(words)

    def _id_of(self, act: Act, dag: Dag) -> str:
        return self._launcher.renderer.dag_id(act.campaign.key, dag.number)


def _of(count: int, act: Hold | Release) -> str:
    """How many jobs of what, DAGMan's counted."""
    return f"{plural(count, 'job')} of {', '.join(map(str, act.targets))}"


def planned(ledger: LedgerReader, request: Request) -> Plan:
    """Say what a request comes to by what the ledger knows."""
    name = request.calibration
    if name and request.run == ALL_RUNS:
        campaigns, held = ledger.campaigns.open_of(name), ledger.campaigns.held_calibrations()
        held_by = held[name][0] if name in held else ""
    else:
        campaigns, held_by = ledger.campaigns.of_run(request.run, None), ""
    subjects = [Subject(c, ledger.dags.outline(c.id)) for c in campaigns]
    return requests.plan(request, subjects, ledger.campaigns.latest_runs(), held_by)
