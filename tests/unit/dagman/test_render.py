"""What a DAG's directory holds: read as DAGMan, HTCondor and the shell read it."""

import json
import os
import re
import shlex
import signal
import subprocess
from dataclasses import replace

import htcondor2
import pytest

from condorloop.dagman.render import Renderer
from condorloop.model.campaign import Batch, CampaignKey, RawFile
from condorloop.model.lumis import Lumis
from condorloop.node.job_output import diagnosis
from condorloop.node.post_script import TRANSIENT
from tests.unit.dag_plans import own_batch, own_harvest
from tests.unit.examples import config, raw_file

RELEASE = "CMSSW_16_0_7_patch1"
GLOBAL_TAG = "160X_dataRun3_ExpressNGT_v0"
THREADS = "--nThreads 8 --nStreams 8 -n -1"
NO_EXEC = "--no_exec --python_filename"

CMS_DRIVER = {
    ("EcalPedestals", "reco.sh"): (
        f"expressStep2 --conditions {GLOBAL_TAG}"
        " -s RAW2DIGI,RECO,ALCAPRODUCER:EcalTestPulsesRaw --datatier ALCARECO"
        " --eventcontent ALCARECO --data --process RERECO --scenario pp --era Run3"
        f" {THREADS} --filein F1,F2 --fileout file:OUT.root {NO_EXEC} OUT.py"
    ),
    ("SiStripBad", "reco.sh"): (
        f"expressStep2 --conditions {GLOBAL_TAG} -s RAW2DIGI,RECO:trackerlocalreco,"
        "ALCAPRODUCER:SiStripCalZeroBias+SiStripPCLHistos+PromptCalibProdSiStrip"
        " --datatier ALCARECO --eventcontent ALCARECO --data --process RERECO --scenario pp"
        f" --era Run3 {THREADS} --filein F1,F2 --fileout file:OUT.root {NO_EXEC} OUT.py"
    ),
    ("BeamSpot", "reco.sh"): (
        f"expressStep2 --conditions {GLOBAL_TAG}"
        " -s RAW2DIGI,RECO,ALCAPRODUCER:TkAlMinBias+PromptCalibProdBeamSpotHP"
        " --datatier ALCARECO --eventcontent ALCARECO --data --process RERECO"
        " --procModifier trackingIters01 --scenario pp --era Run3"
        f" {THREADS} --filein F1,F2 --fileout file:OUT.root {NO_EXEC} OUT.py"
    ),
    ("EcalPedestals", "alca.sh"): (
        f"expressStep3 --conditions {GLOBAL_TAG}"
        " -s ALCAOUTPUT:EcalTestPulsesRaw,ALCA:PromptCalibProdEcalPedestals"
        " --datatier ALCARECO --eventcontent ALCARECO --triggerResultsProcess RERECO"
        f" {THREADS} --filein F1,F2 {NO_EXEC} run398600_ecalPedsALCAOUTPUT.py"
    ),
    ("SiStripBad", "alca.sh"): (
        f"expressStep3 --conditions {GLOBAL_TAG}"
        " -s ALCAOUTPUT:SiStripCalZeroBias+SiStripPCLHistos,ALCA:PromptCalibProdSiStrip"
        " --datatier ALCARECO --eventcontent ALCARECO --triggerResultsProcess RECO"
        f" {THREADS} --filein F1,F2 {NO_EXEC} run398600_sistripBadALCAOUTPUT.py"
    ),
    ("BeamSpot", "alca.sh"): (
        f"expressStep3 --conditions {GLOBAL_TAG}"
        " -s ALCAOUTPUT:TkAlMinBias,ALCA:PromptCalibProdBeamSpotHP"
        " --datatier ALCARECO --eventcontent ALCARECO --triggerResultsProcess RECO"
        f" {THREADS} --filein F1,F2 {NO_EXEC} run398600_beamSpotALCAOUTPUT.py"
    ),
    ("EcalPedestals", "harvest.sh"): (
        f"expressStep4 --conditions {GLOBAL_TAG} -s ALCAHARVEST:EcalPedestals --scenario pp"
        " --data --filein file:../inputs/apJob000/A.root,file:../inputs/apJob001/A.root"
        f" -n -1 {NO_EXEC} run398600_ecalPedsHARVESTING.py"
    ),
    ("SiStripBad", "harvest.sh"): (
        f"expressStep4 --conditions {GLOBAL_TAG} -s ALCAHARVEST:SiStripQuality --scenario pp"
        " --data --filein file:../inputs/apJob000/A.root,file:../inputs/apJob001/A.root"
        f" -n -1 {NO_EXEC} run398600_sistripBadHARVESTING.py"
    ),
    ("BeamSpot", "harvest.sh"): (
        f"expressStep4 --conditions {GLOBAL_TAG} -s ALCAHARVEST:BeamSpotHPByLumi --scenario pp"
        " --data --filein file:../inputs/apJob000/A.root,file:../inputs/apJob001/A.root"
        f" -n -1 {NO_EXEC} run398600_beamSpotHARVESTING.py"
    ),
}
ARGUMENTS = {
    "reco.sh": ["NODE", "OUT", "F1,F2"],
    "alca.sh": ["NODE", "F1,F2"],
    "harvest.sh": ["NODE"],
}

