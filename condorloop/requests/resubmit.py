"""`condorloop resubmit`: what failed, was removed or was refused runs again."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from condorloop.config.destinations import kept, taken
from condorloop.dagman import written_destination
from condorloop.dagman.rerender import renew
from condorloop.model.campaign import Campaign, Dag
from condorloop.model.enums import Artifact, CampaignState, DagState, RequestKind
from condorloop.model.request import Request
from condorloop.requests.campaign_command import NODE, CampaignCommand, Subject
from condorloop.requests.command import CampaignStep, Option, SenselessRequest, Step, is_given
from condorloop.requests.context import Context
from condorloop.requests.payloads import HARVEST, SendAgain, harvest_again, reopen, send_again
from condorloop.requests.targets import named
from condorloop.rundir.durable import set_aside
from condorloop.rundir.layout import alcareco_name, dag_dir, outputs
from condorloop.runtime.logs import say
from condorloop.text import plural

_NEEDED = frozenset({Artifact.ALCARECO, Artifact.DAGS, Artifact.RUNS})
"""What a campaign that runs again has to have."""


@dataclass(frozen=True, slots=True)
class ResubmitCampaign(CampaignStep):
    """Run DAGs again, and with `files` give those that were given up another try.

    With `recipe` the campaign takes the present release, global tag and YAML first.
    """

    dags: tuple[Dag, ...]
    files: bool
    recipe: bool = False

    @property
    def continued(self) -> tuple[Dag, ...]:
        """The DAGs that run again."""
        return self.dags

    def describe(self) -> str:
        """Say what runs again."""
        words = ["take the present release, global tag and YAML"] if self.recipe else []
        if self.dags:
            words.append(f"run again {', '.join(map(_why_again, self.dags))}")
        if self.files:
            words.append("give files that were given up another try")
        if not self.campaign.state.open:
            words.append(f"reopen the campaign, which is {self.campaign.state}")
        return "; ".join(words)

    def carry_out(self, request: Request, context: Context, now: float) -> str:
        """Open the campaign, retry its files, then submit its DAGs."""
        campaign, key, who = self.campaign, self.about, request.made_by
        words = [*self._take_recipe(context)] if self.recipe else []
        words += [f"{d.label} runs again" for d in self.dags]
        if not self.recipe and (kept := context.settings.kept(key)):
            words.append(f"with the {', '.join(kept)} that it was latched with, not with --now")
        what = ", ".join(d.label for d in self.dags) or "what was given up"
        words += reopen(campaign, f"{what} again, requested by {who}", context, now)
        if self.files and (files := _retry_files(campaign, context)):
            words.append(f"another try for {plural(files, 'file')} given up")
        accept = request.accept_destination
        of = context.reconstruction_of(campaign)
        there = {dag.id: dag for dag in of.dags}
        for dag in self.dags:
            if there[dag.id].in_flight:
                continue  # for another campaign that shares it
            if where := _where(campaign, dag, context, accept=accept):
                say(key, where, logging.WARNING if accept else logging.INFO)
                words.append(where)
            context.launcher.resubmit(of, dag, now, asked_for=key, accept_destination=accept)
        return "; ".join(words)

    def _take_recipe(self, context: Context) -> Iterator[str]:
        """Let the present configuration count for the campaign; say what changes."""
        for change, words in context.settings.take_present(self.about).items():
            say(self.about, f"{change} was {words}; what is configured counts from here on")
            yield f"{change} as it is configured"


class Resubmit(CampaignCommand):
    """Resubmit what failed of RUN, was removed, or was refused; nothing else.

    Only failed nodes run again. A campaign keeps the release, the global tag, the cmsDriver options
    and the job configurations with which it was latched; all else is as configured at present. With
    --now it takes what is configured. If you edited a YAML file, send kill -HUP PID to the
    submitter first. A campaign that was closed or abandoned is reopened. Without RUN it is about
    all open campaigns of each -c CALIBRATION.

    A DAG keeps the database and the tags that it was written with; with --accept-destination it
    takes the configured ones.

    With --upload the best payload of the campaign, or the one that is named, is sent again: where
    it is uploaded already, nothing is sent; what was refused is asked again. With --harvest a
    payload is made of all ALCARECO again, though nothing is new, and takes the place of one that
    holds as much.
    """

    kind = RequestKind.RESUBMIT
    options = (
        NODE,
        Option(
            "--include-quarantined",
            "include_quarantined",
            "Also retry files that were given up: bad, unreadable, quarantined ones, and those of "
            "RECO outputs and ALCARECO that could not be used.",
            old="--all",
        ),
        Option(
            "--now",
            "present_recipe",
            "Take the configured release, global tag and YAML for the run, instead of those with "
            "which it was latched. An open run takes them though nothing of it failed.",
        ),
        Option(
            "--upload",
            "send_again",
            "Send the best payload again, or this one.",
            metavar="harvestJobNNN",
            optional=True,
        ),
        Option("--harvest", "harvest_again", "Harvest all ALCARECO again, though nothing is new."),
    )
    examples = (
        "resubmit 398600",
        "resubmit 398600 -c EcalPedestals --node b003/RECO_0001",
        "resubmit 398600 --include-quarantined --dry-run",
        "resubmit 398600 -c EcalPedestals --now",
        "resubmit 398600 -c BeamSpot --upload harvestJob003",
        "resubmit 398600 -c BeamSpot --harvest",
    )

    def validate(self, request: Request) -> None:
        """Refuse options that exclude each other, and what names no payload."""
        super().validate(request)
        alone = ("send_again", "harvest_again")
        given = [f for f in (*alone, "include_quarantined", "node") if is_given(request, f)]
        if len(given) > 1 and any(f in given for f in alone):
            raise SenselessRequest(
                "--upload, --harvest, --include-quarantined and --node exclude each other"
            )
        if request.send_again and not HARVEST.fullmatch(request.send_again):
            raise SenselessRequest(
                f"--upload {request.send_again}: expected a payload, such as harvestJob003"
            )

    def decide(self, request: Request, subject: Subject) -> Step | str:
        """Run again what failed, or was removed by a person; nothing that is under way."""
        campaign, files = subject.campaign, request.include_quarantined
        if campaign.held_by:
            release = f"condorloop release {campaign.key.run} -c {campaign.key.calibration}"
            return f"{campaign.held_by} holds it; first {release}"
        if request.harvest_again:
            return harvest_again(subject)
        if request.send_again is not None:
            again = send_again(request, subject)
            return ResubmitCampaign(campaign, (again,), False) if isinstance(again, Dag) else again
        if gone := sorted(campaign.cleaned & _NEEDED):
            return f"it cannot be run again: its {', '.join(gone)} were cleaned up"
        found = named(request.node, subject)
        if isinstance(found, str):
            return found
        ended = (t for t in found if t.dag.state in (DagState.FAILED, DagState.REMOVED))
        dags = tuple(t.dag for t in ended if t.node is None or t.node in t.dag.failed_nodes)
        if campaign.shares:
            if any(dag.made for dag in dags):
                return _by_own_dag(request, subject, [dag for dag in dags if dag.made])
            if request.calibration == campaign.key.calibration:
                dags = tuple(dag for dag in dags if dag.batch is None)
        reopened = campaign.state is CampaignState.ABANDONED and request.node is None
        renewed = request.present_recipe and campaign.state.open and request.node is None
        if not dags and not files and not reopened and not renewed:
            return f"{request.node} did not fail" if request.node else "nothing of it failed"
        return ResubmitCampaign(campaign, dags, files, request.present_recipe)


def _by_own_dag(request: Request, subject: Subject, dags: Sequence[Dag]) -> Step | str:
    """Make or send again what failed in a DAG that others share, by a DAG of the campaign's own."""
    made = {dag.number for dag in dags} & subject.payloads.keys()
    if made:
        return SendAgain(subject.campaign, max(made), subject.payloads[max(made)])
    return harvest_again(subject)


