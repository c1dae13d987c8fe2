"""All that a ledger tells, as plain data: the same before and after a change of schema.

The files ``ledger_v5*.json`` have what `told_by` gave with the code of version 5, in the fields
that the model has. Whoever renames a field renames it there, too.
"""

import sqlite3
from contextlib import closing
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path

from condorloop.history.ledger_reader import LedgerStories
from condorloop.ledger.store import Ledger
from condorloop.model.lumis import Lumis

FOLDER = Path(__file__).parent
YOUNGER = (
    "again",
    "by_lumi",
    "serve_by",
    "cause",
    "confirmed",
    "contradictions",
    "copies",
    "culprits",
    "decision",
    "destinations",
    "harvest_again",
    "held_for",
    "in_pieces",
    "kept_recipe",
    "made",
    "made_for",
    "no_payload",
    "not_made",
    "odd_changes",
    "of",
    "older_open",
    "only_uploads",
    "origin",
    "part",
    "pieces",
    "present_recipe",
    "reconstruction_id",
    "reprocess",
    "requests",
    "restored",
    "send_again",
    "sends",
    "taken_out",
    "unconfirmed",
    "unnamed",
    "unnamed_tags",
    "unsent",
    "uploads_held_by",
)
"""What no ledger of version 5 could tell."""

YOUNGER_OF = {
    "Campaign": ("stream",),
    "CampaignStatus": ("stream",),
    "ClosedCampaign": ("stream",),
    "Dag": ("calibration",),
    "DagStory": ("stream",),
    "PlannedNode": ("calibration",),
}
"""What of these it could not tell, though it told something of that name of others."""


def filled(path, name):
    """Write the ledger of a dump; return its path."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.executescript((FOLDER / f"{name}.sql").read_text())
    return path


def version_of(path):
    """The schema version of a ledger."""
    with closing(sqlite3.connect(path)) as db:
        [[version]] = db.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchall()
        return version


def told_by(path):
    """All that the ledger of a path tells of every campaign, DAG, payload and request."""
    with Ledger(path) as ledger:
        runs = sorted({key.run for key in ledger.campaigns.known(0)})
        found = {
            "latched": ledger.campaigns.windows(),
            "requests": ledger.requests.waiting(),
            "destinations": ledger.destinations.all(),
            "messages": ledger.notifications.told("mail"),
            "held": ledger.campaigns.held_calibrations(),
            "luminosity": {run: ledger.luminosity.of_run(run) for run in runs},
            "watched": ledger.raw_files.watched(0.0, 0.0),
            "probes": ledger.raw_files.probes(),
            "conditions": ledger.status.conditions(0.0),
            "with work": ledger.campaigns.with_work({}),
            "settled": ledger.retention.settled(also_open=True),
            "due": ledger.archive.due(1e12),
            "campaigns": [
                _campaign(ledger, campaign)
                for run in runs
                for campaign in ledger.campaigns.of_run(run, None)
            ],
        }
        settled = ledger.retention.settled(also_open=True)
        found["covered"] = {s.id: sorted(ledger.retention.covered_reco(s)) for s in settled}
    with LedgerStories(path) as stories:
        found["stories"] = [stories.stories(run) for run in runs]
    return plain(found)


def _campaign(ledger, campaign):
    mine = campaign.reconstruction_id
    dags = ledger.dags.all(mine)
    return {
        "campaign": campaign,
        "summary": ledger.status.summary(campaign.id),
        "processed": ledger.campaigns.processed(campaign.id),
        "outline": ledger.dags.outline(mine, campaign.id),
        "unused": ledger.retries.unused(mine),
        "next": ledger.dags.next_numbers(mine),
        "uploads": ledger.uploads.of(campaign.id),
        "dags": {
            number: {
                "dropped": ledger.dags.dropped(dag_id),
                "unfinished": ledger.dags.unfinished_nodes(dag_id),
                "inputs": ledger.dags.inputs(dag_id),
                "jobs": ledger.dags.jobs(dag_id),
                "payload": ledger.payloads.made_by(dag_id, campaign.id),
            }
            for dag_id, number in dags
        },
    }


def plain(value):
    """What JSON can hold of a value, the same for equal values."""
    if isinstance(value, Lumis):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        younger = (*YOUNGER, *YOUNGER_OF.get(type(value).__name__, ()))
        named = (f.name for f in fields(value) if f.name not in younger)
        return {name: plain(getattr(value, name)) for name in named}
    if hasattr(value, "items"):
        return dict(sorted((_word(k), plain(v)) for k, v in value.items()))
    if isinstance(value, set | frozenset):
        return sorted(map(plain, value), key=str)
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


def _word(key):
    return key.value if isinstance(key, Enum) else str(key)