SCRAM = """\
case $1 in
project) mkdir -p "$3/src" ;;
runtime)
    [ -z "$SCRAM_FAILS" ] || { echo "$SCRAM_FAILS" >&2; exit 2; }
    [ -z "$RELEASE_GONE" ] || { echo "ERROR: Missing Release top" >&2; TOOLS=$TOOLS/gone; }
    echo "export PATH=$TOOLS:$PATH AREA=$PWD"
    ;;
esac
"""
CMS_DRIVER_TOOL = """\
[ -z "$CMSDRIVER_EXIT" ] || exit "$CMSDRIVER_EXIT"
printf '%s\\n' "$@" > "$TOOLS/options"
while [ $# -gt 0 ]; do [ "$1" = --python_filename ] && touch "$2"; shift; done
"""
CMS_RUN_TOOL = 'cp "$3" "$TOOLS/configuration"; exit "${CMSRUN_EXIT:-0}"'


def options(line):
    """A cmsDriver.py command line as its options, each with its value, in no order."""
    words = shlex.split(line) if isinstance(line, str) else line
    found, key = {}, "step"
    for word in words:
        if re.match(r"--?[a-zA-Z]", word):
            key = word
            found[key] = ""
        else:
            found[key] = word
    return found


LINE = "process.options.wantSummary = cms.untracked.bool(True)"
CUSTOMISED = {"customise": ("A/B.of", "C/D.all"), "config_mods": (LINE,)}
"""What a YAML can say of the configuration of each step."""


def customised(calibration):
    """A calibration whose steps are all `CUSTOMISED`."""
    reco = calibration.reco.model_copy(update=CUSTOMISED)
    drivers = {
        name: (step := getattr(calibration, name)).model_copy(
            update={"cms_driver": step.cms_driver.model_copy(update=CUSTOMISED)}
        )
        for name in ("alca", "harvest")
    }
    other = {"name": "Customised", "reco": reco, **drivers}
    return calibration.model_copy(update=other)


@pytest.fixture
def rendered(tmp_path):
    """Write a DAG of one calibration; give its directory."""
    loaded = config(tmp_path)
    other = customised(loaded.calibrations["SiStripBad"])
    loaded = replace(loaded, calibrations={**loaded.calibrations, other.name: other})

    def write(name, files=None, number=0):
        key = CampaignKey(name, 398600)
        files = files or (raw_file(0, 1, 5), raw_file(1, 6, 10))
        plan = own_batch(key, loaded.calibrations[name], Batch(0, files), number, 0)
        return Renderer(loaded, loaded.site.work_dir, "ledger").write(plan).parent

    return write


