BEGIN TRANSACTION;
CREATE TABLE artifact (word TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO "artifact" VALUES('alcareco');
INSERT INTO "artifact" VALUES('dags');
INSERT INTO "artifact" VALUES('logs');
INSERT INTO "artifact" VALUES('reco');
INSERT INTO "artifact" VALUES('runs');
CREATE TABLE "campaign" (
    id INTEGER PRIMARY KEY,
    calibration TEXT NOT NULL, run INTEGER NOT NULL, stream TEXT NOT NULL,
    state TEXT NOT NULL REFERENCES campaign_state (word), reason TEXT NOT NULL,
    fill INTEGER, run_start REAL NOT NULL, run_end REAL, last_ls INTEGER,
    latched_at REAL NOT NULL, state_since REAL NOT NULL, last_new_at REAL NOT NULL,
    seen TEXT NOT NULL DEFAULT '', harvested TEXT NOT NULL DEFAULT '',
    in_payload TEXT NOT NULL DEFAULT '', events_in_payload INTEGER NOT NULL DEFAULT 0,
    judged_end REAL, judged_ls INTEGER, held_by TEXT NOT NULL DEFAULT '',
    events_harvested INTEGER NOT NULL DEFAULT 0, asked_at REAL, archived INTEGER, held_at REAL, by_lumi INTEGER NOT NULL DEFAULT 0, window_from REAL NOT NULL DEFAULT 0,
    UNIQUE (run, calibration));
INSERT INTO "campaign" VALUES(1,'EcalPedestals',390000,'/eos/cms/RAW','complete','1-4 missing',10900,1772720000.0,1772720600.0,16,1772720000.0,1772720200.0,1772720000.0,'1-16','5-16','5-16',300,1772720600.0,16,'',300,NULL,2026,NULL,0,1772720000.0);
INSERT INTO "campaign" VALUES(2,'SiStripBad',390000,'/eos/cms/RAW','expired','nothing done',10900,1772720000.0,1772720600.0,16,1772720000.0,1772720200.0,1772720000.0,'1-16','','',0,1772720600.0,16,'',0,NULL,2026,NULL,0,1772720000.0);
INSERT INTO "campaign" VALUES(3,'EcalPedestals',398400,'/eos/cms/RAW','complete','1-4 missing',10900,1789740800.0,1789741400.0,16,1789740800.0,1789741000.0,1789740800.0,'1-16','5-16','5-16',300,1789741400.0,16,'',300,NULL,NULL,NULL,0,1789740800.0);
INSERT INTO "campaign" VALUES(4,'SiStripBad',398400,'/eos/cms/RAW','expired','nothing done',10900,1789740800.0,1789741400.0,16,1789740800.0,1789741000.0,1789740800.0,'1-16','','',0,1789741400.0,16,'',0,NULL,NULL,NULL,0,1789740800.0);
INSERT INTO "campaign" VALUES(5,'EcalPedestals',398600,'/eos/cms/RAW','active','running',10900,1790000000.0,NULL,NULL,1790000000.0,1790000000.0,1790000002.0,'1-80','1-16,49-52','',0,NULL,NULL,'',500,1790000400.0,NULL,NULL,0,1790000000.0);
INSERT INTO "campaign" VALUES(6,'SiStripBad',398600,'/eos/cms/RAW','active','running',10900,1790000000.0,NULL,NULL,1790000000.0,1790000000.0,1790000002.0,'1-80','1-24','',0,NULL,NULL,'',600,NULL,NULL,NULL,0,1790000000.0);
INSERT INTO "campaign" VALUES(7,'BeamSpot',398600,'/eos/cms/RAW','active','running',10900,1790000000.0,NULL,NULL,1790000000.0,1790000000.0,1790000002.0,'1-80','','',0,NULL,NULL,'bob@node',0,NULL,NULL,1790000005.0,0,1790000000.0);
INSERT INTO "campaign" VALUES(8,'BeamSpot',398500,'/eos/cms/RAW','abandoned','by alice',10900,1789996400.0,1789999990.0,8,1789996400.0,1790000000.0,1789996400.0,'','','',0,NULL,NULL,'',0,NULL,NULL,NULL,0,1789996400.0);
INSERT INTO "campaign" VALUES(9,'EcalPedestals',398500,'/eos/cms/RAW','incomplete','8 of 8 LS missing',10900,1789996400.0,1789999990.0,8,1789996400.0,1790000000.0,1789996400.0,'','','',0,1789999990.0,8,'',0,NULL,NULL,NULL,0,1789996400.0);
CREATE TABLE campaign_cleaned (
    campaign_id INTEGER NOT NULL REFERENCES campaign (id) ON DELETE CASCADE,
    artifact TEXT NOT NULL REFERENCES artifact (word), begun INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (campaign_id, artifact)) WITHOUT ROWID;
INSERT INTO "campaign_cleaned" VALUES(1,'logs',1);
INSERT INTO "campaign_cleaned" VALUES(1,'reco',0);
INSERT INTO "campaign_cleaned" VALUES(3,'logs',1);
INSERT INTO "campaign_cleaned" VALUES(3,'reco',0);
INSERT INTO "campaign_cleaned" VALUES(4,'runs',0);
CREATE TABLE campaign_file (
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    file_id INTEGER NOT NULL REFERENCES raw_file (id),
    dag_id INTEGER REFERENCES dag (id), node TEXT,
    blamed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (campaign_id, file_id)) WITHOUT ROWID;
INSERT INTO "campaign_file" VALUES(3,5,NULL,NULL,1);
INSERT INTO "campaign_file" VALUES(3,6,2,'RECO_0001',0);
INSERT INTO "campaign_file" VALUES(3,7,2,'RECO_0002',0);
INSERT INTO "campaign_file" VALUES(3,8,2,'RECO_0003',0);
INSERT INTO "campaign_file" VALUES(4,5,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(4,6,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(4,7,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(4,8,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(5,9,3,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(5,10,3,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(5,11,3,'RECO_0001',0);
INSERT INTO "campaign_file" VALUES(5,12,3,'RECO_0001',0);
INSERT INTO "campaign_file" VALUES(5,13,3,'RECO_0002',0);
INSERT INTO "campaign_file" VALUES(5,14,3,'RECO_0003',0);
INSERT INTO "campaign_file" VALUES(5,15,4,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(5,16,4,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(5,17,4,'RECO_0001',0);
INSERT INTO "campaign_file" VALUES(5,18,4,'RECO_0002',0);
INSERT INTO "campaign_file" VALUES(5,19,NULL,NULL,1);
INSERT INTO "campaign_file" VALUES(5,20,5,'RECO_0001',0);
INSERT INTO "campaign_file" VALUES(5,21,5,'RECO_0002',0);
INSERT INTO "campaign_file" VALUES(5,22,6,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(5,23,7,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(5,24,8,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(5,25,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(5,26,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(5,27,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(5,28,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(6,9,11,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(6,10,11,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(6,11,11,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(6,12,11,'RECO_0001',0);
INSERT INTO "campaign_file" VALUES(6,13,11,'RECO_0001',0);
INSERT INTO "campaign_file" VALUES(6,14,11,'RECO_0001',0);
INSERT INTO "campaign_file" VALUES(6,15,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(6,16,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(6,17,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(6,18,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(6,19,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(6,20,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(6,21,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(6,22,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(6,23,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(6,24,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(6,25,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(6,26,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(6,27,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(6,28,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(7,9,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(7,10,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(7,11,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(7,12,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(7,13,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(7,14,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(7,15,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(7,16,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(7,17,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(7,18,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(7,19,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(7,20,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(7,21,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(7,22,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(7,23,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(7,24,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(7,25,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(7,26,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(7,27,NULL,NULL,0);
INSERT INTO "campaign_file" VALUES(7,28,NULL,NULL,0);
CREATE TABLE campaign_state (word TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO "campaign_state" VALUES('abandoned');
INSERT INTO "campaign_state" VALUES('active');
INSERT INTO "campaign_state" VALUES('closing');
INSERT INTO "campaign_state" VALUES('complete');
INSERT INTO "campaign_state" VALUES('expired');
INSERT INTO "campaign_state" VALUES('incomplete');
INSERT INTO "campaign_state" VALUES('no payload');
CREATE TABLE "dag" (
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
    UNIQUE (campaign_id, number));
INSERT INTO "dag" VALUES(2,3,0,0,'done',11,'files',1789740800.0,1789740800.0,1789740920.0,1,0,'',1,'1-16',400,'',NULL);
INSERT INTO "dag" VALUES(3,5,0,0,'done',20,'files',1790000010.0,1790000011.0,1790000120.0,0,0,'',1,'1-24',600,'',NULL);
INSERT INTO "dag" VALUES(4,5,1,1,'failed',21,'files',1790000020.0,1790000021.0,1790000200.0,0,0,'',1,'25-40',400,'',NULL);
INSERT INTO "dag" VALUES(5,5,2,2,'active',23,'files',1790000030.0,1790000031.0,NULL,1,0,'',1,'41-52',300,'',NULL);
INSERT INTO "dag" VALUES(6,5,3,3,'active',24,'files',1790000040.0,1790000041.0,NULL,0,1,'',1,'53-56',100,'',NULL);
INSERT INTO "dag" VALUES(7,5,4,4,'planned',NULL,'files',1790000050.0,NULL,NULL,0,0,'',1,'57-60',100,'the schedd''s limit',NULL);
INSERT INTO "dag" VALUES(8,5,5,5,'removed',25,'files',1790000060.0,1790000061.0,1790000070.0,0,0,'alice',1,'61-64',100,'',NULL);
INSERT INTO "dag" VALUES(9,5,6,NULL,'active',26,'harvest',1790000070.0,1790000071.0,NULL,0,0,'',1,'',0,'',NULL);
INSERT INTO "dag" VALUES(10,5,7,6,'lost',27,'files',1790000080.0,1790000081.0,1790000090.0,0,0,'',1,'65-72',200,'',NULL);
INSERT INTO "dag" VALUES(11,6,0,0,'done',40,'files',1790000010.0,1790000011.0,1790000060.0,0,0,'',1,'1-24',600,'',NULL);
CREATE TABLE dag_state (word TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO "dag_state" VALUES('active');
INSERT INTO "dag_state" VALUES('done');
INSERT INTO "dag_state" VALUES('failed');
INSERT INTO "dag_state" VALUES('lost');
INSERT INTO "dag_state" VALUES('planned');
INSERT INTO "dag_state" VALUES('removed');
CREATE TABLE destination (
    calibration TEXT PRIMARY KEY, folder TEXT NOT NULL, database TEXT NOT NULL,
    backend TEXT NOT NULL, hostname TEXT NOT NULL, url_template TEXT NOT NULL,
    since REAL NOT NULL) WITHOUT ROWID;
INSERT INTO "destination" VALUES('EcalPedestals','/cal','oracle://x','online','cms-db','https://{host}',1790000000.0);
CREATE TABLE destination_tag (
    calibration TEXT NOT NULL REFERENCES destination (calibration), tag TEXT NOT NULL,
    PRIMARY KEY (calibration, tag)) WITHOUT ROWID;
INSERT INTO "destination_tag" VALUES('EcalPedestals','Ecal_express');
INSERT INTO "destination_tag" VALUES('EcalPedestals','Ecal_hlt');
CREATE TABLE file_state (word TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO "file_state" VALUES('bad');
INSERT INTO "file_state" VALUES('good');
INSERT INTO "file_state" VALUES('new');
INSERT INTO "file_state" VALUES('unreadable');
CREATE TABLE held_calibration (
    calibration TEXT PRIMARY KEY, held_by TEXT NOT NULL, held_at REAL NOT NULL) WITHOUT ROWID;
INSERT INTO "held_calibration" VALUES('SiPixelLA','bob@node',1790000006.0);
CREATE TABLE held_for (word TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO "held_for" VALUES('gate');
INSERT INTO "held_for" VALUES('person');
INSERT INTO "held_for" VALUES('rejected');
INSERT INTO "held_for" VALUES('restored');
CREATE TABLE held_uploads (
    calibration TEXT NOT NULL, run INTEGER NOT NULL,
    held_by TEXT NOT NULL, why TEXT NOT NULL, held_at REAL NOT NULL,
    PRIMARY KEY (calibration, run)) WITHOUT ROWID;
CREATE TABLE job (
    dag_id INTEGER NOT NULL REFERENCES dag (id), node TEXT NOT NULL, job_id TEXT NOT NULL,
    submitted_at REAL NOT NULL, host TEXT NOT NULL, started_at REAL, ended_at REAL,
    exit_code INTEGER, cpu_time REAL, memory_used INTEGER, memory_asked INTEGER,
    starts INTEGER NOT NULL, holds INTEGER NOT NULL, hold_reason TEXT, removed INTEGER NOT NULL,
    PRIMARY KEY (dag_id, node, job_id)) WITHOUT ROWID;
INSERT INTO "job" VALUES(2,'RECO_0000','12.0',1789740810.0,'slot1@wn01',1789740811.0,1789740860.0,1,40.0,1500,2000,1,0,NULL,0);
INSERT INTO "job" VALUES(2,'RECO_0001','12.1',1789740810.0,'slot1@wn01',1789740811.0,1789740860.0,0,40.0,1500,2000,1,0,NULL,0);
INSERT INTO "job" VALUES(3,'ALCA_0000','31.0',1790000010.0,'slot1@wn01',1790000011.0,1790000060.0,0,40.0,1500,2000,1,0,NULL,0);
INSERT INTO "job" VALUES(3,'RECO_0000','30.0',1790000010.0,'slot1@wn01',1790000011.0,1790000060.0,0,40.0,1500,2000,1,0,NULL,0);
INSERT INTO "job" VALUES(3,'UPLOAD','32.0',1790000010.0,'slot1@wn01',1790000011.0,NULL,NULL,40.0,1500,2000,1,0,'why?',0);
CREATE TABLE luminosity (
    run INTEGER NOT NULL, lumi INTEGER NOT NULL, recorded REAL NOT NULL,
    PRIMARY KEY (run, lumi)) WITHOUT ROWID;
INSERT INTO "luminosity" VALUES(398400,1,0.5);
INSERT INTO "luminosity" VALUES(398400,2,0.25);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "meta" VALUES('schema_version','7');
INSERT INTO "meta" VALUES('ledger_id','0123456789ab');
CREATE TABLE no_payload_cause (word TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO "no_payload_cause" VALUES('not said');
INSERT INTO "no_payload_cause" VALUES('statistics');
INSERT INTO "no_payload_cause" VALUES('unchanged');
INSERT INTO "no_payload_cause" VALUES('veto');
CREATE TABLE "node" (
    dag_id INTEGER NOT NULL REFERENCES dag (id), name TEXT NOT NULL,
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    kind TEXT NOT NULL REFERENCES node_kind (word), job INTEGER,
    output TEXT NOT NULL, witness TEXT NOT NULL,
    state TEXT NOT NULL REFERENCES node_state (word),
    lumis TEXT NOT NULL DEFAULT '', events INTEGER NOT NULL DEFAULT 0,
    done_at REAL, harvested INTEGER NOT NULL DEFAULT 0,
    child TEXT NOT NULL DEFAULT '', lacking TEXT NOT NULL DEFAULT '',
    exit_code INTEGER, error TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (dag_id, name)) WITHOUT ROWID;
INSERT INTO "node" VALUES(2,'ALCA_0000',3,'ALCA',0,'apJob000','apJob000/w.txt','done','5-16',300,1789740890.0,1,'','',NULL,'');
INSERT INTO "node" VALUES(2,'ALCA_0001',3,'ALCA',1,'apJob001','apJob001/w.txt','done','5-16',300,1789740890.0,1,'','',NULL,'');
INSERT INTO "node" VALUES(2,'HARVEST',3,'HARVEST',NULL,'harvestJob000','harvestJob000/harvest.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(2,'RECO_0000',3,'RECO',NULL,'reco00','reco00_job.txt','dropped','',0,NULL,0,'ALCA_0000','',1,'exit 1: it''s broken');
INSERT INTO "node" VALUES(2,'RECO_0001',3,'RECO',NULL,'reco01','reco01_job.txt','done','5-16',300,1789740890.0,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(2,'RECO_0002',3,'RECO',NULL,'reco02','reco02_job.txt','done','5-16',300,1789740890.0,0,'ALCA_0001','',NULL,'');
INSERT INTO "node" VALUES(2,'RECO_0003',3,'RECO',NULL,'reco03','reco03_job.txt','done','5-16',300,1789740890.0,0,'ALCA_0001','',NULL,'');
INSERT INTO "node" VALUES(2,'UPLOAD',3,'UPLOAD',NULL,'harvestJob000','harvestJob000/upload.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(3,'ALCA_0000',5,'ALCA',0,'apJob000','apJob000/w.txt','done','1-24',600,1790000030.0,1,'','',NULL,'');
INSERT INTO "node" VALUES(3,'ALCA_0001',5,'ALCA',1,'apJob001','apJob001/w.txt','done','1-24',600,1790000030.0,1,'','',NULL,'');
INSERT INTO "node" VALUES(3,'HARVEST',5,'HARVEST',NULL,'harvestJob000','harvestJob000/harvest.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(3,'RECO_0000',5,'RECO',NULL,'reco00','reco00_job.txt','done','1-24',600,1790000030.0,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(3,'RECO_0001',5,'RECO',NULL,'reco01','reco01_job.txt','done','1-24',600,1790000030.0,0,'ALCA_0000','3',NULL,'');
INSERT INTO "node" VALUES(3,'RECO_0002',5,'RECO',NULL,'reco02','reco02_job.txt','done','1-24',600,1790000030.0,0,'ALCA_0001','',NULL,'');
INSERT INTO "node" VALUES(3,'RECO_0003',5,'RECO',NULL,'reco03','reco03_job.txt','done','1-24',600,1790000030.0,0,'ALCA_0001','',NULL,'');
INSERT INTO "node" VALUES(3,'UPLOAD',5,'UPLOAD',NULL,'harvestJob000','harvestJob000/upload.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(4,'ALCA_0000',5,'ALCA',2,'apJob002','apJob002/w.txt','waiting','',0,NULL,1,'','',NULL,'');
INSERT INTO "node" VALUES(4,'ALCA_0001',5,'ALCA',3,'apJob003','apJob003/w.txt','failed','',0,NULL,0,'','',NULL,'lost');
INSERT INTO "node" VALUES(4,'HARVEST',5,'HARVEST',NULL,'harvestJob001','harvestJob001/harvest.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(4,'RECO_0000',5,'RECO',NULL,'reco10','reco10_job.txt','failed','',0,NULL,0,'ALCA_0000','',1,'exit 1');
INSERT INTO "node" VALUES(4,'RECO_0001',5,'RECO',NULL,'reco11','reco11_job.txt','waiting','',0,NULL,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(4,'RECO_0002',5,'RECO',NULL,'reco12','reco12_job.txt','waiting','',0,NULL,0,'ALCA_0001','',NULL,'');
INSERT INTO "node" VALUES(4,'UPLOAD',5,'UPLOAD',NULL,'harvestJob001','harvestJob001/upload.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(5,'ALCA_0000',5,'ALCA',4,'apJob004','apJob004/w.txt','dropped','',0,NULL,0,'','',8,'exit 8');
INSERT INTO "node" VALUES(5,'ALCA_0001',5,'ALCA',5,'apJob005','apJob005/w.txt','done','45-52',200,1790000330.0,1,'','',NULL,'');
INSERT INTO "node" VALUES(5,'HARVEST',5,'HARVEST',NULL,'harvestJob002','harvestJob002/harvest.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(5,'RECO_0000',5,'RECO',NULL,'reco20','reco20_job.txt','dropped','',0,NULL,0,'ALCA_0000','',1,'exit 1');
INSERT INTO "node" VALUES(5,'RECO_0001',5,'RECO',NULL,'reco21','reco21_job.txt','done','45-52',200,1790000330.0,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(5,'RECO_0002',5,'RECO',NULL,'reco22','reco22_job.txt','done','45-52',200,1790000330.0,0,'ALCA_0001','',NULL,'');
INSERT INTO "node" VALUES(5,'UPLOAD',5,'UPLOAD',NULL,'harvestJob002','harvestJob002/upload.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(6,'ALCA_0000',5,'ALCA',6,'apJob006','apJob006/w.txt','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(6,'HARVEST',5,'HARVEST',NULL,'harvestJob003','harvestJob003/harvest.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(6,'RECO_0000',5,'RECO',NULL,'reco30','reco30_job.txt','waiting','',0,NULL,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(6,'UPLOAD',5,'UPLOAD',NULL,'harvestJob003','harvestJob003/upload.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(7,'ALCA_0000',5,'ALCA',7,'apJob007','apJob007/w.txt','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(7,'HARVEST',5,'HARVEST',NULL,'harvestJob004','harvestJob004/harvest.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(7,'RECO_0000',5,'RECO',NULL,'reco40','reco40_job.txt','waiting','',0,NULL,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(7,'UPLOAD',5,'UPLOAD',NULL,'harvestJob004','harvestJob004/upload.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(8,'ALCA_0000',5,'ALCA',8,'apJob008','apJob008/w.txt','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(8,'HARVEST',5,'HARVEST',NULL,'harvestJob005','harvestJob005/harvest.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(8,'RECO_0000',5,'RECO',NULL,'reco50','reco50_job.txt','waiting','',0,NULL,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(8,'UPLOAD',5,'UPLOAD',NULL,'harvestJob005','harvestJob005/upload.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(9,'HARVEST',5,'HARVEST',NULL,'harvestJob006','harvestJob006/harvest.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(9,'UPLOAD',5,'UPLOAD',NULL,'harvestJob006','harvestJob006/upload.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(10,'ALCA_0000',5,'ALCA',10,'apJob010','apJob010/w.txt','dropped','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(10,'HARVEST',5,'HARVEST',NULL,'harvestJob007','harvestJob007/harvest.json','dropped','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(10,'RECO_0000',5,'RECO',NULL,'reco70','reco70_job.txt','dropped','',0,NULL,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(10,'RECO_0001',5,'RECO',NULL,'reco71','reco71_job.txt','dropped','',0,NULL,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(10,'UPLOAD',5,'UPLOAD',NULL,'harvestJob007','harvestJob007/upload.json','dropped','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(11,'ALCA_0000',6,'ALCA',0,'apJob000','apJob000/w.txt','done','1-24',600,1790000030.0,1,'','',NULL,'');
INSERT INTO "node" VALUES(11,'HARVEST',6,'HARVEST',NULL,'harvestJob000','harvestJob000/harvest.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(11,'RECO_0000',6,'RECO',NULL,'reco00','reco00_job.txt','done','1-24',600,1790000030.0,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(11,'RECO_0001',6,'RECO',NULL,'reco01','reco01_job.txt','done','1-24',600,1790000030.0,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(11,'UPLOAD',6,'UPLOAD',NULL,'harvestJob000','harvestJob000/upload.json','waiting','',0,NULL,0,'','',NULL,'');
CREATE TABLE node_blame (
    dag_id INTEGER NOT NULL, node TEXT NOT NULL, input TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (dag_id, node, input),
    FOREIGN KEY (dag_id, node) REFERENCES node (dag_id, name) ON DELETE CASCADE) WITHOUT ROWID;
INSERT INTO "node_blame" VALUES(2,'RECO_0000','/eos/cms/RAW/398400/f00.root',3);
INSERT INTO "node_blame" VALUES(4,'ALCA_0001','reco12',2);
INSERT INTO "node_blame" VALUES(4,'RECO_0000','/eos/cms/RAW/398600/f06.root',2);
INSERT INTO "node_blame" VALUES(4,'RECO_0000','/eos/cms/RAW/398600/f07.root',1);
INSERT INTO "node_blame" VALUES(5,'ALCA_0000','reco21',3);
INSERT INTO "node_blame" VALUES(5,'RECO_0000','/eos/cms/RAW/398600/f10.root',3);
CREATE TABLE node_dropped (
    dag_id INTEGER NOT NULL, node TEXT NOT NULL, input TEXT NOT NULL,
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    PRIMARY KEY (dag_id, node, input),
    FOREIGN KEY (dag_id, node) REFERENCES node (dag_id, name) ON DELETE CASCADE) WITHOUT ROWID;
INSERT INTO "node_dropped" VALUES(2,'ALCA_0000','reco00',3);
INSERT INTO "node_dropped" VALUES(2,'RECO_0000','/eos/cms/RAW/398400/f00.root',3);
INSERT INTO "node_dropped" VALUES(5,'ALCA_0000','reco20',5);
INSERT INTO "node_dropped" VALUES(5,'ALCA_0000','reco21',5);
INSERT INTO "node_dropped" VALUES(5,'RECO_0000','/eos/cms/RAW/398600/f10.root',5);
CREATE TABLE node_kind (word TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO "node_kind" VALUES('ALCA');
INSERT INTO "node_kind" VALUES('HARVEST');
INSERT INTO "node_kind" VALUES('RECO');
INSERT INTO "node_kind" VALUES('UPLOAD');
CREATE TABLE node_state (word TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO "node_state" VALUES('done');
INSERT INTO "node_state" VALUES('dropped');
INSERT INTO "node_state" VALUES('failed');
INSERT INTO "node_state" VALUES('waiting');
CREATE TABLE odd_change (
    campaign_id INTEGER NOT NULL REFERENCES campaign (id) ON DELETE CASCADE,
    change TEXT NOT NULL,
    PRIMARY KEY (campaign_id, change)) WITHOUT ROWID;
CREATE TABLE "payload" (
    dag_id INTEGER PRIMARY KEY REFERENCES dag (id),
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    lumis TEXT NOT NULL DEFAULT '', events INTEGER NOT NULL DEFAULT 0, harvested_at REAL,
    outcome TEXT REFERENCES upload_outcome (word), answer TEXT NOT NULL DEFAULT '',
    tag TEXT NOT NULL DEFAULT '', hash TEXT NOT NULL DEFAULT '', since INTEGER,
    answered_at REAL, uploading INTEGER NOT NULL DEFAULT 0, overtaken_by INTEGER, unnamed TEXT NOT NULL DEFAULT '', origin TEXT NOT NULL DEFAULT '', in_pieces INTEGER NOT NULL DEFAULT 0, cause TEXT REFERENCES no_payload_cause (word), held_for TEXT REFERENCES held_for (word));
INSERT INTO "payload" VALUES(2,3,'5-16',300,1789740900.0,'uploaded','taken','Tag_v1','8fae12cd8fae12cd8fae12cd8fae12cd8fae12cd',398400,1789740910.0,0,NULL,'','',0,NULL,NULL);
INSERT INTO "payload" VALUES(3,5,'1-16',400,1790000100.0,'refused','exit 3: refused','','',NULL,1790000110.0,0,NULL,'','',0,NULL,NULL);
INSERT INTO "payload" VALUES(5,5,'1-16,49-52',500,1790000340.0,'no answer','the service has not answered','','',NULL,1790000350.0,1,NULL,'','',0,NULL,NULL);
INSERT INTO "payload" VALUES(9,5,'',0,NULL,NULL,'','','',NULL,NULL,0,NULL,'','',0,NULL,NULL);
INSERT INTO "payload" VALUES(11,6,'1-24',600,1790000050.0,'superseded','superseded by run 398601','','',NULL,1790000051.0,0,398601,'','',0,NULL,NULL);
CREATE TABLE payload_decision (
    campaign_id INTEGER NOT NULL REFERENCES campaign (id) ON DELETE CASCADE,
    hash TEXT NOT NULL, harvest INTEGER NOT NULL,
    verdict TEXT NOT NULL REFERENCES verdict (word),
    who TEXT NOT NULL, why TEXT NOT NULL, decided_at REAL NOT NULL,
    PRIMARY KEY (campaign_id, hash)) WITHOUT ROWID;
CREATE TABLE payload_destination (
    dag_id INTEGER NOT NULL REFERENCES payload (dag_id) ON DELETE CASCADE,
    database TEXT NOT NULL, tag TEXT NOT NULL,
    outcome TEXT NOT NULL REFERENCES tag_outcome (word), answer TEXT NOT NULL DEFAULT '',
    since INTEGER, answered_at REAL, confirmed_at REAL, contradiction TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (dag_id, database, tag)) WITHOUT ROWID;
CREATE TABLE payload_input (
    dag_id INTEGER NOT NULL REFERENCES payload (dag_id) ON DELETE CASCADE, job INTEGER NOT NULL,
    PRIMARY KEY (dag_id, job)) WITHOUT ROWID;
INSERT INTO "payload_input" VALUES(2,0);
INSERT INTO "payload_input" VALUES(2,1);
INSERT INTO "payload_input" VALUES(3,0);
INSERT INTO "payload_input" VALUES(5,0);
INSERT INTO "payload_input" VALUES(5,5);
INSERT INTO "payload_input" VALUES(9,0);
INSERT INTO "payload_input" VALUES(9,1);
INSERT INTO "payload_input" VALUES(9,5);
INSERT INTO "payload_input" VALUES(11,0);
CREATE TABLE payload_left_out (
    dag_id INTEGER NOT NULL REFERENCES payload (dag_id) ON DELETE CASCADE, job INTEGER NOT NULL,
    PRIMARY KEY (dag_id, job)) WITHOUT ROWID;
INSERT INTO "payload_left_out" VALUES(3,1);
CREATE TABLE payload_other_hash (
    dag_id INTEGER NOT NULL REFERENCES payload (dag_id) ON DELETE CASCADE, number INTEGER NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (dag_id, number)) WITHOUT ROWID;
INSERT INTO "payload_other_hash" VALUES(2,0,'aa11aa11aa11aa11aa11aa11aa11aa11aa11aa11');
INSERT INTO "payload_other_hash" VALUES(2,1,'bb22bb22bb22bb22bb22bb22bb22bb22bb22bb22');
CREATE TABLE payload_overlap (
    dag_id INTEGER NOT NULL REFERENCES payload (dag_id) ON DELETE CASCADE, job INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (dag_id, job)) WITHOUT ROWID;
INSERT INTO "payload_overlap" VALUES(5,2,'f06.root is in apJob000, too');
CREATE TABLE payload_piece (
    dag_id INTEGER NOT NULL REFERENCES payload (dag_id) ON DELETE CASCADE,
    lumis TEXT NOT NULL, sent_at REAL NOT NULL,
    PRIMARY KEY (dag_id, lumis)) WITHOUT ROWID;
CREATE TABLE "raw_file" (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE, stream TEXT NOT NULL, run INTEGER NOT NULL,
    size INTEGER NOT NULL, seen_at REAL NOT NULL,
    state TEXT NOT NULL REFERENCES file_state (word),
    probes INTEGER NOT NULL DEFAULT 0, probed_at REAL,
    lumis TEXT NOT NULL DEFAULT '', events INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '', gone INTEGER NOT NULL DEFAULT 0);
INSERT INTO "raw_file" VALUES(5,'/eos/cms/RAW/398400/f00.root','/eos/cms/RAW',398400,3000000000,1789740800.0,'unreadable',0,1789740805.0,'1-4',100,'jobs kept failing on it; it is read again when it can be',0);
INSERT INTO "raw_file" VALUES(6,'/eos/cms/RAW/398400/f01.root','/eos/cms/RAW',398400,3000000000,1789740800.0,'good',1,1789740805.0,'5-8',100,'',0);
INSERT INTO "raw_file" VALUES(7,'/eos/cms/RAW/398400/f02.root','/eos/cms/RAW',398400,3000000000,1789740800.0,'good',1,1789740805.0,'9-12',100,'',0);
INSERT INTO "raw_file" VALUES(8,'/eos/cms/RAW/398400/f03.root','/eos/cms/RAW',398400,3000000000,1789740800.0,'good',1,1789740805.0,'13-16',100,'',0);
INSERT INTO "raw_file" VALUES(9,'/eos/cms/RAW/398600/f00.root','/eos/cms/RAW',398600,3000000000,1790000001.0,'good',1,1790000006.0,'1-4',100,'',0);
INSERT INTO "raw_file" VALUES(10,'/eos/cms/RAW/398600/f01.root','/eos/cms/RAW',398600,3000000000,1790000001.0,'good',1,1790000006.0,'5-8',100,'',0);
INSERT INTO "raw_file" VALUES(11,'/eos/cms/RAW/398600/f02.root','/eos/cms/RAW',398600,3000000000,1790000001.0,'good',1,1790000006.0,'9-12',100,'',0);
INSERT INTO "raw_file" VALUES(12,'/eos/cms/RAW/398600/f03.root','/eos/cms/RAW',398600,3000000000,1790000001.0,'good',1,1790000006.0,'13-16',100,'',0);
INSERT INTO "raw_file" VALUES(13,'/eos/cms/RAW/398600/f04.root','/eos/cms/RAW',398600,3000000000,1790000001.0,'good',1,1790000006.0,'17-20',100,'',0);
INSERT INTO "raw_file" VALUES(14,'/eos/cms/RAW/398600/f05.root','/eos/cms/RAW',398600,3000000000,1790000001.0,'good',1,1790000006.0,'21-24',100,'',0);
INSERT INTO "raw_file" VALUES(15,'/eos/cms/RAW/398600/f06.root','/eos/cms/RAW',398600,3000000000,1790000001.0,'good',1,1790000006.0,'25-28',100,'',0);
INSERT INTO "raw_file" VALUES(16,'/eos/cms/RAW/398600/f07.root','/eos/cms/RAW',398600,3000000000,1790000001.0,'good',1,1790000006.0,'29-32',100,'',0);
INSERT INTO "raw_file" VALUES(17,'/eos/cms/RAW/398600/f08.root','/eos/cms/RAW',398600,3000000000,1790000001.0,'good',1,1790000006.0,'33-36',100,'',0);
INSERT INTO "raw_file" VALUES(18,'/eos/cms/RAW/398600/f09.root','/eos/cms/RAW',398600,3000000000,1790000001.0,'good',1,1790000006.0,'37-40',100,'',0);
INSERT INTO "raw_file" VALUES(19,'/eos/cms/RAW/398600/f10.root','/eos/cms/RAW',398600,3000000000,1790000001.0,'unreadable',0,1790000006.0,'41-44',100,'jobs kept failing on it; it is read again when it can be',0);
INSERT INTO "raw_file" VALUES(20,'/eos/cms/RAW/398600/f11.root','/eos/cms/RAW',398600,3000000000,1790000001.0,'good',1,1790000006.0,'45-48',100,'',0);
INSERT INTO "raw_file" VALUES(21,'/eos/cms/RAW/398600/f12.root','/eos/cms/RAW',398600,3000000000,1790000001.0,'good',1,1790000006.0,'49-52',100,'',0);
INSERT INTO "raw_file" VALUES(22,'/eos/cms/RAW/398600/f13.root','/eos/cms/RAW',398600,3000000000,1790000001.0,'good',1,1790000006.0,'53-56',100,'',0);
INSERT INTO "raw_file" VALUES(23,'/eos/cms/RAW/398600/f14.root','/eos/cms/RAW',398600,3000000000,1790000001.0,'good',1,1790000006.0,'57-60',100,'',0);
INSERT INTO "raw_file" VALUES(24,'/eos/cms/RAW/398600/f15.root','/eos/cms/RAW',398600,3000000000,1790000001.0,'good',1,1790000006.0,'61-64',100,'',0);
INSERT INTO "raw_file" VALUES(25,'/eos/cms/RAW/398600/f16.root','/eos/cms/RAW',398600,3000000000,1790000001.0,'good',1,1790000006.0,'65-68',100,'',0);
INSERT INTO "raw_file" VALUES(26,'/eos/cms/RAW/398600/f17.root','/eos/cms/RAW',398600,3000000000,1790000001.0,'good',1,1790000006.0,'69-72',100,'',0);
INSERT INTO "raw_file" VALUES(27,'/eos/cms/RAW/398600/f18.root','/eos/cms/RAW',398600,3000000000,1790000001.0,'good',1,1790000006.0,'73-76',100,'',0);
INSERT INTO "raw_file" VALUES(28,'/eos/cms/RAW/398600/f19.root','/eos/cms/RAW',398600,3000000000,1790000001.0,'good',1,1790000006.0,'77-80',100,'',0);
INSERT INTO "raw_file" VALUES(29,'/eos/cms/RAW/398600/bad.root','/eos/cms/RAW',398600,10,1790000002.0,'bad',1,1790000003.0,'',0,'no file',0);
INSERT INTO "raw_file" VALUES(30,'/eos/cms/RAW/398600/new,"''.root','/eos/cms/RAW',398600,10,1790000002.0,'new',0,NULL,'',0,'',0);
INSERT INTO "raw_file" VALUES(31,'/eos/cms/RAW/398600/gone.root','/eos/cms/RAW',398600,10,1790000002.0,'new',0,NULL,'',0,'',1);
CREATE TABLE "request" (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL REFERENCES request_kind (word), run INTEGER NOT NULL,
    calibration TEXT, node TEXT, everything INTEGER NOT NULL DEFAULT 0,
    made_by TEXT NOT NULL, made_at REAL NOT NULL, answered_at REAL,
    answer TEXT NOT NULL DEFAULT '', granted INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '', accept_destination INTEGER NOT NULL DEFAULT 0, present_recipe INTEGER NOT NULL DEFAULT 0, send_again TEXT, harvest_again INTEGER NOT NULL DEFAULT 0, only_uploads INTEGER NOT NULL DEFAULT 0, restored INTEGER NOT NULL DEFAULT 0);
INSERT INTO "request" VALUES(1,'hold',398600,'BeamSpot',NULL,1,'bob@node',1790000000.0,1790000002.0,'held',1,'',0,0,NULL,0,0,0);
INSERT INTO "request" VALUES(2,'resubmit',398600,'EcalPedestals','b001',1,'alice@node',1790000001.0,NULL,'resubmit b001',0,'',1,0,NULL,0,0,0);
INSERT INTO "request" VALUES(3,'cleanup',0,NULL,NULL,0,'alice@node',1790000001.0,NULL,'',0,'disk',0,0,NULL,0,0,0);
CREATE TABLE request_kind (word TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO "request_kind" VALUES('abandon');
INSERT INTO "request_kind" VALUES('approve');
INSERT INTO "request_kind" VALUES('cleanup');
INSERT INTO "request_kind" VALUES('hold');
INSERT INTO "request_kind" VALUES('reject');
INSERT INTO "request_kind" VALUES('release');
INSERT INTO "request_kind" VALUES('restore');
INSERT INTO "request_kind" VALUES('resubmit');
CREATE TABLE restored_payload (
    campaign_id INTEGER PRIMARY KEY REFERENCES campaign (id) ON DELETE CASCADE,
    harvest TEXT NOT NULL, who TEXT NOT NULL, why TEXT NOT NULL, restored_at REAL NOT NULL,
    origin TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE TABLE tag_outcome (word TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO "tag_outcome" VALUES('failed');
INSERT INTO "tag_outcome" VALUES('held');
INSERT INTO "tag_outcome" VALUES('not named');
INSERT INTO "tag_outcome" VALUES('overtaken');
INSERT INTO "tag_outcome" VALUES('pending');
INSERT INTO "tag_outcome" VALUES('refused before');
INSERT INTO "tag_outcome" VALUES('skipped');
INSERT INTO "tag_outcome" VALUES('superseded');
INSERT INTO "tag_outcome" VALUES('uploaded');
CREATE TABLE told (
    about TEXT PRIMARY KEY, text TEXT NOT NULL, since REAL NOT NULL, told_at REAL);
INSERT INTO "told" VALUES('mail service|||OMS does not answer','OMS does not answer',1790000001.0,NULL);
CREATE TABLE upload_outcome (word TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO "upload_outcome" VALUES('failed');
INSERT INTO "upload_outcome" VALUES('held');
INSERT INTO "upload_outcome" VALUES('no answer');
INSERT INTO "upload_outcome" VALUES('no payload');
INSERT INTO "upload_outcome" VALUES('pending');
INSERT INTO "upload_outcome" VALUES('refused');
INSERT INTO "upload_outcome" VALUES('superseded');
INSERT INTO "upload_outcome" VALUES('uploaded');
CREATE TABLE verdict (word TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO "verdict" VALUES('approved');
INSERT INTO "verdict" VALUES('rejected');
CREATE INDEX campaign_file_waiting ON campaign_file (campaign_id) WHERE dag_id IS NULL;
CREATE INDEX campaign_file_dag ON campaign_file (dag_id);
CREATE INDEX job_id ON job (job_id);
CREATE INDEX campaign_by_state ON campaign (state);
CREATE INDEX campaign_stream ON campaign (stream, run);
CREATE INDEX campaign_fill ON campaign (fill);
CREATE INDEX campaign_start ON campaign (run_start);
CREATE INDEX campaign_asked ON campaign (asked_at) WHERE asked_at IS NOT NULL;
CREATE INDEX campaign_latched ON campaign (latched_at);
CREATE INDEX campaign_here ON campaign (run_start) WHERE archived IS NULL;
CREATE INDEX raw_file_run ON raw_file (stream, run);
CREATE INDEX raw_file_new ON raw_file (stream, run) WHERE state = 'new';
CREATE INDEX raw_file_unreadable ON raw_file (stream, run) WHERE state = 'unreadable';
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
CREATE INDEX payload_answered ON payload (answered_at)
    WHERE outcome IN ('uploaded', 'refused', 'no answer');
CREATE INDEX payload_other_hash_hash ON payload_other_hash (hash);
CREATE INDEX request_open ON request (id) WHERE answered_at IS NULL;
CREATE INDEX campaign_revised ON campaign (id)
    WHERE state IN ('complete', 'incomplete', 'no payload')
    AND ((run_end IS NULL) <> (judged_end IS NULL) OR last_ls IS NOT judged_ls);
CREATE INDEX campaign_window ON campaign (window_from);
CREATE INDEX payload_unsent ON payload (campaign_id) WHERE outcome IN ('pending', 'held');
CREATE INDEX payload_destination_uploaded ON payload_destination (answered_at)
    WHERE outcome = 'uploaded';
CREATE INDEX request_run ON request (run);
COMMIT;
