"""What is typed about a problem."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from condorloop.model.campaign import CampaignKey

DOCTOR = "condorloop doctor"
"""Looks at all that the loop depends on."""


def command(
    verb: str,
    key: CampaignKey,
    dag: str | None = None,
    node: str | None = None,
    *,
    others: Iterable[str] = (),
) -> str:
    """Write a command about a campaign, a DAG of it, or a node of that.

    It can be about the campaigns of `others` of its run, too.

    >>> command("analyze", CampaignKey("BeamSpot", 398600), "b003", "RECO_0001")
    'condorloop analyze 398600 -c BeamSpot --node b003/RECO_0001'
    """
    name = "/".join(filter(None, [dag, node]))
    what = f" --node {shlex.quote(name)}" if name else ""
    names = "".join(f" -c {shlex.quote(name)}" for name in (key.calibration, *others))
    return f"condorloop {verb} {key.run}{names}{what}"
