-- An archive of schema version 5, of the runs of a year.
BEGIN TRANSACTION;
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
INSERT INTO "campaign" VALUES(1,'EcalPedestals',390000,'/eos/cms/RAW','complete','1-4 missing',10900,1772720000.0,1772720600.0,16,1772720000.0,1772720200.0,1772720000.0,'1-16','5-16','5-16',300,1772720600.0,16,'','logs?,reco',300,NULL,NULL,NULL);
INSERT INTO "campaign" VALUES(2,'SiStripBad',390000,'/eos/cms/RAW','expired','nothing done',10900,1772720000.0,1772720600.0,16,1772720000.0,1772720200.0,1772720000.0,'1-16','','',0,1772720600.0,16,'','',0,NULL,NULL,NULL);
CREATE TABLE campaign_file (
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    file_id INTEGER NOT NULL REFERENCES raw_file (id),
    dag_id INTEGER REFERENCES dag (id), node TEXT,
    blamed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (campaign_id, file_id)) WITHOUT ROWID;
INSERT INTO "campaign_file" VALUES(1,1,NULL,NULL,1);
INSERT INTO "campaign_file" VALUES(1,2,1,'RECO_0001',0);
INSERT INTO "campaign_file" VALUES(1,3,1,'RECO_0002',0);
INSERT INTO "campaign_file" VALUES(1,4,1,'RECO_0003',0);
INSERT INTO "campaign_file" VALUES(2,1,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(2,2,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(2,3,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(2,4,NULL,NULL,0);
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
INSERT INTO "dag" VALUES(1,1,0,0,'done',11,'files',1772720000.0,1772720000.0,1772720120.0,1,0,'',1,'1-16',400,'');
CREATE TABLE destination (
    calibration TEXT PRIMARY KEY, folder TEXT NOT NULL, database TEXT NOT NULL,
    backend TEXT NOT NULL, hostname TEXT NOT NULL, url_template TEXT NOT NULL,
    since REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE destination_tag (
    calibration TEXT NOT NULL REFERENCES destination (calibration), tag TEXT NOT NULL,
    PRIMARY KEY (calibration, tag)) WITHOUT ROWID;
CREATE TABLE held_calibration (
    calibration TEXT PRIMARY KEY, held_by TEXT NOT NULL, held_at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE job (
    dag_id INTEGER NOT NULL REFERENCES dag (id), node TEXT NOT NULL, job_id TEXT NOT NULL,
    submitted_at REAL NOT NULL, host TEXT NOT NULL, started_at REAL, ended_at REAL,
    exit_code INTEGER, cpu_time REAL, memory_used INTEGER, memory_asked INTEGER,
    starts INTEGER NOT NULL, holds INTEGER NOT NULL, hold_reason TEXT, removed INTEGER NOT NULL,
    PRIMARY KEY (dag_id, node, job_id)) WITHOUT ROWID;
INSERT INTO "job" VALUES(1,'RECO_0000','12.0',1772720010.0,'slot1@wn01',1772720011.0,1772720060.0,1,40.0,1500,2000,1,0,NULL,0);
INSERT INTO "job" VALUES(1,'RECO_0001','12.1',1772720010.0,'slot1@wn01',1772720011.0,1772720060.0,0,40.0,1500,2000,1,0,NULL,0);
CREATE TABLE luminosity (
    run INTEGER NOT NULL, lumi INTEGER NOT NULL, recorded REAL NOT NULL,
    PRIMARY KEY (run, lumi)) WITHOUT ROWID;
INSERT INTO "luminosity" VALUES(390000,1,0.5);
INSERT INTO "luminosity" VALUES(390000,2,0.25);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "meta" VALUES('schema_version','5');
INSERT INTO "meta" VALUES('ledger_id','0123456789ab');
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
INSERT INTO "node" VALUES(1,'ALCA_0000',1,'ALCA',0,'apJob000','apJob000/w.txt','done','5-16',300,1772720090.0,1,'','',NULL,'','{}','["reco00"]');
INSERT INTO "node" VALUES(1,'ALCA_0001',1,'ALCA',1,'apJob001','apJob001/w.txt','done','5-16',300,1772720090.0,1,'','',NULL,'','{}','[]');
INSERT INTO "node" VALUES(1,'HARVEST',1,'HARVEST',NULL,'harvestJob000','harvestJob000/harvest.json','waiting','',0,NULL,0,'','',NULL,'','{}','[]');
INSERT INTO "node" VALUES(1,'RECO_0000',1,'RECO',NULL,'reco00','reco00_job.txt','dropped','',0,NULL,0,'ALCA_0000','',1,'exit 1: it''s broken','{"/eos/cms/RAW/390000/f00.root": 3}','["/eos/cms/RAW/390000/f00.root"]');
INSERT INTO "node" VALUES(1,'RECO_0001',1,'RECO',NULL,'reco01','reco01_job.txt','done','5-16',300,1772720090.0,0,'ALCA_0000','',NULL,'','{}','[]');
INSERT INTO "node" VALUES(1,'RECO_0002',1,'RECO',NULL,'reco02','reco02_job.txt','done','5-16',300,1772720090.0,0,'ALCA_0001','',NULL,'','{}','[]');
INSERT INTO "node" VALUES(1,'RECO_0003',1,'RECO',NULL,'reco03','reco03_job.txt','done','5-16',300,1772720090.0,0,'ALCA_0001','',NULL,'','{}','[]');
INSERT INTO "node" VALUES(1,'UPLOAD',1,'UPLOAD',NULL,'harvestJob000','harvestJob000/upload.json','waiting','',0,NULL,0,'','',NULL,'','{}','[]');
CREATE TABLE payload (
    dag_id INTEGER PRIMARY KEY REFERENCES dag (id),
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    inputs TEXT NOT NULL, lumis TEXT NOT NULL DEFAULT '', events INTEGER NOT NULL DEFAULT 0,
    harvested_at REAL, outcome TEXT, answer TEXT NOT NULL DEFAULT '',
    tag TEXT NOT NULL DEFAULT '', hash TEXT NOT NULL DEFAULT '', since INTEGER, answered_at REAL,
    left_out TEXT NOT NULL DEFAULT '[]', hashes TEXT NOT NULL DEFAULT '',
    overlaps TEXT NOT NULL DEFAULT '{}');
INSERT INTO "payload" VALUES(1,1,'[0, 1]','5-16',300,1772720100.0,'uploaded','taken','Tag_v1','8fae12cd8fae12cd8fae12cd8fae12cd8fae12cd',390000,1772720110.0,'[]',' aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11 bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22','{}');
CREATE TABLE raw_file (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE, stream TEXT NOT NULL, run INTEGER NOT NULL,
    size INTEGER NOT NULL, seen_at REAL NOT NULL,
    state TEXT NOT NULL, probes INTEGER NOT NULL DEFAULT 0, probed_at REAL,
    lumis TEXT NOT NULL DEFAULT '', events INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '', gone INTEGER NOT NULL DEFAULT 0);
INSERT INTO "raw_file" VALUES(1,'/eos/cms/RAW/390000/f00.root','/eos/cms/RAW',390000,3000000000,1772720000.0,'unreadable',0,1772720005.0,'1-4',100,'jobs kept failing on it; it is read again when it can be',0);
INSERT INTO "raw_file" VALUES(2,'/eos/cms/RAW/390000/f01.root','/eos/cms/RAW',390000,3000000000,1772720000.0,'good',1,1772720005.0,'5-8',100,'',0);
INSERT INTO "raw_file" VALUES(3,'/eos/cms/RAW/390000/f02.root','/eos/cms/RAW',390000,3000000000,1772720000.0,'good',1,1772720005.0,'9-12',100,'',0);
INSERT INTO "raw_file" VALUES(4,'/eos/cms/RAW/390000/f03.root','/eos/cms/RAW',390000,3000000000,1772720000.0,'good',1,1772720005.0,'13-16',100,'',0);
CREATE TABLE request (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL, run INTEGER NOT NULL, calibration TEXT, node TEXT,
    everything INTEGER NOT NULL DEFAULT 0, made_by TEXT NOT NULL, made_at REAL NOT NULL,
    answered_at REAL, answer TEXT NOT NULL DEFAULT '', granted INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '', accept_destination INTEGER NOT NULL DEFAULT 0);
CREATE TABLE told (
    about TEXT PRIMARY KEY, text TEXT NOT NULL, since REAL NOT NULL, told_at REAL);
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
