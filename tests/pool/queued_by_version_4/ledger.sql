PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO meta VALUES('schema_version','4');
INSERT INTO meta VALUES('ledger_id','ae557eb662f6');
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
INSERT INTO campaign VALUES(1,'EcalPedestals',398610,'/eos/cms/tier0/store/data/Run2026D/TestEnablesEcalHcal/RAW/Express-v1','active','PROTONS collisions2026, running',11300,1796021740.0,1796021741.0,6,1796021740.1925339698,1796021740.1925339698,1796021742.1969325542,'1-6','','',0,NULL,NULL,'','',0,NULL,NULL,NULL);
CREATE TABLE raw_file (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE, stream TEXT NOT NULL, run INTEGER NOT NULL,
    size INTEGER NOT NULL, seen_at REAL NOT NULL,
    state TEXT NOT NULL, probes INTEGER NOT NULL DEFAULT 0, probed_at REAL,
    lumis TEXT NOT NULL DEFAULT '', events INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '', gone INTEGER NOT NULL DEFAULT 0);
INSERT INTO raw_file VALUES(1,'/eos/cms/tier0/store/data/Run2026D/TestEnablesEcalHcal/RAW/Express-v1/000/398/610/00000/8a794bcd-a460-5056-a4b8-bb467bd96723.root','/eos/cms/tier0/store/data/Run2026D/TestEnablesEcalHcal/RAW/Express-v1',398610,40019,1796021741.1929364204,'good',1,1796021741.642535448,'1-4',160,'',0);
INSERT INTO raw_file VALUES(2,'/eos/cms/tier0/store/data/Run2026D/TestEnablesEcalHcal/RAW/Express-v1/000/398/610/00000/1f324aab-ed62-538d-b334-b4e23a860478.root','/eos/cms/tier0/store/data/Run2026D/TestEnablesEcalHcal/RAW/Express-v1',398610,32063,1796021742.1969325542,'good',1,1796021742.6878368854,'5-6',80,'',0);
CREATE TABLE campaign_file (
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    file_id INTEGER NOT NULL REFERENCES raw_file (id),
    dag_id INTEGER REFERENCES dag (id), node TEXT,
    blamed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (campaign_id, file_id)) WITHOUT ROWID;
INSERT INTO campaign_file VALUES(1,1,1,'RECO_0000',0);
INSERT INTO campaign_file VALUES(1,2,2,'RECO_0000',0);
CREATE TABLE dag (
    id INTEGER PRIMARY KEY,
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    number INTEGER NOT NULL, batch INTEGER,
    state TEXT NOT NULL, cluster INTEGER, reason TEXT NOT NULL,
    planned_at REAL NOT NULL, submitted_at REAL, ended_at REAL,
    rescues INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL DEFAULT 0, removed_by TEXT NOT NULL DEFAULT '',
    harvests INTEGER NOT NULL DEFAULT 1,
    lumis TEXT NOT NULL DEFAULT '', events INTEGER NOT NULL DEFAULT 0,
    refused TEXT NOT NULL DEFAULT '',
    UNIQUE (campaign_id, number));
INSERT INTO dag VALUES(1,1,0,0,'active',1,'1 new file and no DAG at work',1796021741.642535448,1796021741.642535448,NULL,0,0,'',1,'1-4',160,'');
INSERT INTO dag VALUES(2,1,1,1,'active',2,'1 new file and the run has ended',1796021742.6878368854,1796021742.6878368854,NULL,0,0,'',1,'5-6',80,'');
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
INSERT INTO node VALUES(1,'ALCA_0000',1,'ALCA',0,'apJob000','apJob000/ecalPedsStep3_job.txt','waiting','',0,NULL,0,'','',NULL,'','{}','[]');
INSERT INTO node VALUES(1,'HARVEST',1,'HARVEST',NULL,'harvestJob000','harvestJob000/harvest.json','waiting','',0,NULL,0,'','',NULL,'','{}','[]');
INSERT INTO node VALUES(1,'RECO_0000',1,'RECO',NULL,'run398610_LS0001To0004_b000_0000_ecalPedsStep2','run398610_LS0001To0004_b000_0000_ecalPedsStep2_job.txt','waiting','',0,NULL,0,'ALCA_0000','',NULL,'','{}','[]');
INSERT INTO node VALUES(1,'UPLOAD',1,'UPLOAD',NULL,'harvestJob000','harvestJob000/upload.json','waiting','',0,NULL,0,'','',NULL,'','{}','[]');
INSERT INTO node VALUES(2,'ALCA_0000',1,'ALCA',1,'apJob001','apJob001/ecalPedsStep3_job.txt','waiting','',0,NULL,0,'','',NULL,'','{}','[]');
INSERT INTO node VALUES(2,'HARVEST',1,'HARVEST',NULL,'harvestJob001','harvestJob001/harvest.json','waiting','',0,NULL,0,'','',NULL,'','{}','[]');
INSERT INTO node VALUES(2,'RECO_0000',1,'RECO',NULL,'run398610_LS0005To0006_b001_0000_ecalPedsStep2','run398610_LS0005To0006_b001_0000_ecalPedsStep2_job.txt','waiting','',0,NULL,0,'ALCA_0000','',NULL,'','{}','[]');
INSERT INTO node VALUES(2,'UPLOAD',1,'UPLOAD',NULL,'harvestJob001','harvestJob001/upload.json','waiting','',0,NULL,0,'','',NULL,'','{}','[]');
CREATE TABLE payload (
    dag_id INTEGER PRIMARY KEY REFERENCES dag (id),
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    inputs TEXT NOT NULL, lumis TEXT NOT NULL DEFAULT '', events INTEGER NOT NULL DEFAULT 0,
    harvested_at REAL, outcome TEXT, answer TEXT NOT NULL DEFAULT '',
    tag TEXT NOT NULL DEFAULT '', hash TEXT NOT NULL DEFAULT '', since INTEGER, answered_at REAL,
    left_out TEXT NOT NULL DEFAULT '[]', hashes TEXT NOT NULL DEFAULT '');