@pytest.fixture
def sandbox(tmp_path, rendered):
    """Run a script of a DAG in a job's sandbox, with tools that note how they were called."""
    tools, scram = tmp_path / "tools", tmp_path / "scram"
    texts = {
        scram / "scramv1": SCRAM,
        tools / "cmsDriver.py": CMS_DRIVER_TOOL,
        tools / "cmsRun": CMS_RUN_TOOL,
    }
    for tool, text in texts.items():
        tool.parent.mkdir(exist_ok=True)
        tool.write_text(f"#!/bin/bash\nTOOLS={shlex.quote(str(tools))}\n{text}")
        tool.chmod(0o755)
    setup = tmp_path / "work" / "cmsset_default.sh"
    setup.parent.mkdir()
    setup.write_text(f"PATH={scram}:$PATH; here=somewhere\n")

    def run(name, script, more=(), **environment):
        folder = rendered(name)
        job = tmp_path / "job"
        job.mkdir()
        for file in (script, "cmssw.sh"):
            (job / file).write_text((folder / file).read_text())
        (job / "inputs.txt").write_text("apJob000/A.root\napJob001/A.root\n")
        command = ["bash", script, *ARGUMENTS[script], *more]
        environment = {"PATH": "/usr/bin:/bin"} | environment
        done = subprocess.run(command, cwd=job, env=environment, capture_output=True, check=False)
        return done, tools, job / "NODE"

    return run


@pytest.mark.parametrize(("name", "script"), CMS_DRIVER)
def test_cmsdriver_is_called_as_the_earlier_loops_called_it(sandbox, name, script):
    done, tools, _ = sandbox(name, script)
    assert done.returncode == 0, done.stderr
    called = (tools / "options").read_text().splitlines()
    assert options(called) == options(CMS_DRIVER[name, script])


def test_reco_that_is_told_which_lumisections_to_read_tells_cmsdriver(sandbox, tmp_path):
    done, tools, _ = sandbox("EcalPedestals", "reco.sh", more=["NODE_lumis.json"])
    assert done.returncode == 0, done.stderr
    called = options((tools / "options").read_text().splitlines())
    assert called.pop("--lumiToProcess") == str(tmp_path / "job" / "NODE_lumis.json")
    assert called == options(CMS_DRIVER["EcalPedestals", "reco.sh"])


def test_the_yamls_lines_are_appended_to_the_configuration(sandbox):
    _, tools, _ = sandbox("EcalPedestals", "alca.sh")
    assert (tools / "configuration").read_text() == (
        'process.ALCARECOEcalTestPulsesRaw.TriggerResultsTag = cms.InputTag("TriggerResults", '
        '"", "RERECO")\n'
    )


@pytest.mark.parametrize("script", ARGUMENTS)
def test_each_step_can_be_customised_by_functions_and_lines(sandbox, script):
    done, tools, _ = sandbox("Customised", script)
    assert done.returncode == 0, done.stderr
    called = (tools / "options").read_text().splitlines()
    assert called[called.index("--customise") + 1] == "A/B.of,C/D.all"
    assert (tools / "configuration").read_text() == f"{LINE}\n"


@pytest.mark.parametrize("script", ARGUMENTS)
def test_a_job_ends_with_the_exit_code_of_cmsrun(sandbox, script):
    done, _, node = sandbox("EcalPedestals", script, CMSRUN_EXIT="84")
    assert done.returncode == 84
    assert node.is_dir()


@pytest.mark.parametrize("script", ARGUMENTS)
@pytest.mark.parametrize(
    "line",
    [
        '[ "$NOT_HERE" ] && echo there',
        "return 1",
        "no-such-command",
        "if true; then",
        "echo 'exit 3'; echo 'exit 3' >&2; cat",
        "set -eu",
        "cd /; IFS=:; umask 077; set -- of its own",
        'cmsenv() { eval "$(scramv1 runtime -sh)"; }; export -f cmsenv',
        "shopt -s expand_aliases; alias cd=false eval=false cmsRun=false",
        "status=mine area=mine runtime=mine; export status area runtime",
        "sleep 600 & echo $! > left.pid",
    ],
)
def test_whatever_cms_set_up_scripts_do_the_job_goes_on(sandbox, set_up, left, script, line):
    set_up(line)
    done, tools, node = sandbox("EcalPedestals", script)
    assert done.returncode == 0, done.stderr
    assert options((tools / "options").read_text().splitlines()) == options(
        CMS_DRIVER["EcalPedestals", script]
    )
    assert (node / "made.txt").stat().st_mode & 0o777 == 0o664


