"""From the tables of schema versions 1 to 4 to those of 5, one version at a time.

Nothing makes these tables any more: what is written here stays as it is.
"""

_OF_2 = """
CREATE INDEX campaign_revised ON campaign (id) WHERE state IN ('complete', 'incomplete')
    AND ((run_end IS NULL) <> (judged_end IS NULL) OR last_ls IS NOT judged_ls);
CREATE INDEX dag_undone ON dag (campaign_id, number) WHERE state NOT IN ('done', 'lost');
CREATE INDEX dag_in_flight ON dag (campaign_id) WHERE state IN ('planned', 'active');
CREATE INDEX node_dropped ON node (campaign_id) WHERE dropped <> '[]';
CREATE TABLE request (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL, run INTEGER NOT NULL, calibration TEXT, node TEXT,
    everything INTEGER NOT NULL DEFAULT 0, made_by TEXT NOT NULL, made_at REAL NOT NULL,
    answered_at REAL, answer TEXT NOT NULL DEFAULT '', granted INTEGER NOT NULL DEFAULT 0);
CREATE INDEX request_open ON request (id) WHERE answered_at IS NULL;
"""
_OF_3 = """
CREATE TABLE job (
    dag_id INTEGER NOT NULL REFERENCES dag (id), node TEXT NOT NULL, job_id TEXT NOT NULL,
    submitted_at REAL NOT NULL, host TEXT NOT NULL, started_at REAL, ended_at REAL,
    exit_code INTEGER, cpu_time REAL, memory_used INTEGER, memory_asked INTEGER,
    starts INTEGER NOT NULL, holds INTEGER NOT NULL, hold_reason TEXT, removed INTEGER NOT NULL,
    PRIMARY KEY (dag_id, node, job_id)) WITHOUT ROWID;
CREATE INDEX job_id ON job (job_id);
CREATE TABLE told (
    about TEXT PRIMARY KEY, text TEXT NOT NULL, since REAL NOT NULL, told_at REAL);
ALTER TABLE request ADD COLUMN reason TEXT NOT NULL DEFAULT '';
CREATE INDEX dag_cluster ON dag (cluster);
CREATE INDEX payload_hash ON payload (hash) WHERE hash <> '';
CREATE INDEX campaign_fill ON campaign (fill);
CREATE INDEX campaign_start ON campaign (run_start);
"""
_OF_4 = """
CREATE TABLE luminosity (
    run INTEGER NOT NULL, lumi INTEGER NOT NULL, recorded REAL NOT NULL,
    PRIMARY KEY (run, lumi)) WITHOUT ROWID;
CREATE TABLE held_calibration (
    calibration TEXT PRIMARY KEY, held_by TEXT NOT NULL, held_at REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX campaign_asked ON campaign (asked_at) WHERE asked_at IS NOT NULL;
CREATE INDEX payload_hashes ON payload (hashes) WHERE hashes <> '';
CREATE INDEX campaign_latched ON campaign (latched_at);
CREATE INDEX campaign_here ON campaign (run_start) WHERE archived IS NULL;
CREATE INDEX payload_answered ON payload (answered_at)
    WHERE outcome IN ('uploaded', 'refused', 'no answer');
"""
_OF_5 = """
CREATE TABLE destination (
    calibration TEXT PRIMARY KEY, folder TEXT NOT NULL, database TEXT NOT NULL,
    backend TEXT NOT NULL, hostname TEXT NOT NULL, url_template TEXT NOT NULL,
    since REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE destination_tag (
    calibration TEXT NOT NULL REFERENCES destination (calibration), tag TEXT NOT NULL,
    PRIMARY KEY (calibration, tag)) WITHOUT ROWID;
ALTER TABLE request ADD COLUMN accept_destination INTEGER NOT NULL DEFAULT 0;
"""

_TO_2 = f"""
ALTER TABLE campaign ADD COLUMN events_in_payload INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaign ADD COLUMN judged_end REAL;
ALTER TABLE campaign ADD COLUMN judged_ls INTEGER;
UPDATE campaign SET judged_end = run_end, judged_ls = last_ls;
ALTER TABLE raw_file ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dag ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dag ADD COLUMN removed_by TEXT NOT NULL DEFAULT '';
DROP INDEX dag_undone;
ALTER TABLE node ADD COLUMN child TEXT NOT NULL DEFAULT '';
ALTER TABLE node ADD COLUMN lacking TEXT NOT NULL DEFAULT '';
ALTER TABLE node ADD COLUMN exit_code INTEGER;
ALTER TABLE node ADD COLUMN error TEXT NOT NULL DEFAULT '';
ALTER TABLE node ADD COLUMN blames TEXT NOT NULL DEFAULT '{{}}';
ALTER TABLE node ADD COLUMN dropped TEXT NOT NULL DEFAULT '[]';
ALTER TABLE payload ADD COLUMN left_out TEXT NOT NULL DEFAULT '[]';
{_OF_2}"""

_TO_3 = f"""
ALTER TABLE campaign ADD COLUMN held_by TEXT NOT NULL DEFAULT '';
ALTER TABLE campaign ADD COLUMN cleaned TEXT NOT NULL DEFAULT '';
{_OF_3}"""

_TO_4 = f"""
ALTER TABLE campaign ADD COLUMN events_harvested INTEGER NOT NULL DEFAULT 0;
UPDATE campaign SET events_harvested = (SELECT COALESCE(MAX(events), 0) FROM payload
    WHERE campaign_id = campaign.id AND harvested_at IS NOT NULL);
ALTER TABLE dag ADD COLUMN harvests INTEGER NOT NULL DEFAULT 1;
ALTER TABLE dag ADD COLUMN lumis TEXT NOT NULL DEFAULT '';
ALTER TABLE dag ADD COLUMN events INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dag ADD COLUMN refused TEXT NOT NULL DEFAULT '';
ALTER TABLE campaign ADD COLUMN asked_at REAL;
ALTER TABLE campaign ADD COLUMN archived INTEGER;
ALTER TABLE campaign ADD COLUMN held_at REAL;
ALTER TABLE payload ADD COLUMN hashes TEXT NOT NULL DEFAULT '';
ALTER TABLE campaign_file ADD COLUMN blamed INTEGER NOT NULL DEFAULT 0;
{_OF_4}"""

_TO_5 = f"""
ALTER TABLE payload ADD COLUMN overlaps TEXT NOT NULL DEFAULT '{{}}';
{_OF_5}"""

SCRIPTS = {1: _TO_2, 2: _TO_3, 3: _TO_4, 4: _TO_5}
"""What turns the ledger of a schema version into one of the next."""
