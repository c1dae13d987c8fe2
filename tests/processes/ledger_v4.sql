-- A ledger of schema version 4, in the middle of its work.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE campaign (
    id INTEGER PRIMARY KEY,
    calibration TEXT NOT NULL, run INTEGER NOT NULL, stream TEXT NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL,
    fill INTEGER, run_start REAL NOT NULL, run_end REAL, last_ls INTEGER,
    latched_at REAL NOT NULL, state_since REAL NOT NULL, last_new_at REAL NOT NULL,
    seen TEXT NOT NULL DEFAULT '', harvested TEXT NOT NULL DEFAULT '',
    in_payload TEXT NOT NULL DEFAULT '', events_in_payload INTEGER NOT NULL DEFAULT 0,
    judged_end REAL, judged_ls INTEGER,
    held_by TEXT NOT NULL DEFAULT '', cleaned TEXT NOT NULL DEFAULT '',
    events_harvested INTEGER NOT NULL DEFAULT 0, asked_at REAL, archived INTEGER, held_at REAL,
    UNIQUE (run, calibration));
CREATE INDEX campaign_state ON campaign (state);
CREATE INDEX campaign_stream ON campaign (stream, run);
CREATE TABLE raw_file (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE, stream TEXT NOT NULL, run INTEGER NOT NULL,
    size INTEGER NOT NULL, seen_at REAL NOT NULL,
    state TEXT NOT NULL, probes INTEGER NOT NULL DEFAULT 0, probed_at REAL,
    lumis TEXT NOT NULL DEFAULT '', events INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '', gone INTEGER NOT NULL DEFAULT 0);
CREATE INDEX raw_file_run ON raw_file (stream, run);
CREATE INDEX raw_file_new ON raw_file (stream, run) WHERE state = 'new';
CREATE INDEX raw_file_unreadable ON raw_file (stream, run) WHERE state = 'unreadable';
CREATE TABLE campaign_file (
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    file_id INTEGER NOT NULL REFERENCES raw_file (id),
    dag_id INTEGER REFERENCES dag (id), node TEXT, blamed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (campaign_id, file_id)) WITHOUT ROWID;
CREATE INDEX campaign_file_waiting ON campaign_file (campaign_id) WHERE dag_id IS NULL;
CREATE INDEX campaign_file_dag ON campaign_file (dag_id);
CREATE TABLE dag (
    id INTEGER PRIMARY KEY,
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    number INTEGER NOT NULL, batch INTEGER,
    state TEXT NOT NULL, cluster INTEGER, reason TEXT NOT NULL,
    planned_at REAL NOT NULL, submitted_at REAL, ended_at REAL,
    rescues INTEGER NOT NULL DEFAULT 0,
        held INTEGER NOT NULL DEFAULT 0, removed_by TEXT NOT NULL DEFAULT '', harvests INTEGER NOT
    NULL DEFAULT 1, lumis TEXT NOT NULL DEFAULT '', events INTEGER NOT NULL DEFAULT 0, refused TEXT
    NOT NULL DEFAULT '',
    UNIQUE (campaign_id, number));
CREATE TABLE node (
    dag_id INTEGER NOT NULL REFERENCES dag (id), name TEXT NOT NULL,
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    kind TEXT NOT NULL, job INTEGER, output TEXT NOT NULL, witness TEXT NOT NULL,
    state TEXT NOT NULL,
    lumis TEXT NOT NULL DEFAULT '', events INTEGER NOT NULL DEFAULT 0,
    done_at REAL, harvested INTEGER NOT NULL DEFAULT 0,
    child TEXT NOT NULL DEFAULT '', lacking TEXT NOT NULL DEFAULT '',
    exit_code INTEGER, error TEXT NOT NULL DEFAULT '', blames TEXT NOT NULL DEFAULT '{}',
    dropped TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (dag_id, name)) WITHOUT ROWID;
CREATE INDEX node_job ON node (campaign_id, job) WHERE job IS NOT NULL;
CREATE INDEX node_unharvested ON node (campaign_id)
    WHERE kind = 'ALCA' AND state = 'done' AND harvested = 0;
CREATE TABLE payload (
    dag_id INTEGER PRIMARY KEY REFERENCES dag (id),
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    inputs TEXT NOT NULL, lumis TEXT NOT NULL DEFAULT '', events INTEGER NOT NULL DEFAULT 0,
    harvested_at REAL, outcome TEXT, answer TEXT NOT NULL DEFAULT '',
    tag TEXT NOT NULL DEFAULT '', hash TEXT NOT NULL DEFAULT '', since INTEGER, answered_at REAL,
    left_out TEXT NOT NULL DEFAULT '[]', hashes TEXT NOT NULL DEFAULT '');
CREATE INDEX payload_campaign ON payload (campaign_id);
CREATE INDEX campaign_revised ON campaign (id) WHERE state IN ('complete', 'incomplete')
    AND ((run_end IS NULL) <> (judged_end IS NULL) OR last_ls IS NOT judged_ls);
