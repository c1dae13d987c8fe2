"""The order in which requests are carried out, and their answers.

Knows who waits for whom: a request is answered when all of its steps are done, so that one that was
cut short, or met a schedd without an answer, is taken up again. What a step does, its command says.
"""

from __future__ import annotations

import logging

from condorloop.cycle.isolation import Isolation
from condorloop.dagman.schedd.client import ScheddUnavailable
from condorloop.model.campaign import CampaignKey
from condorloop.model.request import Request
from condorloop.requests.command import SenselessRequest, Step, about, planned
from condorloop.requests.context import Context, NotDone, NotYet
from condorloop.runtime.logs import say

log = logging.getLogger(__name__)


class RequestHandler:
    """Carries out the requests of one ledger."""

    def __init__(self, context: Context, isolation: Isolation) -> None:
        self._context = context
        self._requests = context.ledger.requests
        self._isolation = isolation
        self._done: dict[int, dict[CampaignKey | str, str]] = {}
        """What was done of each request, by what the step is about."""
        self._waiting: set[int] = set()
        self._first: dict[CampaignKey, int] = {}
        """The oldest request of a campaign that waits: no younger one overtakes it."""

    def handle(self, request: Request, now: float) -> None:
        """Carry a request out as far as it can be, and answer it when all of it is done."""
        try:
            plan = planned(self._context.ledger, request)
        except SenselessRequest as error:
            self._answer(request, False, str(error), now)
            return
        if request.begun and not plan.words:  # all was done before it could be answered
            self._answer(request, True, request.begun, now)
            return
        if plan.words and not request.begun:
            self._requests.begin(request.id, "; ".join(plan.words))
        done = self._done.setdefault(request.id, {})
        failed = [r for r in plan.remarks if not any(r.startswith(f"{each}: ") for each in done)]
        waits = False
        for step in plan.steps:
            if step.about in done:
                continue
            try:
                self._wait_for_older(step, request)
                done[step.about] = self._carry_out(step, request, now)
            except (ScheddUnavailable, NotYet) as error:
                self._note_wait(step, request, error)
                waits = True
            except NotDone as error:
                failed.append(about(step, str(error)))
        if not waits:
            self._answer(request, bool(done), "; ".join([*done.values(), *failed]), now)

    def _wait_for_older(self, step: Step, request: Request) -> None:
        if isinstance(step.about, CampaignKey):
            older = self._first.get(step.about, request.id)
            if older < request.id:
                raise NotYet(f"request {older} comes first")

    def _carry_out(self, step: Step, request: Request, now: float) -> str:
        """Carry out a step, log and give what was done; trouble with a campaign is its own.

        Raises
        ------
        NotDone
            It went wrong for the campaign.
        """
        key = step.about
        if not isinstance(key, CampaignKey):
            told = about(step, step.carry_out(request, self._context, now))
            log.info("%s, requested by %s", told, request.made_by)
            return told
        unable: Exception | None = None
        with self._isolation.one_campaign_only(key):
            try:
                told = step.carry_out(request, self._context, now)
                say(key, f"{told}, requested by {request.made_by}")
                return about(step, told)
            except (ScheddUnavailable, NotYet, NotDone) as error:
                unable = error
        raise unable or NotDone(self._isolation.errors[key])

    def _note_wait(self, step: Step, request: Request, why: Exception) -> None:
        """Log once that a request waits; no younger one of the campaign overtakes it."""
        if not isinstance(step.about, CampaignKey):
            return
        self._first.setdefault(step.about, request.id)
        if request.id not in self._waiting:
            self._waiting.add(request.id)
            say(step.about, f"{request.kind}, requested by {request.made_by}, waits: {why}")

    def _answer(self, request: Request, done: bool, words: str, now: float) -> None:
        self._requests.answer(request.id, done, words, now)
        self._done.pop(request.id, None)
        self._waiting.discard(request.id)
        self._first = {key: first for key, first in self._first.items() if first != request.id}
