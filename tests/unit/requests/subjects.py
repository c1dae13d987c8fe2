"""Campaigns that something is asked of, and the steps and remarks that it comes to."""

from dataclasses import replace

from condorloop.model.campaign import DagOutline
from condorloop.model.enums import (
    DagState,
    RequestKind,
)
from condorloop.model.request import ALL_RUNS, Request
from condorloop.requests.campaign_command import Subject, Subjects
from condorloop.requests.command import command_of
from tests.unit.examples import campaign, dag

DONE, RUNS, FAILED, REMOVED, PLANNED = (
    dag(0, DagState.DONE),
    dag(1),
    dag(2, DagState.FAILED, failed=("RECO_0001", "HARVEST")),
    replace(dag(3, DagState.REMOVED), removed_by="alice"),
    dag(4, DagState.PLANNED),
)


ALL = (DONE, RUNS, FAILED, REMOVED, PLANNED)


NODES = ("RECO_0000", "RECO_0001", "ALCA_0000", "HARVEST", "UPLOAD")


OF_UPLOADS = {RequestKind.APPROVE, RequestKind.REJECT, RequestKind.RESTORE}
ACTING = [k for k in RequestKind if k not in OF_UPLOADS | {RequestKind.CLEANUP}]


NAMES = [None, "RECO_0009", "b009", "", "/", "b001/", "b001/RECO_0000", "RECO_0001"]


def subject(dags=ALL, **changes):
    """A campaign with these DAGs; of those that are done the ledger gives only the outline."""
    undone = tuple(d for d in dags if d.state is not DagState.DONE)
    outline = tuple(DagOutline(d.label, d.state, NODES) for d in dags)
    return Subject(replace(campaign(dags=undone), **changes), outline)


def asked(kind, node=None, *, of=None, calibration=None, **options):
    """The steps and remarks that a request comes to."""
    request = Request(kind, 398600, calibration, node, made_by="alice@node", **options)
    campaigns = [subject()] if of is None else of
    return command_of(kind).plan_of(request, Subjects(campaigns, [398603, 398600]))


def asked_of_all(kind, *subjects, held_by=""):
    """What is asked of all runs of a calibration comes to."""
    request = Request(kind, ALL_RUNS, "EcalPedestals", made_by="alice@node")
    return command_of(kind).plan_of(request, Subjects(subjects, held_by=held_by))


def step(kind, node=None, **more):
    [only] = asked(kind, node, **more).steps
    return only


def remark(kind, node=None, **more):
    planned = asked(kind, node, **more)
    assert planned.steps == ()
    [only] = planned.remarks
    return only


def labels(resubmit):
    return [d.label for d in resubmit.dags]


def targets(step):
    return [str(t) for t in step.targets]