@pytest.mark.parametrize("script", ARGUMENTS)
def test_inside_cmssw_what_fails_ends_the_job(sandbox, script):
    done, _, node = sandbox("EcalPedestals", script, CMSDRIVER_EXIT="3")
    assert done.returncode == 3
    assert not (node / "made.txt").exists()


def last_words(done):
    """What `status` shows of a job that failed so."""
    return diagnosis.words(None, done.stderr.decode().splitlines())


def test_a_set_up_script_that_only_speaks_is_no_reason_of_a_failure(sandbox, set_up):
    set_up("echo welcome >&2")
    done, _, _ = sandbox("EcalPedestals", "reco.sh", CMSRUN_EXIT="84")
    assert (done.returncode, b"welcome" in done.stdout, done.stderr) == (84, True, b"")


@pytest.mark.parametrize("script", ARGUMENTS)
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("exit 0", "cmsset_default.sh ended the shell, exit 0"),
        ("echo 'no cvmfs here' >&2; exit 3", "no cvmfs here"),
        ("set -e; false", "cmsset_default.sh ended the shell, exit 1"),
        ("exec true", "cannot be entered, exit 0"),
        ("PATH=/usr/bin:/bin", "scramv1: command not found"),
        ("kill -9 $$", "cannot be entered, exit 137"),
        ("echo 'waits for cvmfs'; exec sleep 600", "waits for cvmfs no end within 1200 s"),
    ],
)
def test_a_set_up_script_that_ends_the_job_is_named_and_tried_again(
    sandbox, set_up, hurried, script, line, words
):
    set_up(line)
    done, tools, _ = sandbox("EcalPedestals", script, PATH=hurried)
    assert done.returncode in TRANSIENT, done
    assert words in last_words(done)
    assert not (tools / "options").exists()


def test_a_set_up_script_that_is_not_there_is_named_and_tried_again(sandbox, tmp_path):
    setup = tmp_path / "work" / "cmsset_default.sh"
    setup.unlink()
    done, tools, _ = sandbox("EcalPedestals", "reco.sh")
    assert done.returncode in TRANSIENT
    assert f"{setup} is not there, or cannot be read" in last_words(done)
    assert not (tools / "options").exists()


def test_scrams_own_words_tell_why_a_release_cannot_be_entered(sandbox):
    done, tools, _ = sandbox("EcalPedestals", "reco.sh", SCRAM_FAILS="SCRAM fatal: no such tool")
    assert done.returncode in TRANSIENT
    assert "SCRAM fatal: no such tool" in last_words(done)
    assert not (tools / "options").exists()


def test_a_release_that_is_gone_ends_the_job_though_scram_ends_well(sandbox):
    done, tools, _ = sandbox("EcalPedestals", "reco.sh", RELEASE_GONE="yes")
    assert done.returncode in TRANSIENT
    assert "Missing Release top" in last_words(done)
    assert "cmsRun is not in the environment" in last_words(done)
    assert not (tools / "options").exists()


@pytest.mark.parametrize("tool", ["cmsRun", "cmsDriver.py"])
@pytest.mark.parametrize("way", ["gone", "not executable"])
def test_a_tool_that_is_not_there_is_named_and_tried_again(sandbox, tmp_path, tool, way):
    file = tmp_path / "tools" / tool
    file.chmod(0o644) if way == "not executable" else file.unlink()
    done, tools, _ = sandbox("EcalPedestals", "reco.sh")
    assert done.returncode in TRANSIENT
    assert f"{tool} is not in the environment" in last_words(done)
    assert not (tools / "options").exists()


