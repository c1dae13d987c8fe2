"""The tables of the ledger.

Times are seconds since the epoch; a set of lumisections is text such as ``1-40,42``. States, kinds
and outcomes are words of the model, which tables of their own list. The partial indices keep a
cycle's queries as cheap as what is new.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from condorloop.model.enums import (
    Artifact,
    CampaignState,
    DagState,
    FileState,
    HeldFor,
    NodeKind,
    NodeState,
    NoPayloadCause,
    RequestKind,
    TagOutcome,
    UploadOutcome,
    Verdict,
)

SCHEMA_VERSION = 8

WORDS: Mapping[str, type[StrEnum]] = {
    "campaign_state": CampaignState,
    "file_state": FileState,
    "dag_state": DagState,
    "node_state": NodeState,
    "node_kind": NodeKind,
    "upload_outcome": UploadOutcome,
    "tag_outcome": TagOutcome,
    "no_payload_cause": NoPayloadCause,
    "held_for": HeldFor,
    "verdict": Verdict,
    "request_kind": RequestKind,
    "artifact": Artifact,
}
"""The tables of words, each with the words that it has."""

TABLES: Mapping[str, str] = {
    "meta": "key TEXT PRIMARY KEY, value TEXT NOT NULL",
    "reconstruction": """
    id INTEGER PRIMARY KEY,
    stream TEXT NOT NULL, run INTEGER NOT NULL, raw_path TEXT NOT NULL,
    begun_at REAL NOT NULL, last_new_at REAL NOT NULL, seen TEXT NOT NULL DEFAULT '',
    fill_type TEXT, l1_hlt_mode TEXT,
    UNIQUE (run, stream)""",
    "campaign": """
    id INTEGER PRIMARY KEY,
    calibration TEXT NOT NULL, run INTEGER NOT NULL,
    reconstruction_id INTEGER REFERENCES reconstruction (id),
    state TEXT NOT NULL REFERENCES campaign_state (word), reason TEXT NOT NULL,
    fill INTEGER, run_start REAL NOT NULL, run_end REAL, last_ls INTEGER,
    latched_at REAL NOT NULL, state_since REAL NOT NULL,
    harvested TEXT NOT NULL DEFAULT '',
    in_payload TEXT NOT NULL DEFAULT '', events_in_payload INTEGER NOT NULL DEFAULT 0,
    judged_end REAL, judged_ls INTEGER, held_by TEXT NOT NULL DEFAULT '',
    events_harvested INTEGER NOT NULL DEFAULT 0, asked_at REAL, archived INTEGER, held_at REAL,
    by_lumi INTEGER NOT NULL DEFAULT 0, window_from REAL NOT NULL DEFAULT 0,
    UNIQUE (run, calibration)""",
    "campaign_cleaned": """
    campaign_id INTEGER NOT NULL REFERENCES campaign (id) ON DELETE CASCADE,
    artifact TEXT NOT NULL REFERENCES artifact (word), begun INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (campaign_id, artifact)""",
    "odd_change": """
    campaign_id INTEGER NOT NULL REFERENCES campaign (id) ON DELETE CASCADE,
    change TEXT NOT NULL,
    PRIMARY KEY (campaign_id, change)""",
    "raw_file": """
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE, raw_path TEXT NOT NULL, run INTEGER NOT NULL,
    size INTEGER NOT NULL, seen_at REAL NOT NULL,
    state TEXT NOT NULL REFERENCES file_state (word),
    probes INTEGER NOT NULL DEFAULT 0, probed_at REAL,
    lumis TEXT NOT NULL DEFAULT '', events INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '', gone INTEGER NOT NULL DEFAULT 0""",
    "reconstruction_file": """
    reconstruction_id INTEGER NOT NULL REFERENCES reconstruction (id),
    file_id INTEGER NOT NULL REFERENCES raw_file (id),
    dag_id INTEGER REFERENCES dag (id), node TEXT,
    blamed INTEGER NOT NULL DEFAULT 0, part TEXT NOT NULL DEFAULT '',
    again_for TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (reconstruction_id, file_id, part, again_for)""",
    "dag": """
    id INTEGER PRIMARY KEY,
    reconstruction_id INTEGER NOT NULL REFERENCES reconstruction (id),
    campaign_id INTEGER REFERENCES campaign (id),
    number INTEGER NOT NULL, batch INTEGER,
    state TEXT NOT NULL REFERENCES dag_state (word), cluster INTEGER, reason TEXT NOT NULL,
    planned_at REAL NOT NULL, submitted_at REAL, ended_at REAL,
    rescues INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL DEFAULT 0, removed_by TEXT NOT NULL DEFAULT '',
    harvests INTEGER NOT NULL DEFAULT 1,
    lumis TEXT NOT NULL DEFAULT '', events INTEGER NOT NULL DEFAULT 0,
    refused TEXT NOT NULL DEFAULT '', sends INTEGER,
    UNIQUE (reconstruction_id, number)""",
    "made_for": """
    dag_id INTEGER NOT NULL REFERENCES dag (id) ON DELETE CASCADE, calibration TEXT NOT NULL,
    taken_out INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (dag_id, calibration)""",
    "node": """
    dag_id INTEGER NOT NULL REFERENCES dag (id), name TEXT NOT NULL,
    reconstruction_id INTEGER NOT NULL REFERENCES reconstruction (id),
    campaign_id INTEGER REFERENCES campaign (id),
    kind TEXT NOT NULL REFERENCES node_kind (word), job INTEGER,
    output TEXT NOT NULL, witness TEXT NOT NULL,
    state TEXT NOT NULL REFERENCES node_state (word),
    lumis TEXT NOT NULL DEFAULT '', events INTEGER NOT NULL DEFAULT 0,
    done_at REAL,
    child TEXT NOT NULL DEFAULT '', lacking TEXT NOT NULL DEFAULT '',
    exit_code INTEGER, error TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (dag_id, name)""",
    "alcareco": """
    campaign_id INTEGER NOT NULL REFERENCES campaign (id) ON DELETE CASCADE,
    dag_id INTEGER NOT NULL, node TEXT NOT NULL, harvested INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (campaign_id, dag_id, node),
    FOREIGN KEY (dag_id, node) REFERENCES node (dag_id, name) ON DELETE CASCADE""",
    "node_dropped": """
    dag_id INTEGER NOT NULL, node TEXT NOT NULL, input TEXT NOT NULL,
    reconstruction_id INTEGER NOT NULL REFERENCES reconstruction (id),
    PRIMARY KEY (dag_id, node, input),
    FOREIGN KEY (dag_id, node) REFERENCES node (dag_id, name) ON DELETE CASCADE""",
    "node_blame": """
    dag_id INTEGER NOT NULL, node TEXT NOT NULL, input TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (dag_id, node, input),
    FOREIGN KEY (dag_id, node) REFERENCES node (dag_id, name) ON DELETE CASCADE""",
    "node_culprit": """
    dag_id INTEGER NOT NULL, node TEXT NOT NULL, calibration TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (dag_id, node, calibration),
    FOREIGN KEY (dag_id, node) REFERENCES node (dag_id, name) ON DELETE CASCADE""",
    "payload": """
    id INTEGER PRIMARY KEY,
    dag_id INTEGER NOT NULL REFERENCES dag (id),
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    lumis TEXT NOT NULL DEFAULT '', events INTEGER NOT NULL DEFAULT 0, harvested_at REAL,
    outcome TEXT REFERENCES upload_outcome (word), answer TEXT NOT NULL DEFAULT '',
    tag TEXT NOT NULL DEFAULT '', hash TEXT NOT NULL DEFAULT '', since INTEGER,
    answered_at REAL, uploading INTEGER NOT NULL DEFAULT 0, overtaken_by INTEGER,
    unnamed TEXT NOT NULL DEFAULT '', origin TEXT NOT NULL DEFAULT '',
    in_pieces INTEGER NOT NULL DEFAULT 0,
    cause TEXT REFERENCES no_payload_cause (word), held_for TEXT REFERENCES held_for (word),
    UNIQUE (dag_id, campaign_id)""",
    "payload_piece": """
    payload_id INTEGER NOT NULL REFERENCES payload (id) ON DELETE CASCADE,
    lumis TEXT NOT NULL, sent_at REAL NOT NULL,
    PRIMARY KEY (payload_id, lumis)""",
    "payload_destination": """
    payload_id INTEGER NOT NULL REFERENCES payload (id) ON DELETE CASCADE,
    database TEXT NOT NULL, tag TEXT NOT NULL,
    outcome TEXT NOT NULL REFERENCES tag_outcome (word), answer TEXT NOT NULL DEFAULT '',
    since INTEGER, answered_at REAL, confirmed_at REAL, contradiction TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (payload_id, database, tag)""",
    "payload_input": """
    payload_id INTEGER NOT NULL REFERENCES payload (id) ON DELETE CASCADE, job INTEGER NOT NULL,
    PRIMARY KEY (payload_id, job)""",
    "payload_left_out": """
    payload_id INTEGER NOT NULL REFERENCES payload (id) ON DELETE CASCADE, job INTEGER NOT NULL,
    PRIMARY KEY (payload_id, job)""",
    "payload_overlap": """
    payload_id INTEGER NOT NULL REFERENCES payload (id) ON DELETE CASCADE, job INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (payload_id, job)""",
    "payload_other_hash": """
    payload_id INTEGER NOT NULL REFERENCES payload (id) ON DELETE CASCADE, number INTEGER NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (payload_id, number)""",
    "payload_decision": """
    campaign_id INTEGER NOT NULL REFERENCES campaign (id) ON DELETE CASCADE,
    hash TEXT NOT NULL, harvest INTEGER NOT NULL,
    verdict TEXT NOT NULL REFERENCES verdict (word),
    who TEXT NOT NULL, why TEXT NOT NULL, decided_at REAL NOT NULL,
    PRIMARY KEY (campaign_id, hash)""",
    "restored_payload": """
    campaign_id INTEGER PRIMARY KEY REFERENCES campaign (id) ON DELETE CASCADE,
    harvest TEXT NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL, restored_at REAL NOT NULL,
    origin TEXT NOT NULL DEFAULT ''""",
    "job": """
    dag_id INTEGER NOT NULL REFERENCES dag (id), node TEXT NOT NULL, job_id TEXT NOT NULL,
    submitted_at REAL NOT NULL, host TEXT NOT NULL, started_at REAL, ended_at REAL,
    exit_code INTEGER, cpu_time REAL, memory_used INTEGER, memory_asked INTEGER,
    starts INTEGER NOT NULL, holds INTEGER NOT NULL, hold_reason TEXT, removed INTEGER NOT NULL,
    PRIMARY KEY (dag_id, node, job_id)""",
    "luminosity": """
    run INTEGER NOT NULL, lumi INTEGER NOT NULL, recorded REAL NOT NULL,
    PRIMARY KEY (run, lumi)""",
    "request": """
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL REFERENCES request_kind (word), run INTEGER NOT NULL,
    calibration TEXT, node TEXT, everything INTEGER NOT NULL DEFAULT 0,
    made_by TEXT NOT NULL, made_at REAL NOT NULL, answered_at REAL,
    answer TEXT NOT NULL DEFAULT '', granted INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '', accept_destination INTEGER NOT NULL DEFAULT 0,
    present_recipe INTEGER NOT NULL DEFAULT 0,
    send_again TEXT, harvest_again INTEGER NOT NULL DEFAULT 0,
    only_uploads INTEGER NOT NULL DEFAULT 0, restored INTEGER NOT NULL DEFAULT 0,
    reprocess INTEGER NOT NULL DEFAULT 0""",
    "held_calibration": """
    calibration TEXT PRIMARY KEY, held_by TEXT NOT NULL, held_at REAL NOT NULL""",
    "held_uploads": """
    calibration TEXT NOT NULL, run INTEGER NOT NULL,
    held_by TEXT NOT NULL, why TEXT NOT NULL, held_at REAL NOT NULL,
    PRIMARY KEY (calibration, run)""",
    "destination": """
    calibration TEXT PRIMARY KEY, folder TEXT NOT NULL, database TEXT NOT NULL,
    backend TEXT NOT NULL, hostname TEXT NOT NULL, url_template TEXT NOT NULL,
    since REAL NOT NULL""",
    "destination_tag": """
    calibration TEXT NOT NULL REFERENCES destination (calibration), tag TEXT NOT NULL,
    PRIMARY KEY (calibration, tag)""",
    "told": """
    about TEXT PRIMARY KEY, text TEXT NOT NULL, since REAL NOT NULL, told_at REAL""",
}
"""The columns of each table, but for the tables of words."""

_WITH_ROWID = frozenset(
    {"meta", "reconstruction", "campaign", "raw_file", "dag", "payload", "request", "told"}
)

_INDICES = """
CREATE INDEX campaign_by_state ON campaign (state);
CREATE INDEX reconstruction_path ON reconstruction (raw_path, run);
CREATE INDEX campaign_reconstruction ON campaign (reconstruction_id);
CREATE INDEX campaign_revised ON campaign (id)
    WHERE state IN ('complete', 'incomplete', 'no payload')
    AND ((run_end IS NULL) <> (judged_end IS NULL) OR last_ls IS NOT judged_ls);