CREATE INDEX dag_undone ON dag (campaign_id, number) WHERE state NOT IN ('done', 'lost');
CREATE INDEX dag_in_flight ON dag (campaign_id) WHERE state IN ('planned', 'active');
CREATE INDEX node_dropped ON node (campaign_id) WHERE dropped <> '[]';
CREATE TABLE request (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL, run INTEGER NOT NULL, calibration TEXT, node TEXT,
    everything INTEGER NOT NULL DEFAULT 0, made_by TEXT NOT NULL, made_at REAL NOT NULL,
        answered_at REAL, answer TEXT NOT NULL DEFAULT '', granted INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '');
CREATE INDEX request_open ON request (id) WHERE answered_at IS NULL;
CREATE TABLE job (
    dag_id INTEGER NOT NULL REFERENCES dag (id), node TEXT NOT NULL, job_id TEXT NOT NULL,
    submitted_at REAL NOT NULL, host TEXT NOT NULL, started_at REAL, ended_at REAL,
    exit_code INTEGER, cpu_time REAL, memory_used INTEGER, memory_asked INTEGER,
    starts INTEGER NOT NULL, holds INTEGER NOT NULL, hold_reason TEXT, removed INTEGER NOT NULL,
    PRIMARY KEY (dag_id, node, job_id)) WITHOUT ROWID;
CREATE INDEX job_id ON job (job_id);
CREATE TABLE told (
    about TEXT PRIMARY KEY, text TEXT NOT NULL, since REAL NOT NULL, told_at REAL);
CREATE INDEX dag_cluster ON dag (cluster);
CREATE INDEX payload_hash ON payload (hash) WHERE hash <> '';
CREATE INDEX campaign_fill ON campaign (fill);
CREATE INDEX campaign_start ON campaign (run_start);
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
INSERT INTO meta (key, value) VALUES ('schema_version', '4');
INSERT INTO meta (key, value) VALUES ('ledger_id', '0123456789ab');
INSERT INTO campaign (id, calibration, run, stream, state, reason, fill, run_start, run_end,
    last_ls, latched_at, state_since, last_new_at, seen, harvested, in_payload, events_in_payload,
    judged_end, judged_ls, held_by, cleaned, events_harvested, asked_at, archived, held_at) VALUES
    (1, 'EcalPedestals', 398600, '/eos/cms/RAW', 'active', 'running', 10900, 1790000000.0, NULL,
    NULL, 1790000000.0, 1790000000.0, 1790000001.0, '1-20', '1-5', '1-5', 100, NULL, NULL,
    'bob@node', '', 100, NULL, NULL, NULL);
INSERT INTO campaign (id, calibration, run, stream, state, reason, fill, run_start, run_end,
    last_ls, latched_at, state_since, last_new_at, seen, harvested, in_payload, events_in_payload,
    judged_end, judged_ls, held_by, cleaned, events_harvested, asked_at, archived, held_at) VALUES
    (2, 'BeamSpot', 398500, '/eos/cms/RAW', 'complete', 'done', 10900, 1789900000.0, 1789905000.0,
    50, 1789900000.0, 1789906000.0, 1789905000.0, '1-50', '1-50', '1-50', 900, 1789905000.0, 50,
    '', 'reco', 0, NULL, NULL, NULL);
INSERT INTO raw_file (id, path, stream, run, size, seen_at, state, probes, probed_at, lumis,
    events, error, gone) VALUES (1, '/eos/a.root', '/eos/cms/RAW', 398600, 1000, 1790000001.0,
    'good', 1, NULL, '1-5', 100, '', 0);
INSERT INTO raw_file (id, path, stream, run, size, seen_at, state, probes, probed_at, lumis,
    events, error, gone) VALUES (2, '/eos/b.root', '/eos/cms/RAW', 398600, 1000, 1790000001.0,
    'good', 1, NULL, '6-10', 100, '', 0);
INSERT INTO raw_file (id, path, stream, run, size, seen_at, state, probes, probed_at, lumis,
    events, error, gone) VALUES (3, '/eos/c.root', '/eos/cms/RAW', 398600, 1000, 1790000001.0,
    'good', 1, NULL, '11-15', 100, '', 0);
INSERT INTO raw_file (id, path, stream, run, size, seen_at, state, probes, probed_at, lumis,
    events, error, gone) VALUES (4, '/eos/d.root', '/eos/cms/RAW', 398600, 1000, 1790000001.0,
    'good', 1, NULL, '16-20', 100, '', 0);
INSERT INTO raw_file (id, path, stream, run, size, seen_at, state, probes, probed_at, lumis,
    events, error, gone) VALUES (5, '/eos/e.root', '/eos/cms/RAW', 398600, 1000, 1790000001.0,
    'bad', 1, NULL, '', 0, 'no tree', 1);
INSERT INTO campaign_file (campaign_id, file_id, dag_id, node, blamed) VALUES (1, 1, 1,
    'RECO_0000', 0);
INSERT INTO campaign_file (campaign_id, file_id, dag_id, node, blamed) VALUES (1, 2, 2,
    'RECO_0000', 0);