def test_an_area_whose_tools_are_gone_is_passed_over(sandbox, tmp_path):
    area = tmp_path / "work" / RELEASE
    (area / "src").mkdir(parents=True)
    broken = f'[ "${{PWD#{area}}}" = "$PWD" ] || RELEASE_GONE=yes\n'
    scram = tmp_path / "scram" / "scramv1"
    scram.write_text(scram.read_text().replace("case $1 in", f"{broken}case $1 in"))
    done, _, _ = sandbox("EcalPedestals", "reco.sh")
    assert done.returncode == 0, done.stderr


@pytest.fixture
def set_up(tmp_path):
    """Let the set-up script go on with a line."""

    def write(line):
        with (tmp_path / "work" / "cmsset_default.sh").open("a") as file:
            file.write(f"{line}\n")

    return write


@pytest.fixture
def left(tmp_path):
    """End what a set-up script left running."""
    yield
    for file in tmp_path.rglob("left.pid"):
        os.kill(int(file.read_text()), signal.SIGKILL)


@pytest.fixture
def hurried(tmp_path):
    """A PATH whose `timeout` lets half a second be the limit."""
    folder = tmp_path / "hurried"
    folder.mkdir()
    (folder / "timeout").write_text('#!/bin/sh\nshift 3\nexec /usr/bin/timeout 0.5 "$@"\n')
    (folder / "timeout").chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def commands(folder):
    """The lines of a DAG description, cut into words as DAGMan does."""
    [dag] = folder.glob("*.dag")
    return [line.split() for line in dag.read_text().splitlines() if line.strip()]


def submit_description(folder, kind):
    """A node kind's submit description, as HTCondor parses it."""
    [dag] = folder.glob("*.dag")
    pattern = rf"SUBMIT-DESCRIPTION {kind} \{{\n(.*?)\n\}}"
    match = re.search(pattern, dag.read_text(), re.DOTALL)
    assert match
    return htcondor2.Submit(match[1] + "\n")


def test_jobs_that_read_parts_of_a_file_get_their_lumisections_as_a_file(rendered):
    whole = raw_file(0, 1, 9)
    parts = (whole.part(Lumis.parse("1-3,5")), whole.part(Lumis.parse("6-9")))
    folder = rendered("EcalPedestals", (raw_file(1, 4, 4), *parts))
    kinds = {words[1]: words[2] for words in commands(folder) if words[0] == "JOB"}
    assert kinds["RECO_0000"] == kinds["RECO_0002"] == "RECO_PART"
    assert kinds["RECO_0001"] == "RECO"
    told = {p.name: json.loads(p.read_text()) for p in folder.glob("*_lumis.json")}
    assert told == {
        "RECO_0000_lumis.json": {"398600": [[1, 3], [5, 5]]},
        "RECO_0002_lumis.json": {"398600": [[6, 9]]},
    }
    in_part, reco = (dict(submit_description(folder, kind)) for kind in ("RECO_PART", "RECO"))
    assert in_part.pop("arguments") == reco.pop("arguments")[:-1] + ' $(JOB)_lumis.json"'
    inputs = "transfer_input_files"
    assert in_part.pop(inputs) == f"{reco.pop(inputs)}, $(JOB)_lumis.json"
    assert in_part == reco
    retried = {words[1] for words in commands(folder) if words[0] == "RETRY"}
    assert {"RECO_0000", "RECO_0001", "RECO_0002"} <= retried


def test_a_dag_of_parts_alone_has_a_description_for_what_is_taken_from_it(rendered):
    folder = rendered("EcalPedestals", (raw_file(0, 1, 9).part(Lumis.span(1, 3)),))
    assert submit_description(folder, "RECO")
    assert submit_description(folder, "RECO_PART")


def test_whole_files_need_no_list_of_lumisections(rendered):
    folder = rendered("EcalPedestals")
    assert not list(folder.glob("*_lumis.json"))
    [dag] = folder.glob("*.dag")
    assert "RECO_PART" not in dag.read_text()


def test_every_node_is_retried_unless_it_failed_for_good(rendered):
    lines = commands(rendered("EcalPedestals"))
    nodes = {words[1] for words in lines if words[0] == "JOB"}
    retried = {
        words[1] for words in lines if words[0] == "RETRY" and words[3:] == ["UNLESS-EXIT", "66"]
    }
    assert nodes == retried == {"RECO_0000", "ALCA_0000", "HARVEST", "UPLOAD"}


