"""The three steps: RECO sums events, ALCA merges sums, HARVEST makes constants of them."""

from __future__ import annotations

from condorloop.testbed.cmssw.framework.job_plan import Plan, Step
from condorloop.testbed.cmssw.framework.job_report import JobReport
from condorloop.testbed.cmssw.steps import harvest_job
from condorloop.testbed.cmssw.steps.faults import Mishaps
from condorloop.testbed.cmssw.steps.inputs import read_inputs
from condorloop.testbed.cmssw.steps.reco_alca import alca, reco


def perform(plan: Plan, report: JobReport, mishaps: Mishaps) -> None:
    """Do a job.

    Parameters
    ----------
    plan
        What to do.
    report
        Gets each file as it is done with.
    mishaps
        Is asked at each file with events, before anything is made of them, and whether harvesters
        refuse what they made.

    Raises
    ------
    CmsError
        Something failed.
    Crash
        Nothing more is done, not even a report.
    """
    inputs = read_inputs(plan, report, mishaps)
    if plan.step is Step.RECO:
        reco(plan, report, inputs)
    elif plan.step is Step.ALCA:
        alca(plan, report, inputs)
    elif plan.step is Step.HARVEST:
        harvest_job.perform(plan, inputs, mishaps)
    else:
        for _ in inputs:
            pass
