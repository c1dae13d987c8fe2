import pytest

from condorloop.testbed.cmssw.framework import run_config
from condorloop.testbed.cmssw.framework.job_plan import Output, Sink, Step, plan_of
from condorloop.testbed.cmssw.steps.workflows import WORKFLOWS
from condorloop.testbed.cmssw.tools.cmsdriver import main

RECO_STEPS = {
    "EcalPedestals": "RAW2DIGI,RECO,ALCAPRODUCER:EcalTestPulsesRaw",
    "SiStripBad": "RAW2DIGI,RECO:trackerlocalreco,"
    "ALCAPRODUCER:SiStripCalZeroBias+SiStripPCLHistos+PromptCalibProdSiStrip",
    "BeamSpot": "RAW2DIGI,RECO,ALCAPRODUCER:TkAlMinBias+PromptCalibProdBeamSpotHP",
}
ALCA_STEPS = {
    "EcalPedestals": "ALCAOUTPUT:EcalTestPulsesRaw,ALCA:PromptCalibProdEcalPedestals",
    "SiStripBad": "ALCAOUTPUT:SiStripCalZeroBias+SiStripPCLHistos,ALCA:PromptCalibProdSiStrip",
    "BeamSpot": "ALCAOUTPUT:TkAlMinBias,ALCA:PromptCalibProdBeamSpotHP",
}
RAW = ("root://127.0.0.1:1094//eos/a.root", "root://127.0.0.1:1094//eos/b.root")
THREADS = "--nThreads 8 --nStreams 8"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def reco(step: str, more: str = "--procModifier trackingIters01") -> list[str]:
    return (
        f"expressStep2 --conditions 160X_dataRun3_ExpressNGT_v0 -s {step} --datatier ALCARECO "
        f"--eventcontent ALCARECO --data --process RERECO {more} --scenario pp --era Run3 "
        f"{THREADS} -n -1 --filein {','.join(RAW)} "
        "--fileout file:OUT.root --no_exec --python_filename X.py"
    ).split()


def alca(step: str) -> list[str]:
    return (
        f"expressStep3 --conditions 160X_dataRun3_ExpressNGT_v0 -s {step} --datatier ALCARECO "
        f"--eventcontent ALCARECO --triggerResultsProcess RECO {THREADS} -n -1 "
        "--filein file:A.root,file:B.root --no_exec --python_filename X.py"
    ).split()


def harvest(name: str) -> list[str]:
    return (
        f"expressStep4 --conditions 160X_dataRun3_ExpressNGT_v0 -s ALCAHARVEST:{name} "
        "--scenario pp --data --filein file:A.root,file:B.root -n -1 --no_exec "
        "--python_filename X.py"
    ).split()


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda w: w.calibration)
def test_the_loops_three_calls_give_the_three_jobs(workflow, tmp_path):
    assert main(reco(RECO_STEPS[workflow.calibration])) == 0
    assert [each.name for each in tmp_path.iterdir()] == ["X.py"]
    plan = plan_of(run_config.run("X.py"))
    assert (plan.step, plan.process, plan.workflows) == (Step.RECO, "RERECO", (workflow,))
    assert plan.inputs == RAW
    assert plan.outputs == (Output("ALCARECOoutput", "OUT.root", ""),)

    assert main(alca(ALCA_STEPS[workflow.calibration])) == 0
    plan = plan_of(run_config.run("X.py"))
    assert (plan.step, plan.workflows) == (Step.ALCA, (workflow,))
    assert f"{workflow.product}.root" in [output.file for output in plan.outputs]
    assert plan.trigger_processes == ("RECO", "HLT")

    assert main(harvest(workflow.harvest)) == 0
    plan = plan_of(run_config.run("X.py"))
    time_type = "Lumi" if workflow.calibration == "BeamSpot" else "Run"
    assert (plan.step, plan.sinks) == (Step.HARVEST, (Sink(workflow, workflow.tag, time_type),))
    assert plan.database == "promptCalibConditions.db"


def test_the_configuration_names_its_command_line(tmp_path):
    argv = harvest("EcalPedestals")
    assert main(argv) == 0
    lines = (tmp_path / "X.py").read_text().splitlines()
    assert lines[0] == "# Auto generated configuration file"
    assert f"# with command line options: {' '.join(argv)}" in lines[:6]


def test_lines_appended_to_the_configuration_change_the_job(tmp_path):
    config = tmp_path / "X.py"
    main(harvest("EcalPedestals"))
    with config.open("a") as file:
        file.write('process.PoolDBOutputService.toPut[0].tag = cms.string("Mine")\n')
    (sink,) = plan_of(run_config.run("X.py")).sinks
    assert sink.tag == "Mine"

    main(alca(ALCA_STEPS["EcalPedestals"]))
    with config.open("a") as file:
        line = 'TriggerResultsTag = cms.InputTag("TriggerResults", "", "RERECO")\n'
        file.write(f"process.ALCARECOEcalTestPulsesRaw.{line}")
    assert "RERECO" in plan_of(run_config.run("X.py")).trigger_processes


@pytest.mark.parametrize(
    "more", [["--nonsense"], ["--scenario", "pb"], ["--n", "1"], ["-n", "many"]], ids=" ".join
)
def test_a_wrong_option_is_a_usage_error(more, capsys, tmp_path):
    with pytest.raises(SystemExit) as ended:
        main([*harvest("EcalPedestals"), *more])
    assert ended.value.code == 2
    assert "cmsDriver.py: error:" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_splitting_alcarecos_needs_the_process_of_the_trigger_results(capsys):
    argv = alca(ALCA_STEPS["BeamSpot"])
    at = argv.index("--triggerResultsProcess")
    with pytest.raises(SystemExit) as ended:
        main([*argv[:at], *argv[at + 2 :]])
    assert ended.value.code == 1
    assert "ERROR: If ALCA splitting is requested" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (
            [*reco(RECO_STEPS["BeamSpot"]), "--era", "Run9"],
            "'Run9' is not a valid option for '--era'",
        ),
        (reco(RECO_STEPS["BeamSpot"], "--procModifier magic"), "unknown procModifier"),
        (alca("ALCAOUTPUT:Nonsense"), "The following alcas could not be found ['Nonsense']"),
        (harvest("Nonsense"), "The following harvesting could not be found"),
        (reco("RAW2DIGI,NONSENSE"), "Step NONSENSE unknown"),
    ],
)
def test_what_does_not_exist_is_refused(argv, words, capsys):
    assert main(argv) == 1
    assert words in capsys.readouterr().err


def test_without_no_exec_the_configuration_is_run(monkeypatch, capsys):
    started = []
    monkeypatch.setattr("os.execvp", lambda file, argv: started.append((file, argv)))
    main([each for each in harvest("EcalPedestals") if each != "--no_exec"])
    assert started == [("cmsRun", ["cmsRun", "X.py"])]
    assert "Starting cmsRun X.py" in capsys.readouterr().out