CREATE TABLE request (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL, run INTEGER NOT NULL, calibration TEXT, node TEXT,
    everything INTEGER NOT NULL DEFAULT 0, made_by TEXT NOT NULL, made_at REAL NOT NULL,
    answered_at REAL, answer TEXT NOT NULL DEFAULT '', granted INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '');
CREATE TABLE job (
    dag_id INTEGER NOT NULL REFERENCES dag (id), node TEXT NOT NULL, job_id TEXT NOT NULL,
    submitted_at REAL NOT NULL, host TEXT NOT NULL, started_at REAL, ended_at REAL,
    exit_code INTEGER, cpu_time REAL, memory_used INTEGER, memory_asked INTEGER,
    starts INTEGER NOT NULL, holds INTEGER NOT NULL, hold_reason TEXT, removed INTEGER NOT NULL,
    PRIMARY KEY (dag_id, node, job_id)) WITHOUT ROWID;
CREATE TABLE told (
    about TEXT PRIMARY KEY, text TEXT NOT NULL, since REAL NOT NULL, told_at REAL);
CREATE TABLE luminosity (
    run INTEGER NOT NULL, lumi INTEGER NOT NULL, recorded REAL NOT NULL,
    PRIMARY KEY (run, lumi)) WITHOUT ROWID;
CREATE TABLE held_calibration (
    calibration TEXT PRIMARY KEY, held_by TEXT NOT NULL, held_at REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX campaign_state ON campaign (state);
CREATE INDEX campaign_stream ON campaign (stream, run);
CREATE INDEX raw_file_run ON raw_file (stream, run);
CREATE INDEX raw_file_new ON raw_file (stream, run) WHERE state = 'new';
CREATE INDEX raw_file_unreadable ON raw_file (stream, run) WHERE state = 'unreadable';
CREATE INDEX campaign_file_waiting ON campaign_file (campaign_id) WHERE dag_id IS NULL;
CREATE INDEX campaign_file_dag ON campaign_file (dag_id);
CREATE INDEX node_job ON node (campaign_id, job) WHERE job IS NOT NULL;
CREATE INDEX node_unharvested ON node (campaign_id)
    WHERE kind = 'ALCA' AND state = 'done' AND harvested = 0;
CREATE INDEX payload_campaign ON payload (campaign_id);
CREATE INDEX campaign_revised ON campaign (id) WHERE state IN ('complete', 'incomplete')
    AND ((run_end IS NULL) <> (judged_end IS NULL) OR last_ls IS NOT judged_ls);
CREATE INDEX dag_undone ON dag (campaign_id, number) WHERE state NOT IN ('done', 'lost');
CREATE INDEX dag_in_flight ON dag (campaign_id) WHERE state IN ('planned', 'active');
CREATE INDEX node_dropped ON node (campaign_id) WHERE dropped <> '[]';
CREATE INDEX request_open ON request (id) WHERE answered_at IS NULL;
CREATE INDEX job_id ON job (job_id);
CREATE INDEX dag_cluster ON dag (cluster);
CREATE INDEX payload_hash ON payload (hash) WHERE hash <> '';
CREATE INDEX campaign_fill ON campaign (fill);
CREATE INDEX campaign_start ON campaign (run_start);
CREATE INDEX campaign_asked ON campaign (asked_at) WHERE asked_at IS NOT NULL;
CREATE INDEX payload_hashes ON payload (hashes) WHERE hashes <> '';
CREATE INDEX campaign_latched ON campaign (latched_at);
CREATE INDEX campaign_here ON campaign (run_start) WHERE archived IS NULL;
CREATE INDEX payload_answered ON payload (answered_at)
    WHERE outcome IN ('uploaded', 'refused', 'no answer');
COMMIT;