CREATE INDEX campaign_fill ON campaign (fill);
CREATE INDEX campaign_start ON campaign (run_start);
CREATE INDEX campaign_window ON campaign (window_from);
CREATE INDEX campaign_asked ON campaign (asked_at) WHERE asked_at IS NOT NULL;
CREATE INDEX campaign_latched ON campaign (latched_at);
CREATE INDEX campaign_here ON campaign (run_start) WHERE archived IS NULL;
CREATE INDEX raw_file_run ON raw_file (raw_path, run);
CREATE INDEX raw_file_new ON raw_file (raw_path, run) WHERE state = 'new';
CREATE INDEX raw_file_unreadable ON raw_file (raw_path, run) WHERE state = 'unreadable';
CREATE INDEX reconstruction_file_waiting ON reconstruction_file (reconstruction_id)
    WHERE dag_id IS NULL;
CREATE INDEX reconstruction_file_dag ON reconstruction_file (dag_id);
CREATE INDEX reconstruction_file_file ON reconstruction_file (file_id);
CREATE INDEX dag_undone ON dag (reconstruction_id, number) WHERE state NOT IN ('done', 'lost');
CREATE INDEX dag_in_flight ON dag (reconstruction_id) WHERE state IN ('planned', 'active');
CREATE INDEX dag_cluster ON dag (cluster);
CREATE INDEX node_unmade ON node (dag_id) WHERE campaign_id IS NULL
    AND state NOT IN ('done', 'dropped');