def test_a_script_that_the_machine_keeps_from_its_work_is_run_again_later(rendered):
    scripts = [words for words in commands(rendered("EcalPedestals")) if words[0] == "SCRIPT"]
    assert [words[1:4] for words in scripts] == [["DEFER", "75", "60"]] * 2
    assert [words[7] for words in scripts] == ["PRE", "POST"]


def settings(folder):
    """What DAGMan's configuration says."""
    lines = (folder / "dagman.config").read_text().splitlines()
    return dict(line.split(" = ") for line in lines if not line.startswith("#"))


def test_dagman_looks_for_jobs_whose_end_it_has_not_seen(tmp_path):
    loaded = config(tmp_path)
    pool = loaded.site.pool.model_copy(
        update={"check_queue_interval": 90.5, "pending_report_interval": 30.0, "script_wait": 7.0}
    )
    site = loaded.site.model_copy(update={"pool": pool})
    renderer = Renderer(replace(loaded, site=site), tmp_path / "work", "example")
    renderer.write(own_harvest(CampaignKey("EcalPedestals", 398600), 0))
    folder = renderer.run_dir(CampaignKey("EcalPedestals", 398600)) / "dag000"
    said = settings(folder)
    assert said["DAGMAN_CHECK_QUEUE_INTERVAL"] == "91"
    assert said["DAGMAN_PENDING_REPORT_INTERVAL"] == "30"
    assert [words[3] for words in commands(folder) if words[0] == "SCRIPT"] == ["7", "7"]


def test_a_job_that_runs_again_after_its_end_does_not_break_a_dag(rendered):
    allowed = int(settings(rendered("EcalPedestals"))["DAGMAN_ALLOW_EVENTS"])
    assert allowed == 114 + 4, "HTCondor's own, and a job that runs again"


def test_the_dag_and_its_jobs_can_be_told_by_their_classads(rendered):
    folder = rendered("EcalPedestals")
    said = {w[1]: " ".join(w[3:]) for w in commands(folder) if w[0] == "SET_JOB_ATTR"}
    assert said["CondorloopRun"] == "398600"
    assert said["CondorloopCalibration"] == '"EcalPedestals"'
    assert said["CondorloopBatch"] == "0"
    for kind in ("RECO", "ALCA", "HARVEST", "UPLOAD"):
        submit = submit_description(folder, kind)
        assert submit["My.CondorloopId"] == said["CondorloopId"]
        assert submit["My.CondorloopKind"] == f'"{kind}"'


def test_upload_runs_on_the_access_point_and_the_rest_anywhere(rendered):
    folder = rendered("EcalPedestals")
    universes = [
        submit_description(folder, k)["universe"] for k in ("RECO", "ALCA", "HARVEST", "UPLOAD")
    ]
    assert universes == ["vanilla", "vanilla", "vanilla", "local"]


def test_a_job_out_of_memory_gets_more_up_to_a_cap(rendered):
    submit = submit_description(rendered("EcalPedestals"), "RECO")
    assert submit["request_memory"] == "16000M"
    assert submit["retry_request_memory_max"] == "32000M"


def test_a_job_that_hangs_is_held_in_every_universe(rendered):
    folder = rendered("EcalPedestals")
    limits = {
        k: submit_description(folder, k)["allowed_execute_duration"]
        for k in ("RECO", "ALCA", "HARVEST")
    }
    assert limits == {"RECO": "14400", "ALCA": "7200", "HARVEST": "7200"}
    assert submit_description(folder, "UPLOAD")["periodic_hold"].endswith("> 3600")


def test_a_vanished_machine_costs_ten_minutes(rendered):
    assert submit_description(rendered("EcalPedestals"), "RECO")["job_lease_duration"] == "600"