def _why_again(dag: Dag) -> str:
    if dag.removed_by:
        return f"{dag.label} (removed by {dag.removed_by})"
    return f"{dag.label} ({', '.join(dag.failed_nodes) or 'it ended without a result'})"


def _where(campaign: Campaign, dag: Dag, context: Context, *, accept: bool) -> str:
    """Say where a DAG uploads to that is submitted again; empty if that is as configured."""
    renderer, name = context.renderer, campaign.key.calibration
    runs = renderer.run_dir(campaign.reconstruction)
    own = written_destination.destination_of(runs, dag.number, name)
    to = written_destination.configured_destination(renderer, name)
    if own is None or to is None or own == to:
        return ""
    return (taken if accept else kept)(dag.label, own, to)


def _retry_files(campaign: Campaign, context: Context) -> int:
    """Give what was given up another try; what was made of it in vain is set aside first."""
    ledger, renderer = context.ledger, context.renderer
    files = ledger.retries.retry_files(campaign.reconstruction_id)
    if campaign.key.calibration not in renderer.config.calibrations:
        return files
    key = campaign.reconstruction
    runs = renderer.run_dir(key)
    for unused in ledger.retries.unused(campaign.reconstruction_id):
        folder = dag_dir(runs, unused.number)
        if unused.job is not None:
            set_aside(runs / alcareco_name(unused.job), folder)
        for reco in unused.recos.values():
            for file in outputs(runs, reco.output):
                file.replace(folder / file.name)
        before = ledger.dags.dropped(unused.dag_id)
        dropped = {
            node: before.get(node, frozenset()) | unused.dropped.get(node, frozenset())
            for node in before.keys() | unused.dropped.keys()
        }
        renew(context.settings.renderer_of(campaign.key), key, unused.number, dropped)
        files += ledger.retries.redo(unused)
    return files


COMMAND = Resubmit()