CREATE INDEX node_campaign ON node (dag_id, campaign_id) WHERE campaign_id IS NOT NULL;
CREATE INDEX node_job ON node (reconstruction_id, job) WHERE job IS NOT NULL;
CREATE INDEX alcareco_unharvested ON alcareco (campaign_id) WHERE harvested = 0;
CREATE INDEX alcareco_node ON alcareco (dag_id, node);
CREATE INDEX node_dropped_reconstruction ON node_dropped (reconstruction_id);
CREATE INDEX payload_campaign ON payload (campaign_id);
CREATE INDEX payload_hash ON payload (hash) WHERE hash <> '';
CREATE INDEX payload_unsent ON payload (campaign_id) WHERE outcome IN ('pending', 'held');
CREATE INDEX payload_answered ON payload (answered_at)
    WHERE outcome IN ('uploaded', 'refused', 'no answer');
CREATE INDEX payload_destination_uploaded ON payload_destination (answered_at)
    WHERE outcome = 'uploaded';
CREATE INDEX payload_other_hash_hash ON payload_other_hash (hash);
CREATE INDEX job_id ON job (job_id);
CREATE INDEX request_open ON request (id) WHERE answered_at IS NULL;
CREATE INDEX request_run ON request (run);
"""


def table(name: str, as_name: str = "", tables: Mapping[str, str] = TABLES) -> str:
    """Give the statement that makes a table, under its own name or another."""
    without = "" if name in _WITH_ROWID else " WITHOUT ROWID"
    return f"CREATE TABLE {as_name or name} ({tables[name]}){without};\n"


def column_definitions(name: str, tables: Mapping[str, str] = TABLES) -> dict[str, str]:
    """Give the definition of each column of a table, by the column's name.

    >>> column_definitions("meta")
    {'key': 'key TEXT PRIMARY KEY', 'value': 'value TEXT NOT NULL'}
    """
    parts = re.split(r",(?![^(]*\))", tables[name])
    definitions = (" ".join(part.split()) for part in parts)
    return {d.split()[0]: d for d in definitions if d.split()[0] not in _CONSTRAINTS}


_CONSTRAINTS = frozenset({"PRIMARY", "UNIQUE", "FOREIGN"})
"""How a part of a table begins that is no column."""


def table_of_words(name: str) -> str:
    """Give the statements that make a table of words, and fill it."""
    words = ", ".join(f"('{word}')" for word in WORDS[name])
    return (
        f"CREATE TABLE {name} (word TEXT PRIMARY KEY) WITHOUT ROWID;\n"
        f"INSERT INTO {name} VALUES {words};\n"
    )


INDICES = tuple(filter(str.strip, _INDICES.split(";")))
"""The statements that make the indices."""

SCHEMA = "".join([*map(table_of_words, WORDS), *map(table, TABLES), _INDICES])
"""The statements that make all that an empty ledger has."""