def test_an_older_run_goes_before_a_younger_one(tmp_path):
    renderer = Renderer(config(tmp_path), tmp_path / "work", "example")

    def rank(run):
        renderer.write(own_harvest(CampaignKey("EcalPedestals", run), 0))
        folder = renderer.run_dir(CampaignKey("EcalPedestals", run)) / "dag000"
        return int(submit_description(folder, "HARVEST")["My.PostJobPrio1"])

    assert rank(398600) > rank(398601)


def test_the_dag_itself_is_released_as_its_jobs_are(rendered):
    folder = rendered("EcalPedestals")
    said = {w[1]: " ".join(w[3:]) for w in commands(folder) if w[0] == "SET_JOB_ATTR"}
    for kind in ("RECO", "ALCA", "HARVEST", "UPLOAD"):
        assert submit_description(folder, kind)["periodic_release"] == said["PeriodicRelease"]


@pytest.mark.parametrize(("poll", "update"), [(0.5, 5), (10.0, 10), (59.6, 60)])
def test_dagman_tells_the_schedd_of_itself_once_a_poll(tmp_path, poll, update):
    loaded = config(tmp_path)
    site = loaded.site.model_copy(update={"poll_interval": poll})
    renderer = Renderer(replace(loaded, site=site), tmp_path / "work", "ledger")
    texts = renderer.texts(own_harvest(CampaignKey("EcalPedestals", 398600), 0))
    assert f"DAGMAN_QUEUE_UPDATE_INTERVAL = {update}\n" in texts["dagman.config"]


def test_a_harvest_dag_has_no_batch(tmp_path):
    loaded = config(tmp_path)
    plan = own_harvest(CampaignKey("EcalPedestals", 398600), 3)
    folder = Renderer(loaded, loaded.site.work_dir, "ledger").write(plan).parent
    assert not [w for w in commands(folder) if w[1:2] == ["CondorloopBatch"]]
    assert json.loads((folder / "manifest.json").read_text())["batch"] is None


def test_the_manifest_traces_a_payload_to_files_release_and_templates(rendered):
    manifest = json.loads((rendered("EcalPedestals") / "manifest.json").read_text())
    assert [f["path"] for f in manifest["files"]] == ["/eos/cms/f0000.root", "/eos/cms/f0001.root"]
    assert manifest["lumis"] == "1-10"
    assert manifest["release"] == "CMSSW_16_0_7_patch1"
    assert manifest["global_tag"] == GLOBAL_TAG
    assert manifest["templates"].keys() >= {"reco.sh", "alca.sh", "harvest.sh", "dag"}
    assert manifest["upload"]["metadata"]["since"] == 398600


def test_a_payload_by_lumisection_is_uploaded_with_each_iovs_own_since(rendered):
    manifest = json.loads((rendered("BeamSpot") / "manifest.json").read_text())
    assert manifest["upload"]["metadata"]["since"] is None


HOSTILE = "/eos/cms/$(touch gone) 'it''s' \"x\" `id` ü.root"


def test_an_odd_file_name_reaches_its_job_as_it_is(rendered, tmp_path):
    file = RawFile(HOSTILE, 1, Lumis.span(1, 5), 1)
    folder = rendered("EcalPedestals", (file,))
    [line] = [x for x in next(folder.glob("*.dag")).read_text().splitlines() if " filein=" in x][:1]
    match = re.search(r'filein="((?:[^"\\]|\\.)*)"', line)
    assert match
    value = re.sub(r"\\(.)", r"\1", match[1])
    submit = htcondor2.Submit({"executable": "x", "filein": value, "arguments": '"$(filein)"'})
    from tests.unit.dagman.test_quoting import arguments_v2

    assert arguments_v2(submit.expand("arguments")) == [f"root://127.0.0.1:2/{HOSTILE}"]


def test_a_dag_that_is_there_is_never_written_over(rendered):
    rendered("EcalPedestals")
    with pytest.raises(FileExistsError):
        rendered("EcalPedestals")


def test_a_directory_is_whole_or_not_there(rendered, tmp_path, monkeypatch):
    from condorloop.dagman import render

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(render, "json_text", fail)
    with pytest.raises(OSError, match="No space"):
        rendered("EcalPedestals")
    assert not (tmp_path / "work/EcalPedestals/run398600/dag000").exists()
