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
INSERT INTO "campaign" VALUES(1,'BeamSpot',398600,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1','closing','the run has ended, every LS is covered, nothing new for 68 s',10901,1.79000021071641182896e+09,1.79000165593641185754e+09,62,1.79000022286438465121e+09,1.79000179469002556795e+09,1.7900017263765926361e+09,'1-62','1-3,8-50','1-3,8-50',100000,NULL,NULL,'',100000,NULL,NULL,NULL,0,1.79000021071641182896e+09);
INSERT INTO "campaign" VALUES(2,'EcalPedestals',398600,'/eos/cms/tier0/store/data/Run2026D/TestEnablesEcalHcal/RAW/Express-v1','closing','the run has ended, every LS is covered, nothing new for 81 s',10901,1.79000021071641182896e+09,1.79000165593641185754e+09,62,1.79000022286438465121e+09,1.79000190476761126515e+09,1.790001823705247879e+09,'1-62','1-58','1-58',116000,NULL,NULL,'',116000,NULL,NULL,NULL,0,1.79000021071641182896e+09);
INSERT INTO "campaign" VALUES(3,'SiStripBad',398600,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1','closing','the run has ended, every LS is covered, nothing new for 68 s',10901,1.79000021071641182896e+09,1.79000165593641185754e+09,62,1.79000022286438465121e+09,1.79000179469002556795e+09,1.7900017263765926361e+09,'1-62','1-3,8-50','1-3,8-33',58000,NULL,NULL,'',100000,NULL,NULL,NULL,0,1.79000021071641182896e+09);
CREATE TABLE campaign_cleaned (
    campaign_id INTEGER NOT NULL REFERENCES campaign (id) ON DELETE CASCADE,
    artifact TEXT NOT NULL REFERENCES artifact (word), begun INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (campaign_id, artifact)) WITHOUT ROWID;
CREATE TABLE campaign_file (
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    file_id INTEGER NOT NULL REFERENCES raw_file (id),
    dag_id INTEGER REFERENCES dag (id), node TEXT,
    blamed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (campaign_id, file_id)) WITHOUT ROWID;
INSERT INTO "campaign_file" VALUES(1,1,1,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(1,2,3,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(1,3,3,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(1,4,3,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(1,5,5,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(1,6,5,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(1,7,5,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(1,8,7,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(1,9,9,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(1,10,9,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(1,11,12,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(1,12,13,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(1,13,15,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(1,14,15,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(1,15,15,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(1,16,15,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(1,17,17,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(1,18,17,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(1,20,20,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(1,21,20,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(1,22,24,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(2,19,19,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(2,23,22,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(2,24,23,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(3,1,2,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(3,2,4,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(3,3,4,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(3,4,4,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(3,5,6,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(3,6,6,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(3,7,6,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(3,8,8,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(3,9,10,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(3,10,10,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(3,11,11,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(3,12,14,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(3,13,16,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(3,14,16,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(3,15,16,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(3,16,16,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(3,17,18,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(3,18,18,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(3,20,21,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(3,21,21,'RECO_0000',0);
INSERT INTO "campaign_file" VALUES(3,22,25,'RECO_0000',0);
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
INSERT INTO "dag" VALUES(1,1,0,0,'done',1,'1 new file and no DAG at work',1.79000033342275571826e+09,1.79000033342275571826e+09,1.79000055474025845524e+09,0,0,'',1,'1-3',6000,'',NULL);
INSERT INTO "dag" VALUES(2,3,0,0,'done',2,'1 new file and no DAG at work',1.79000033342275571826e+09,1.79000033342275571826e+09,1.79000055474025845524e+09,0,0,'',1,'1-3',6000,'',NULL);
INSERT INTO "dag" VALUES(3,1,1,1,'failed',62,'3 new files, the first 68 s ago',1.79000048623143053058e+09,1.79000048623143053058e+09,1.79000217363163757321e+09,1,0,'',1,'1-7',22000,'',NULL);
INSERT INTO "dag" VALUES(4,3,1,1,'active',75,'3 new files, the first 68 s ago',1.79000048623143053058e+09,1.79000048623143053058e+09,NULL,1,0,'',1,'1-7',22000,'',NULL);
INSERT INTO "dag" VALUES(5,1,2,2,'done',16,'3 new files, the first 66 s ago',1.79000068034106230734e+09,1.79000068034106230734e+09,1.79000084108158063894e+09,0,0,'',1,'8-17',20000,'',NULL);
INSERT INTO "dag" VALUES(6,3,2,2,'done',17,'3 new files, the first 66 s ago',1.79000068034106230734e+09,1.79000068034106230734e+09,1.79000091270924544329e+09,0,0,'',1,'8-17',20000,'',NULL);
INSERT INTO "dag" VALUES(7,1,3,3,'done',26,'1 new file, the first 67 s ago',1.79000085484948921201e+09,1.79000085484948921201e+09,1.79000113283391833304e+09,0,0,'',1,'18-22',10000,'',NULL);
INSERT INTO "dag" VALUES(8,3,3,3,'done',27,'1 new file, the first 67 s ago',1.79000085484948921201e+09,1.79000085484948921201e+09,1.79000108136086249349e+09,0,0,'',1,'18-22',10000,'',NULL);
INSERT INTO "dag" VALUES(9,1,4,4,'done',34,'2 new files, the first 72 s ago',1.79000102625173330311e+09,1.79000102625173330311e+09,1.7900013422330055237e+09,0,0,'',1,'23-29',14000,'',NULL);
INSERT INTO "dag" VALUES(10,3,4,4,'done',35,'2 new files, the first 72 s ago',1.79000102625173330311e+09,1.79000102625173330311e+09,1.79000153224685907369e+09,0,0,'',1,'23-29',14000,'',NULL);
INSERT INTO "dag" VALUES(11,3,5,5,'done',43,'1 new file, the first 71 s ago',1.79000111478190779678e+09,1.79000111478190779678e+09,1.79000129950070524216e+09,0,0,'',1,'30-33',8000,'',NULL);
INSERT INTO "dag" VALUES(12,1,5,5,'done',44,'1 new file, the first 71 s ago',1.79000111478190779678e+09,1.79000111478190779678e+09,1.79000127919238924975e+09,0,0,'',1,'30-33',8000,'',NULL);
INSERT INTO "dag" VALUES(13,1,6,6,'done',119,'1 new file, the first 80 s ago',1.79000129950070524216e+09,1.79000129950070524216e+09,1.79000218575109696392e+09,2,0,'',1,'34-38',10000,'',NULL);
INSERT INTO "dag" VALUES(14,3,6,6,'failed',120,'1 new file, the first 80 s ago',1.79000129950070524216e+09,1.79000129950070524216e+09,1.79000218575109696392e+09,2,0,'',1,'34-38',10000,'',NULL);
INSERT INTO "dag" VALUES(15,1,7,7,'done',80,'4 new files, the first 74 s ago',1.79000160940113401415e+09,1.79000160940113401415e+09,1.79000217363163757321e+09,0,0,'',1,'39-50',32000,'',NULL);
INSERT INTO "dag" VALUES(16,3,7,7,'failed',86,'4 new files, the first 95 s ago',1.7900016300284557342e+09,1.7900016300284557342e+09,1.79000217363163757321e+09,0,0,'',1,'39-50',32000,'',NULL);
INSERT INTO "dag" VALUES(17,1,8,8,'done',93,'2 new files, the first 67 s ago',1.79000170003463625906e+09,1.79000170003463625906e+09,1.79000217363163757321e+09,0,0,'',0,'51-53,57-59',12000,'',NULL);
INSERT INTO "dag" VALUES(18,3,8,8,'done',94,'2 new files, the first 67 s ago',1.79000170003463625906e+09,1.79000170003463625906e+09,1.79000217363163757321e+09,0,0,'',0,'51-53,57-59',12000,'',NULL);
INSERT INTO "dag" VALUES(19,2,0,0,'done',97,'1 new file and no DAG at work',1790001705.4056,1790001705.4056,1.79000217363163757321e+09,0,0,'',1,'1-58',116000,'',NULL);
INSERT INTO "dag" VALUES(20,1,9,9,'active',115,'2 new files and the run has ended',1.79000171557950925826e+09,1.79000217363163757321e+09,NULL,0,0,'',1,'54-56,60-62',12000,'',NULL);
INSERT INTO "dag" VALUES(21,3,9,9,'active',118,'2 new files and the run has ended',1.79000171557950925826e+09,1.79000217363163757321e+09,NULL,0,0,'',1,'54-56,60-62',12000,'',NULL);
INSERT INTO "dag" VALUES(22,2,1,1,'active',116,'1 new file and the run has ended',1.79000181748168063163e+09,1.79000217363163757321e+09,NULL,0,0,'',1,'59-62',8000,'',NULL);
INSERT INTO "dag" VALUES(23,2,2,2,'active',117,'1 new file and the run has ended',1.79000182787695336344e+09,1.79000217363163757321e+09,NULL,0,0,'',1,'59-62',8000,'',NULL);
INSERT INTO "dag" VALUES(24,1,10,10,'active',127,'1 new file, the first 455 s ago',1.79000218575109696392e+09,1.79000218575109696392e+09,NULL,0,0,'',1,'60-62',6000,'',NULL);
INSERT INTO "dag" VALUES(25,3,10,10,'active',128,'1 new file, the first 455 s ago',1.79000218575109696392e+09,1.79000218575109696392e+09,NULL,0,0,'',1,'60-62',6000,'',NULL);
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
CREATE TABLE destination_tag (
    calibration TEXT NOT NULL REFERENCES destination (calibration), tag TEXT NOT NULL,
    PRIMARY KEY (calibration, tag)) WITHOUT ROWID;
CREATE TABLE file_state (word TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO "file_state" VALUES('bad');
INSERT INTO "file_state" VALUES('good');
INSERT INTO "file_state" VALUES('new');
INSERT INTO "file_state" VALUES('unreadable');
CREATE TABLE held_calibration (
    calibration TEXT PRIMARY KEY, held_by TEXT NOT NULL, held_at REAL NOT NULL) WITHOUT ROWID;
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
CREATE TABLE luminosity (
    run INTEGER NOT NULL, lumi INTEGER NOT NULL, recorded REAL NOT NULL,
    PRIMARY KEY (run, lumi)) WITHOUT ROWID;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO "meta" VALUES('schema_version','7');
INSERT INTO "meta" VALUES('ledger_id','e7d71af5cc41');
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
INSERT INTO "node" VALUES(1,'ALCA_0000',1,'ALCA',0,'apJob000','apJob000/beamSpotStep3_job.txt','done','1-3',6000,1.79000051757472443576e+09,1,'','',NULL,'');
INSERT INTO "node" VALUES(1,'HARVEST',1,'HARVEST',NULL,'harvestJob000','harvestJob000/harvest.json','done','1-3',6000,1.79000053393222427369e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(1,'RECO_0000',1,'RECO',NULL,'run398600_LS0001To0003_b000_0000_beamSpotStep2','run398600_LS0001To0003_b000_0000_beamSpotStep2_job.txt','done','1-3',6000,1.79000046869743800162e+09,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(1,'UPLOAD',1,'UPLOAD',NULL,'harvestJob000','harvestJob000/upload.json','done','1-3',6000,1.79000053953458976739e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(2,'ALCA_0000',3,'ALCA',0,'apJob000','apJob000/sistripBadStep3_job.txt','done','1-3',6000,1.79000051352199292175e+09,1,'','',NULL,'');
INSERT INTO "node" VALUES(2,'HARVEST',3,'HARVEST',NULL,'harvestJob000','harvestJob000/harvest.json','done','1-3',6000,1.79000054292410564426e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(2,'RECO_0000',3,'RECO',NULL,'run398600_LS0001To0003_b000_0000_sistripBadStep2','run398600_LS0001To0003_b000_0000_sistripBadStep2_job.txt','done','1-3',6000,1.79000046580774426459e+09,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(2,'UPLOAD',3,'UPLOAD',NULL,'harvestJob000','harvestJob000/upload.json','done','1-3',6000,1.79000054769708156587e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(3,'ALCA_0000',1,'ALCA',1,'apJob001','apJob001/beamSpotStep3_job.txt','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(3,'HARVEST',1,'HARVEST',NULL,'harvestJob001','harvestJob001/harvest.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(3,'RECO_0000',1,'RECO',NULL,'run398600_LS0001To0007_b001_0000_beamSpotStep2','run398600_LS0001To0007_b001_0000_beamSpotStep2_job.txt','failed','',0,NULL,0,'ALCA_0000','',85,'8021 FileReadError: Reading root://127.0.0.1:2//eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/c98b632a18e8.root failed');
INSERT INTO "node" VALUES(3,'UPLOAD',1,'UPLOAD',NULL,'harvestJob001','harvestJob001/upload.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(4,'ALCA_0000',3,'ALCA',1,'apJob001','apJob001/sistripBadStep3_job.txt','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(4,'HARVEST',3,'HARVEST',NULL,'harvestJob001','harvestJob001/harvest.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(4,'RECO_0000',3,'RECO',NULL,'run398600_LS0001To0007_b001_0000_sistripBadStep2','run398600_LS0001To0007_b001_0000_sistripBadStep2_job.txt','waiting','',0,NULL,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(4,'UPLOAD',3,'UPLOAD',NULL,'harvestJob001','harvestJob001/upload.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(5,'ALCA_0000',1,'ALCA',2,'apJob002','apJob002/beamSpotStep3_job.txt','done','8-17',20000,1.79000081600380253794e+09,1,'','',NULL,'');
INSERT INTO "node" VALUES(5,'HARVEST',1,'HARVEST',NULL,'harvestJob002','harvestJob002/harvest.json','done','1-3,8-17',26000,1.79000083200191259383e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(5,'RECO_0000',1,'RECO',NULL,'run398600_LS0008To0017_b002_0000_beamSpotStep2','run398600_LS0008To0017_b002_0000_beamSpotStep2_job.txt','done','8-17',20000,1.7900007746182084083e+09,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(5,'UPLOAD',1,'UPLOAD',NULL,'harvestJob002','harvestJob002/upload.json','done','1-3,8-17',26000,1.79000083799020433426e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(6,'ALCA_0000',3,'ALCA',2,'apJob002','apJob002/sistripBadStep3_job.txt','done','8-17',20000,1.79000086089376211169e+09,1,'','',NULL,'');
INSERT INTO "node" VALUES(6,'HARVEST',3,'HARVEST',NULL,'harvestJob002','harvestJob002/harvest.json','done','1-3,8-17',26000,1.79000089803535270688e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(6,'RECO_0000',3,'RECO',NULL,'run398600_LS0008To0017_b002_0000_sistripBadStep2','run398600_LS0008To0017_b002_0000_sistripBadStep2_job.txt','done','8-17',20000,1.79000080778194403654e+09,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(6,'UPLOAD',3,'UPLOAD',NULL,'harvestJob002','harvestJob002/upload.json','done','1-3,8-17',26000,1.79000090390764403347e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(7,'ALCA_0000',1,'ALCA',3,'apJob003','apJob003/beamSpotStep3_job.txt','done','18-22',10000,1.79000108832349205017e+09,1,'','',NULL,'');
INSERT INTO "node" VALUES(7,'HARVEST',1,'HARVEST',NULL,'harvestJob003','harvestJob003/harvest.json','done','1-3,8-22',36000,1.79000111650358676917e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(7,'RECO_0000',1,'RECO',NULL,'run398600_LS0018To0022_b003_0000_beamSpotStep2','run398600_LS0018To0022_b003_0000_beamSpotStep2_job.txt','done','18-22',10000,1.79000103395337533947e+09,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(7,'UPLOAD',1,'UPLOAD',NULL,'harvestJob003','harvestJob003/upload.json','done','1-3,8-22',36000,1.79000112040892648702e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(8,'ALCA_0000',3,'ALCA',3,'apJob003','apJob003/sistripBadStep3_job.txt','done','18-22',10000,1.79000104323508858685e+09,1,'','',NULL,'');
INSERT INTO "node" VALUES(8,'HARVEST',3,'HARVEST',NULL,'harvestJob003','harvestJob003/harvest.json','done','1-3,8-22',36000,1.79000106285176253323e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(8,'RECO_0000',3,'RECO',NULL,'run398600_LS0018To0022_b003_0000_sistripBadStep2','run398600_LS0018To0022_b003_0000_sistripBadStep2_job.txt','done','18-22',10000,1.79000099733421516416e+09,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(8,'UPLOAD',3,'UPLOAD',NULL,'harvestJob003','harvestJob003/upload.json','done','1-3,8-22',36000,1.79000106841399097439e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(9,'ALCA_0000',1,'ALCA',4,'apJob004','apJob004/beamSpotStep3_job.txt','done','23-29',14000,1.79000130872788834569e+09,1,'','',NULL,'');
INSERT INTO "node" VALUES(9,'HARVEST',1,'HARVEST',NULL,'harvestJob004','harvestJob004/harvest.json','done','1-3,8-33',58000,1.79000132467862081526e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(9,'RECO_0000',1,'RECO',NULL,'run398600_LS0023To0029_b004_0000_beamSpotStep2','run398600_LS0023To0029_b004_0000_beamSpotStep2_job.txt','done','23-29',14000,1.79000124832234740255e+09,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(9,'UPLOAD',1,'UPLOAD',NULL,'harvestJob004','harvestJob004/upload.json','done','1-3,8-33',58000,1.79000132833293366428e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(10,'ALCA_0000',3,'ALCA',4,'apJob004','apJob004/sistripBadStep3_job.txt','done','23-29',14000,1.7900013259090228081e+09,1,'','',NULL,'');
INSERT INTO "node" VALUES(10,'HARVEST',3,'HARVEST',NULL,'harvestJob004','harvestJob004/harvest.json','done','1-3,8-33',58000,1.79000134415216159821e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(10,'RECO_0000',3,'RECO',NULL,'run398600_LS0023To0029_b004_0000_sistripBadStep2','run398600_LS0023To0029_b004_0000_sistripBadStep2_job.txt','done','23-29',14000,1.79000127923239946365e+09,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(10,'UPLOAD',3,'UPLOAD',NULL,'harvestJob004','harvestJob004/upload.json','done','1-3,8-33',58000,1.7900013466851198673e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(11,'ALCA_0000',3,'ALCA',5,'apJob005','apJob005/sistripBadStep3_job.txt','done','30-33',8000,1.79000123942979097371e+09,1,'','',NULL,'');
INSERT INTO "node" VALUES(11,'HARVEST',3,'HARVEST',NULL,'harvestJob005','harvestJob005/harvest.json','done','1-3,8-22,30-33',44000,1.79000127634527468676e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(11,'RECO_0000',3,'RECO',NULL,'run398600_LS0030To0033_b005_0000_sistripBadStep2','run398600_LS0030To0033_b005_0000_sistripBadStep2_job.txt','done','30-33',8000,1.7900012126282763481e+09,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(11,'UPLOAD',3,'UPLOAD',NULL,'harvestJob005','harvestJob005/upload.json','done','1-3,8-22,30-33',44000,1790001279.86059,0,'','',NULL,'');
INSERT INTO "node" VALUES(12,'ALCA_0000',1,'ALCA',5,'apJob005','apJob005/beamSpotStep3_job.txt','done','30-33',8000,1.7900012440003471375e+09,1,'','',NULL,'');
INSERT INTO "node" VALUES(12,'HARVEST',1,'HARVEST',NULL,'harvestJob005','harvestJob005/harvest.json','done','1-3,8-22,30-33',44000,1.7900012630112669468e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(12,'RECO_0000',1,'RECO',NULL,'run398600_LS0030To0033_b005_0000_beamSpotStep2','run398600_LS0030To0033_b005_0000_beamSpotStep2_job.txt','done','30-33',8000,1.79000121284870815276e+09,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(12,'UPLOAD',1,'UPLOAD',NULL,'harvestJob005','harvestJob005/upload.json','done','1-3,8-22,30-33',44000,1.79000126768956637378e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(13,'ALCA_0000',1,'ALCA',6,'apJob006','apJob006/beamSpotStep3_job.txt','done','34-38',10000,1.79000151155075931542e+09,1,'','',NULL,'');
INSERT INTO "node" VALUES(13,'HARVEST',1,'HARVEST',NULL,'harvestJob006','harvestJob006/harvest.json','done','1-3,8-38',68000,1.79000154819640302662e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(13,'RECO_0000',1,'RECO',NULL,'run398600_LS0034To0038_b006_0000_beamSpotStep2','run398600_LS0034To0038_b006_0000_beamSpotStep2_job.txt','done','34-38',10000,1.79000147633700656892e+09,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(13,'UPLOAD',1,'UPLOAD',NULL,'harvestJob006','harvestJob006/upload.json','done','1-3,8-38',68000,1.79000217811206126217e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(14,'ALCA_0000',3,'ALCA',6,'apJob006','apJob006/sistripBadStep3_job.txt','done','34-38',10000,1.79000148412822151187e+09,1,'','',NULL,'');
INSERT INTO "node" VALUES(14,'HARVEST',3,'HARVEST',NULL,'harvestJob006','harvestJob006/harvest.json','done','1-3,8-38',68000,1.79000149773113155365e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(14,'RECO_0000',3,'RECO',NULL,'run398600_LS0034To0038_b006_0000_sistripBadStep2','run398600_LS0034To0038_b006_0000_sistripBadStep2_job.txt','done','34-38',10000,1.79000145700379705428e+09,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(14,'UPLOAD',3,'UPLOAD',NULL,'harvestJob006','harvestJob006/upload.json','failed','',0,NULL,0,'','',66,'refused: since is before the first safe run, too late for pcl');
INSERT INTO "node" VALUES(15,'ALCA_0000',1,'ALCA',7,'apJob007','apJob007/beamSpotStep3_job.txt','done','39-50',32000,1.79000183317030644417e+09,1,'','',NULL,'');
INSERT INTO "node" VALUES(15,'HARVEST',1,'HARVEST',NULL,'harvestJob007','harvestJob007/harvest.json','done','1-3,8-50',100000,1.79000185369128823279e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(15,'RECO_0000',1,'RECO',NULL,'run398600_LS0039To0050_b007_0000_beamSpotStep2','run398600_LS0039To0050_b007_0000_beamSpotStep2_job.txt','done','39-50',32000,1.79000178027932596211e+09,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(15,'UPLOAD',1,'UPLOAD',NULL,'harvestJob007','harvestJob007/upload.json','done','1-3,8-50',100000,1.79000185899455690379e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(16,'ALCA_0000',3,'ALCA',7,'apJob007','apJob007/sistripBadStep3_job.txt','done','39-50',32000,1.79000176986214780804e+09,1,'','',NULL,'');
INSERT INTO "node" VALUES(16,'HARVEST',3,'HARVEST',NULL,'harvestJob007','harvestJob007/harvest.json','done','1-3,8-50',100000,1.79000179156706833846e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(16,'RECO_0000',3,'RECO',NULL,'run398600_LS0039To0050_b007_0000_sistripBadStep2','run398600_LS0039To0050_b007_0000_sistripBadStep2_job.txt','done','39-50',32000,1.79000172706727147097e+09,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(16,'UPLOAD',3,'UPLOAD',NULL,'harvestJob007','harvestJob007/upload.json','failed','',0,NULL,0,'','',1,'no answer: uploadConditions.py, exit 255: Error trying to connect to the server. Aborting.');
INSERT INTO "node" VALUES(17,'ALCA_0000',1,'ALCA',8,'apJob008','apJob008/beamSpotStep3_job.txt','done','51-53,57-59',12000,1790001946.96748,0,'','',NULL,'');
INSERT INTO "node" VALUES(17,'RECO_0000',1,'RECO',NULL,'run398600_LS0051To0059_b008_0000_beamSpotStep2','run398600_LS0051To0059_b008_0000_beamSpotStep2_job.txt','done','51-53,57-59',12000,1.79000192161876153949e+09,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(18,'ALCA_0000',3,'ALCA',8,'apJob008','apJob008/sistripBadStep3_job.txt','done','51-53,57-59',12000,1.79000191359926605219e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(18,'RECO_0000',3,'RECO',NULL,'run398600_LS0051To0059_b008_0000_sistripBadStep2','run398600_LS0051To0059_b008_0000_sistripBadStep2_job.txt','done','51-53,57-59',12000,1.79000188609057569498e+09,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(19,'ALCA_0000',2,'ALCA',0,'apJob000','apJob000/ecalPedsStep3_job.txt','done','1-58',116000,1.79000189641665554047e+09,1,'','',NULL,'');
INSERT INTO "node" VALUES(19,'HARVEST',2,'HARVEST',NULL,'harvestJob000','harvestJob000/harvest.json','done','1-58',116000,1.79000193039440488821e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(19,'RECO_0000',2,'RECO',NULL,'run398600_LS0001To0058_b000_0000_ecalPedsStep2','run398600_LS0001To0058_b000_0000_ecalPedsStep2_job.txt','done','1-58',116000,1.79000185905829596521e+09,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(19,'UPLOAD',2,'UPLOAD',NULL,'harvestJob000','harvestJob000/upload.json','done','1-58',116000,1.79000193617953729623e+09,0,'','',NULL,'');
INSERT INTO "node" VALUES(20,'ALCA_0000',1,'ALCA',9,'apJob009','apJob009/beamSpotStep3_job.txt','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(20,'HARVEST',1,'HARVEST',NULL,'harvestJob009','harvestJob009/harvest.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(20,'RECO_0000',1,'RECO',NULL,'run398600_LS0054To0062_b009_0000_beamSpotStep2','run398600_LS0054To0062_b009_0000_beamSpotStep2_job.txt','waiting','',0,NULL,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(20,'UPLOAD',1,'UPLOAD',NULL,'harvestJob009','harvestJob009/upload.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(21,'ALCA_0000',3,'ALCA',9,'apJob009','apJob009/sistripBadStep3_job.txt','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(21,'HARVEST',3,'HARVEST',NULL,'harvestJob009','harvestJob009/harvest.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(21,'RECO_0000',3,'RECO',NULL,'run398600_LS0054To0062_b009_0000_sistripBadStep2','run398600_LS0054To0062_b009_0000_sistripBadStep2_job.txt','waiting','',0,NULL,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(21,'UPLOAD',3,'UPLOAD',NULL,'harvestJob009','harvestJob009/upload.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(22,'ALCA_0000',2,'ALCA',1,'apJob001','apJob001/ecalPedsStep3_job.txt','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(22,'HARVEST',2,'HARVEST',NULL,'harvestJob001','harvestJob001/harvest.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(22,'RECO_0000',2,'RECO',NULL,'run398600_LS0059To0062_b001_0000_ecalPedsStep2','run398600_LS0059To0062_b001_0000_ecalPedsStep2_job.txt','waiting','',0,NULL,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(22,'UPLOAD',2,'UPLOAD',NULL,'harvestJob001','harvestJob001/upload.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(23,'ALCA_0000',2,'ALCA',2,'apJob002','apJob002/ecalPedsStep3_job.txt','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(23,'HARVEST',2,'HARVEST',NULL,'harvestJob002','harvestJob002/harvest.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(23,'RECO_0000',2,'RECO',NULL,'run398600_LS0059To0062_b002_0000_ecalPedsStep2','run398600_LS0059To0062_b002_0000_ecalPedsStep2_job.txt','waiting','',0,NULL,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(23,'UPLOAD',2,'UPLOAD',NULL,'harvestJob002','harvestJob002/upload.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(24,'ALCA_0000',1,'ALCA',10,'apJob010','apJob010/beamSpotStep3_job.txt','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(24,'HARVEST',1,'HARVEST',NULL,'harvestJob010','harvestJob010/harvest.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(24,'RECO_0000',1,'RECO',NULL,'run398600_LS0060To0062_b010_0000_beamSpotStep2','run398600_LS0060To0062_b010_0000_beamSpotStep2_job.txt','waiting','',0,NULL,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(24,'UPLOAD',1,'UPLOAD',NULL,'harvestJob010','harvestJob010/upload.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(25,'ALCA_0000',3,'ALCA',10,'apJob010','apJob010/sistripBadStep3_job.txt','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(25,'HARVEST',3,'HARVEST',NULL,'harvestJob010','harvestJob010/harvest.json','waiting','',0,NULL,0,'','',NULL,'');
INSERT INTO "node" VALUES(25,'RECO_0000',3,'RECO',NULL,'run398600_LS0060To0062_b010_0000_sistripBadStep2','run398600_LS0060To0062_b010_0000_sistripBadStep2_job.txt','waiting','',0,NULL,0,'ALCA_0000','',NULL,'');
INSERT INTO "node" VALUES(25,'UPLOAD',3,'UPLOAD',NULL,'harvestJob010','harvestJob010/upload.json','waiting','',0,NULL,0,'','',NULL,'');
CREATE TABLE node_blame (
    dag_id INTEGER NOT NULL, node TEXT NOT NULL, input TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    PRIMARY KEY (dag_id, node, input),
    FOREIGN KEY (dag_id, node) REFERENCES node (dag_id, name) ON DELETE CASCADE) WITHOUT ROWID;
INSERT INTO "node_blame" VALUES(3,'RECO_0000','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/c98b632a18e8.root',8);
INSERT INTO "node_blame" VALUES(4,'RECO_0000','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/c98b632a18e8.root',4);
CREATE TABLE node_dropped (
    dag_id INTEGER NOT NULL, node TEXT NOT NULL, input TEXT NOT NULL,
    campaign_id INTEGER NOT NULL REFERENCES campaign (id),
    PRIMARY KEY (dag_id, node, input),
    FOREIGN KEY (dag_id, node) REFERENCES node (dag_id, name) ON DELETE CASCADE) WITHOUT ROWID;
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
INSERT INTO "payload" VALUES(1,1,'1-3',6000,1.79000053393222427369e+09,'no payload','too few events','','',NULL,1.79000053953458976739e+09,0,NULL,'','',0,NULL,NULL);
INSERT INTO "payload" VALUES(2,3,'1-3',6000,1.79000054292410564426e+09,'no payload','too few events','','',NULL,1.79000054769708156587e+09,0,NULL,'','',0,NULL,NULL);
INSERT INTO "payload" VALUES(5,1,'1-3,8-17',26000,1.79000083200191259383e+09,'uploaded','tag BeamSpot_NGTDemonstrator successfully uploaded','BeamSpot_NGTDemonstrator','hash',398600,1.79000083799020433426e+09,0,NULL,'','',0,NULL,NULL);
INSERT INTO "payload" VALUES(6,3,'1-3,8-17',26000,1.79000089803535270688e+09,'uploaded','tag SiStripQuality_NGTDemonstrator successfully uploaded','SiStripQuality_NGTDemonstrator','hash',398600,1.79000090390764403347e+09,0,NULL,'','',0,NULL,NULL);
INSERT INTO "payload" VALUES(7,1,'1-3,8-22',36000,1.79000111650358676917e+09,'uploaded','tag BeamSpot_NGTDemonstrator successfully uploaded','BeamSpot_NGTDemonstrator','hash',398600,1.79000112040892648702e+09,0,NULL,'','',0,NULL,NULL);
INSERT INTO "payload" VALUES(8,3,'1-3,8-22',36000,1.79000106285176253323e+09,'uploaded','tag SiStripQuality_NGTDemonstrator successfully uploaded','SiStripQuality_NGTDemonstrator','hash',398600,1.79000106841399097439e+09,0,NULL,'','',0,NULL,NULL);
INSERT INTO "payload" VALUES(9,1,'1-3,8-33',58000,1.79000132467862081526e+09,'uploaded','tag BeamSpot_NGTDemonstrator successfully uploaded','BeamSpot_NGTDemonstrator','hash',398600,1.79000132833293366428e+09,0,NULL,'','',0,NULL,NULL);
INSERT INTO "payload" VALUES(10,3,'1-3,8-33',58000,1.79000134415216159821e+09,'uploaded','tag SiStripQuality_NGTDemonstrator successfully uploaded','SiStripQuality_NGTDemonstrator','hash',398600,1.7900013466851198673e+09,0,NULL,'','',0,NULL,NULL);
INSERT INTO "payload" VALUES(11,3,'1-3,8-22,30-33',44000,1.79000127634527468676e+09,'uploaded','tag SiStripQuality_NGTDemonstrator successfully uploaded','SiStripQuality_NGTDemonstrator','hash',398600,1790001279.86059,0,NULL,'','',0,NULL,NULL);
INSERT INTO "payload" VALUES(12,1,'1-3,8-22,30-33',44000,1.7900012630112669468e+09,'uploaded','tag BeamSpot_NGTDemonstrator successfully uploaded','BeamSpot_NGTDemonstrator','hash',398600,1.79000126768956637378e+09,0,NULL,'','',0,NULL,NULL);
INSERT INTO "payload" VALUES(13,1,'1-3,8-38',68000,1.79000154819640302662e+09,'superseded','harvestJob007 holds as many LS','BeamSpot_NGTDemonstrator','hash',398600,1.79000217811206126217e+09,0,NULL,'','',0,NULL,NULL);
INSERT INTO "payload" VALUES(14,3,'1-3,8-38',68000,1.79000149773113155365e+09,'refused','since is before the first safe run, too late for pcl','SiStripQuality_NGTDemonstrator','hash',398600,1790002180.4819,0,NULL,'','',0,NULL,NULL);
INSERT INTO "payload" VALUES(15,1,'1-3,8-50',100000,1.79000185369128823279e+09,'uploaded','tag BeamSpot_NGTDemonstrator successfully uploaded','BeamSpot_NGTDemonstrator','hash',398600,1.79000185899455690379e+09,0,NULL,'','',0,NULL,NULL);
INSERT INTO "payload" VALUES(16,3,'1-3,8-50',100000,1.79000179156706833846e+09,'no answer','uploadConditions.py, exit 255: Error trying to connect to the server. Aborting.','SiStripQuality_NGTDemonstrator','hash',398600,1.79000180496535182001e+09,0,NULL,'','',0,NULL,NULL);
INSERT INTO "payload" VALUES(19,2,'1-58',116000,1.79000193039440488821e+09,'uploaded','tag EcalPedestals_NGTDemonstrator successfully uploaded','EcalPedestals_NGTDemonstrator','hash',398600,1.79000193617953729623e+09,0,NULL,'','',0,NULL,NULL);
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
INSERT INTO "payload_input" VALUES(1,0);
INSERT INTO "payload_input" VALUES(2,0);
INSERT INTO "payload_input" VALUES(5,0);
INSERT INTO "payload_input" VALUES(5,2);
INSERT INTO "payload_input" VALUES(6,0);
INSERT INTO "payload_input" VALUES(6,2);
INSERT INTO "payload_input" VALUES(7,0);
INSERT INTO "payload_input" VALUES(7,2);
INSERT INTO "payload_input" VALUES(7,3);
INSERT INTO "payload_input" VALUES(8,0);
INSERT INTO "payload_input" VALUES(8,2);
INSERT INTO "payload_input" VALUES(8,3);
INSERT INTO "payload_input" VALUES(9,0);
INSERT INTO "payload_input" VALUES(9,2);
INSERT INTO "payload_input" VALUES(9,3);
INSERT INTO "payload_input" VALUES(9,4);
INSERT INTO "payload_input" VALUES(9,5);
INSERT INTO "payload_input" VALUES(10,0);
INSERT INTO "payload_input" VALUES(10,2);
INSERT INTO "payload_input" VALUES(10,3);
INSERT INTO "payload_input" VALUES(10,4);
INSERT INTO "payload_input" VALUES(10,5);
INSERT INTO "payload_input" VALUES(11,0);
INSERT INTO "payload_input" VALUES(11,2);
INSERT INTO "payload_input" VALUES(11,3);
INSERT INTO "payload_input" VALUES(11,5);
INSERT INTO "payload_input" VALUES(12,0);
INSERT INTO "payload_input" VALUES(12,2);
INSERT INTO "payload_input" VALUES(12,3);
INSERT INTO "payload_input" VALUES(12,5);
INSERT INTO "payload_input" VALUES(13,0);
INSERT INTO "payload_input" VALUES(13,2);
INSERT INTO "payload_input" VALUES(13,3);
INSERT INTO "payload_input" VALUES(13,4);
INSERT INTO "payload_input" VALUES(13,5);
INSERT INTO "payload_input" VALUES(13,6);
INSERT INTO "payload_input" VALUES(14,0);
INSERT INTO "payload_input" VALUES(14,2);
INSERT INTO "payload_input" VALUES(14,3);
INSERT INTO "payload_input" VALUES(14,4);
INSERT INTO "payload_input" VALUES(14,5);
INSERT INTO "payload_input" VALUES(14,6);
INSERT INTO "payload_input" VALUES(15,0);
INSERT INTO "payload_input" VALUES(15,2);
INSERT INTO "payload_input" VALUES(15,3);
INSERT INTO "payload_input" VALUES(15,4);
INSERT INTO "payload_input" VALUES(15,5);
INSERT INTO "payload_input" VALUES(15,6);
INSERT INTO "payload_input" VALUES(15,7);
INSERT INTO "payload_input" VALUES(16,0);
INSERT INTO "payload_input" VALUES(16,2);
INSERT INTO "payload_input" VALUES(16,3);
INSERT INTO "payload_input" VALUES(16,4);
INSERT INTO "payload_input" VALUES(16,5);
INSERT INTO "payload_input" VALUES(16,6);
INSERT INTO "payload_input" VALUES(16,7);
INSERT INTO "payload_input" VALUES(19,0);
CREATE TABLE payload_left_out (
    dag_id INTEGER NOT NULL REFERENCES payload (dag_id) ON DELETE CASCADE, job INTEGER NOT NULL,
    PRIMARY KEY (dag_id, job)) WITHOUT ROWID;
CREATE TABLE payload_other_hash (
    dag_id INTEGER NOT NULL REFERENCES payload (dag_id) ON DELETE CASCADE, number INTEGER NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (dag_id, number)) WITHOUT ROWID;
CREATE TABLE payload_overlap (
    dag_id INTEGER NOT NULL REFERENCES payload (dag_id) ON DELETE CASCADE, job INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (dag_id, job)) WITHOUT ROWID;
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
INSERT INTO "raw_file" VALUES(1,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/9187df9b51b0.root','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1',398600,1623246008,1.7900003284659852981e+09,'good',1,1.79000033342275571826e+09,'1-3',6000,'',0);
INSERT INTO "raw_file" VALUES(2,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/74b93657f050.root','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1',398600,2039218501,1.79000041303201365468e+09,'good',1,1.7900004185924789906e+09,'1-3',6000,'',0);
INSERT INTO "raw_file" VALUES(3,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/c98b632a18e8.root','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1',398600,3481719041,1.79000042685706567758e+09,'good',1,1.7900004294138877392e+09,'4-7',8000,'',0);
INSERT INTO "raw_file" VALUES(4,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/3be5cdd3df63.root','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1',398600,3875604902,1.79000044243240475651e+09,'good',1,1.79000044690900349622e+09,'4-7',8000,'',0);
INSERT INTO "raw_file" VALUES(5,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/8fb804d4712e.root','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1',398600,2356269155,1.7900006103572077751e+09,'good',1,1.79000061431961202617e+09,'8-11',8000,'',0);
INSERT INTO "raw_file" VALUES(6,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/1e9ef59948dc.root','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1',398600,3851262195,1.79000064394417119023e+09,'good',1,1.79000064757111358639e+09,'12-13',4000,'',0);
INSERT INTO "raw_file" VALUES(7,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/15144f2a73d2.root','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1',398600,3916807805,1.79000064394417119023e+09,'good',1,1.79000064757111358639e+09,'14-17',8000,'',0);
INSERT INTO "raw_file" VALUES(8,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/97530aeed396.root','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1',398600,2106436178,1.79000078409174728398e+09,'good',1,1.79000078810006713874e+09,'18-22',10000,'',0);
INSERT INTO "raw_file" VALUES(9,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/16e302b7b74e.root','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1',398600,680816152,1.79000094855156230934e+09,'good',1,1.79000095451850843434e+09,'26-29',8000,'',0);
INSERT INTO "raw_file" VALUES(10,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/736dcb3a0fec.root','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1',398600,3590661024,1790000985.18998,'good',1,1.79000099091886162756e+09,'23-25',6000,'',0);
INSERT INTO "raw_file" VALUES(11,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/6d555a005ba3.root','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1',398600,570515265,1.79000103995998907091e+09,'good',1,1.79000104378472399717e+09,'30-33',8000,'',0);
INSERT INTO "raw_file" VALUES(12,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/8413dac58a75.root','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1',398600,3995904233,1.79000121629742240912e+09,'good',1,1.7900012196029582023e+09,'34-38',10000,'',0);
INSERT INTO "raw_file" VALUES(13,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/a951f4b09d17.root','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1',398600,3687309298,1.7900013422330055237e+09,'good',1,1.79000153507985639575e+09,'39-41',6000,'',0);
INSERT INTO "raw_file" VALUES(14,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/3a8ec5985a2e.root','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1',398600,431800118,1.79000153224685907369e+09,'good',1,1790001537.34877,'42-46',10000,'',0);
INSERT INTO "raw_file" VALUES(15,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/f96306e644fa.root','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1',398600,2692933081,1.79000153224685907369e+09,'good',1,1.79000153507985639575e+09,'47-50',8000,'',0);
INSERT INTO "raw_file" VALUES(16,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/46625d734b2c.root','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1',398600,1061853894,1.79000153224685907369e+09,'good',1,1790001537.34877,'47-50',8000,'',0);
INSERT INTO "raw_file" VALUES(17,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/ba833a074221.root','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1',398600,3143761158,1.7900016300284557342e+09,'good',1,1.79000163344336843491e+09,'51-53',6000,'',0);
INSERT INTO "raw_file" VALUES(18,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/cdee610e8d04.root','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1',398600,3689345079,1.79000165467795896529e+09,'good',1,1.79000165936829710002e+09,'57-59',6000,'',0);
INSERT INTO "raw_file" VALUES(19,'/eos/cms/tier0/store/data/Run2026D/TestEnablesEcalHcal/RAW/Express-v1/000/398/600/00000/8b25ade72b73.root','/eos/cms/tier0/store/data/Run2026D/TestEnablesEcalHcal/RAW/Express-v1',398600,3358619597,1.79000170003463625906e+09,'good',1,1790001705.4056,'1-58',116000,'',0);
INSERT INTO "raw_file" VALUES(20,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/81b00d773878.root','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1',398600,691194580,1.79000171128842568398e+09,'good',1,1.79000171557950925826e+09,'54-56',6000,'',0);
INSERT INTO "raw_file" VALUES(21,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/330dd8c9af96.root','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1',398600,3801345382,1.79000171128842568398e+09,'good',1,1.79000171557950925826e+09,'60-62',6000,'',0);
INSERT INTO "raw_file" VALUES(22,'/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1/000/398/600/00000/7c769fd61e0d.root','/eos/cms/tier0/store/express/Run2026D/ExpressPhysics/FEVT/Express-v1',398600,3329053602,1.7900017263765926361e+09,'good',1,1.79000173029981327057e+09,'60-62',6000,'',0);
INSERT INTO "raw_file" VALUES(23,'/eos/cms/tier0/store/data/Run2026D/TestEnablesEcalHcal/RAW/Express-v1/000/398/600/00000/054f8632ac4d.root','/eos/cms/tier0/store/data/Run2026D/TestEnablesEcalHcal/RAW/Express-v1',398600,3671503449,1.79000181421336793897e+09,'good',1,1.79000181748168063163e+09,'59-62',8000,'',0);
INSERT INTO "raw_file" VALUES(24,'/eos/cms/tier0/store/data/Run2026D/TestEnablesEcalHcal/RAW/Express-v1/000/398/600/00000/5f3b74a7cb19.root','/eos/cms/tier0/store/data/Run2026D/TestEnablesEcalHcal/RAW/Express-v1',398600,1977650466,1.790001823705247879e+09,'good',1,1.79000182787695336344e+09,'59-62',8000,'',0);
CREATE TABLE "request" (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL REFERENCES request_kind (word), run INTEGER NOT NULL,
    calibration TEXT, node TEXT, everything INTEGER NOT NULL DEFAULT 0,
    made_by TEXT NOT NULL, made_at REAL NOT NULL, answered_at REAL,
    answer TEXT NOT NULL DEFAULT '', granted INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '', accept_destination INTEGER NOT NULL DEFAULT 0, present_recipe INTEGER NOT NULL DEFAULT 0, send_again TEXT, harvest_again INTEGER NOT NULL DEFAULT 0, only_uploads INTEGER NOT NULL DEFAULT 0, restored INTEGER NOT NULL DEFAULT 0);
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
