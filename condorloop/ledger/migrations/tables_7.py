"""The tables of schema version 7, which a ledger of an older one has on its way to this one.

Knows statements alone; they do not change any more.
"""

from __future__ import annotations

from collections.abc import Mapping

TABLES: Mapping[str, str] = {
    "meta": "key TEXT PRIMARY KEY, value TEXT NOT NULL",
    "campaign": """
    id INTEGER PRIMARY KEY,
    calibration TEXT NOT NULL, run INTEGER NOT NULL, stream TEXT NOT NULL,
    state TEXT NOT NULL REFERENCES campaign_state (word), reason TEXT NOT NULL,
    fill INTEGER, run_start REAL NOT NULL, run_end REAL, last_ls INTEGER,
    latched_at REAL NOT NULL, state_since REAL NOT NULL, last_new_at REAL NOT NULL,
    seen TEXT NOT NULL DEFAULT '', harvested TEXT NOT NULL DEFAULT '',
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
    path TEXT NOT NULL UNIQUE, stream TEXT NOT NULL, run INTEGER NOT NULL,
    size INTEGER NOT NULL, seen_at REAL NOT NULL,
    state TEXT NOT NULL REFERENCES file_state (word),
    probes INTEGER NOT NULL DEFAULT 0, probed_at REAL,
    lumis TEXT NOT NULL DEFAULT '', events INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '', gone INTEGER NOT NULL DEFAULT 0""",
    "campaign_file": """
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    file_id INTEGER NOT NULL REFERENCES raw_file (id),
    dag_id INTEGER REFERENCES dag (id), node TEXT,
    blamed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (campaign_id, file_id)""",
    "dag": """
    id INTEGER PRIMARY KEY,
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    number INTEGER NOT NULL, batch INTEGER,
    state TEXT NOT NULL REFERENCES dag_state (word), cluster INTEGER, reason TEXT NOT NULL,
    planned_at REAL NOT NULL, submitted_at REAL, ended_at REAL,
    rescues INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL DEFAULT 0, removed_by TEXT NOT NULL DEFAULT '',
    harvests INTEGER NOT NULL DEFAULT 1,
    lumis TEXT NOT NULL DEFAULT '', events INTEGER NOT NULL DEFAULT 0,
    refused TEXT NOT NULL DEFAULT '', sends INTEGER,
    UNIQUE (campaign_id, number)""",
    "node": """
    dag_id INTEGER NOT NULL REFERENCES dag (id), name TEXT NOT NULL,
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    kind TEXT NOT NULL REFERENCES node_kind (word), job INTEGER,
    output TEXT NOT NULL, witness TEXT NOT NULL,
    state TEXT NOT NULL REFERENCES node_state (word),
    lumis TEXT NOT NULL DEFAULT '', events INTEGER NOT NULL DEFAULT 0,
    done_at REAL, harvested INTEGER NOT NULL DEFAULT 0,
    child TEXT NOT NULL DEFAULT '', lacking TEXT NOT NULL DEFAULT '',
    exit_code INTEGER, error TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (dag_id, name)""",
    "node_dropped": """
    dag_id INTEGER NOT NULL, node TEXT NOT NULL, input TEXT NOT NULL,
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    PRIMARY KEY (dag_id, node, input),
    FOREIGN KEY (dag_id, node) REFERENCES node (dag_id, name) ON DELETE CASCADE""",
    "node_blame": """
    dag_id INTEGER NOT NULL, node TEXT NOT NULL, input TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (dag_id, node, input),
    FOREIGN KEY (dag_id, node) REFERENCES node (dag_id, name) ON DELETE CASCADE""",
    "payload": """
    dag_id INTEGER PRIMARY KEY REFERENCES dag (id),
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    lumis TEXT NOT NULL DEFAULT '', events INTEGER NOT NULL DEFAULT 0, harvested_at REAL,
    outcome TEXT REFERENCES upload_outcome (word), answer TEXT NOT NULL DEFAULT '',
    tag TEXT NOT NULL DEFAULT '', hash TEXT NOT NULL DEFAULT '', since INTEGER,
    answered_at REAL, uploading INTEGER NOT NULL DEFAULT 0, overtaken_by INTEGER,
    unnamed TEXT NOT NULL DEFAULT '', origin TEXT NOT NULL DEFAULT '',
    in_pieces INTEGER NOT NULL DEFAULT 0,
    cause TEXT REFERENCES no_payload_cause (word), held_for TEXT REFERENCES held_for (word)""",
    "payload_piece": """
    dag_id INTEGER NOT NULL REFERENCES payload (dag_id) ON DELETE CASCADE,
    lumis TEXT NOT NULL, sent_at REAL NOT NULL,
    PRIMARY KEY (dag_id, lumis)""",
    "payload_destination": """
    dag_id INTEGER NOT NULL REFERENCES payload (dag_id) ON DELETE CASCADE,
    database TEXT NOT NULL, tag TEXT NOT NULL,
    outcome TEXT NOT NULL REFERENCES tag_outcome (word), answer TEXT NOT NULL DEFAULT '',
    since INTEGER, answered_at REAL, confirmed_at REAL, contradiction TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (dag_id, database, tag)""",
    "payload_input": """
    dag_id INTEGER NOT NULL REFERENCES payload (dag_id) ON DELETE CASCADE, job INTEGER NOT NULL,
    PRIMARY KEY (dag_id, job)""",
    "payload_left_out": """
    dag_id INTEGER NOT NULL REFERENCES payload (dag_id) ON DELETE CASCADE, job INTEGER NOT NULL,
    PRIMARY KEY (dag_id, job)""",
    "payload_overlap": """
    dag_id INTEGER NOT NULL REFERENCES payload (dag_id) ON DELETE CASCADE, job INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (dag_id, job)""",
    "payload_other_hash": """
    dag_id INTEGER NOT NULL REFERENCES payload (dag_id) ON DELETE CASCADE, number INTEGER NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (dag_id, number)""",
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
    only_uploads INTEGER NOT NULL DEFAULT 0, restored INTEGER NOT NULL DEFAULT 0""",
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

_INDICES = """
CREATE INDEX campaign_by_state ON campaign (state);
CREATE INDEX campaign_stream ON campaign (stream, run);
CREATE INDEX campaign_revised ON campaign (id)
    WHERE state IN ('complete', 'incomplete', 'no payload')
    AND ((run_end IS NULL) <> (judged_end IS NULL) OR last_ls IS NOT judged_ls);
CREATE INDEX campaign_fill ON campaign (fill);
CREATE INDEX campaign_start ON campaign (run_start);
CREATE INDEX campaign_window ON campaign (window_from);
CREATE INDEX campaign_asked ON campaign (asked_at) WHERE asked_at IS NOT NULL;
CREATE INDEX campaign_latched ON campaign (latched_at);
CREATE INDEX campaign_here ON campaign (run_start) WHERE archived IS NULL;
CREATE INDEX raw_file_run ON raw_file (stream, run);
CREATE INDEX raw_file_new ON raw_file (stream, run) WHERE state = 'new';
CREATE INDEX raw_file_unreadable ON raw_file (stream, run) WHERE state = 'unreadable';
CREATE INDEX campaign_file_waiting ON campaign_file (campaign_id) WHERE dag_id IS NULL;
CREATE INDEX campaign_file_dag ON campaign_file (dag_id);
CREATE INDEX campaign_file_file ON campaign_file (file_id);
CREATE INDEX dag_undone ON dag (campaign_id, number) WHERE state NOT IN ('done', 'lost');
CREATE INDEX dag_in_flight ON dag (campaign_id) WHERE state IN ('planned', 'active');
CREATE INDEX dag_cluster ON dag (cluster);
CREATE INDEX node_job ON node (campaign_id, job) WHERE job IS NOT NULL;
CREATE INDEX node_unharvested ON node (campaign_id)
    WHERE kind = 'ALCA' AND state = 'done' AND harvested = 0;
CREATE INDEX node_dropped_campaign ON node_dropped (campaign_id);
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

INDICES = tuple(filter(str.strip, _INDICES.split(";")))
"""The statements that make the indices."""