INSERT INTO campaign_file (campaign_id, file_id, dag_id, node, blamed) VALUES (1, 3, 2,
    'RECO_0001', 0);
INSERT INTO campaign_file (campaign_id, file_id, dag_id, node, blamed) VALUES (1, 4, NULL, NULL,
    0);
INSERT INTO dag (id, campaign_id, number, batch, state, cluster, reason, planned_at, submitted_at,
    ended_at, rescues, held, removed_by, harvests, lumis, events, refused) VALUES (1, 1, 0, 0,
    'done', 17, 'new files', 1790000002.0, 1790000003.0, 1790000009.0, 0, 0, '', 1, '', 0, '');
INSERT INTO dag (id, campaign_id, number, batch, state, cluster, reason, planned_at, submitted_at,
    ended_at, rescues, held, removed_by, harvests, lumis, events, refused) VALUES (2, 1, 1, 1,
    'failed', 18, 'new files', 1790000012.0, 1790000013.0, 1790000019.0, 3, 0, '', 1, '', 0, '');
INSERT INTO dag (id, campaign_id, number, batch, state, cluster, reason, planned_at, submitted_at,
    ended_at, rescues, held, removed_by, harvests, lumis, events, refused) VALUES (3, 1, 2, 2,
    'removed', 19, 'new files', 1790000022.0, 1790000023.0, 1790000029.0, 0, 0, 'alice', 1, '', 0,
    '');
INSERT INTO node (dag_id, name, campaign_id, kind, job, output, witness, state, lumis, events,
    done_at, harvested, child, lacking, exit_code, error, blames, dropped) VALUES (1, 'ALCA_0000',
    1, 'ALCA', 0, 'apJob000', 'apJob000/w.txt', 'done', '1-5', 100, 1790000006.0, 1, '', '', NULL,
    '', '{}', '[]');
INSERT INTO node (dag_id, name, campaign_id, kind, job, output, witness, state, lumis, events,
    done_at, harvested, child, lacking, exit_code, error, blames, dropped) VALUES (1, 'HARVEST',
    1, 'HARVEST', NULL, 'harvestJob000', 'harvestJob000/harvest.json', 'done', '1-5', 100,
    1790000007.0, 0, '', '', NULL, '', '{}', '[]');
INSERT INTO node (dag_id, name, campaign_id, kind, job, output, witness, state, lumis, events,
    done_at, harvested, child, lacking, exit_code, error, blames, dropped) VALUES (1, 'RECO_0000',
    1, 'RECO', NULL, 'r0', 'r0_job.txt', 'done', '1-5', 100, 1790000005.0, 0, 'ALCA_0000', '',
    NULL, '', '{}', '[]');
INSERT INTO node (dag_id, name, campaign_id, kind, job, output, witness, state, lumis, events,
    done_at, harvested, child, lacking, exit_code, error, blames, dropped) VALUES (2, 'ALCA_0000',
    1, 'ALCA', 1, 'apJob001', 'apJob001/w.txt', 'waiting', '', 0, NULL, 0, '', '', NULL, '', '{}',
    '["r2"]');
INSERT INTO node (dag_id, name, campaign_id, kind, job, output, witness, state, lumis, events,
    done_at, harvested, child, lacking, exit_code, error, blames, dropped) VALUES (2, 'RECO_0000',
    1, 'RECO', NULL, 'r1', 'r1_job.txt', 'failed', '', 0, NULL, 0, 'ALCA_0000', '', 84, 'cannot be read', '{"/eos/b.root": 2}', '[]');
INSERT INTO node (dag_id, name, campaign_id, kind, job, output, witness, state, lumis, events,
    done_at, harvested, child, lacking, exit_code, error, blames, dropped) VALUES (2, 'RECO_0001',
    1, 'RECO', NULL, 'r2', 'r2_job.txt', 'dropped', '', 0, NULL, 0, 'ALCA_0000', '', NULL, '',
    '{}', '["/eos/c.root"]');
INSERT INTO payload (dag_id, campaign_id, inputs, lumis, events, harvested_at, outcome, answer,
    tag, hash, since, answered_at, left_out, hashes) VALUES (1, 1, '[0]', '1-5', 100,
    1790000007.0, 'uploaded', 'taken', 'tag', 'abc', 398600, 1790000008.0, '[]', '');
INSERT INTO request (id, kind, run, calibration, node, everything, made_by, made_at, answered_at,
    answer, granted, reason) VALUES (1, 'resubmit', 398600, NULL, NULL, 1, 'alice@node',
    1790000030.0, NULL, '', 0, '');
INSERT INTO job (dag_id, node, job_id, submitted_at, host, started_at, ended_at, exit_code,
    cpu_time, memory_used, memory_asked, starts, holds, hold_reason, removed) VALUES (1,
    'RECO_0000', '20.0', 1790000003.0, 'slot1@node', 1790000004.0, 1790000005.0, 0, 9.5, 900,
    2000, 1, 0, NULL, 0);
INSERT INTO told (about, text, since, told_at) VALUES ('mail service|||OMS does not answer', 'OMS does not answer', 1790000001.0, NULL);
