from pathlib import Path

import pytest

from condorloop.testbed.cmssw.framework import run_config
from condorloop.testbed.cmssw.framework.errors import CmsError
from condorloop.testbed.cmssw.framework.job_plan import Output, Sink, Step, plan_of
from condorloop.testbed.cmssw.steps.workflows import TIME_TYPES, WORKFLOWS
from condorloop.testbed.cmssw.tools.cmsdriver import main

RECO_STEP = "RAW2DIGI,RECO,ALCAPRODUCER:TkAlMinBias+PromptCalibProdBeamSpotHP"
ALCA_STEP = "ALCAOUTPUT:EcalTestPulsesRaw,ALCA:PromptCalibProdEcalPedestals"
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
    skims = "+".join(workflow.skims)
    assert main(reco(f"RAW2DIGI,RECO,ALCAPRODUCER:{skims}+{workflow.product}")) == 0
    assert [each.name for each in tmp_path.iterdir()] == ["X.py"]
    plan = plan_of(run_config.run("X.py"))
    assert (plan.step, plan.process, plan.workflows) == (Step.RECO, "RERECO", (workflow,))
    assert set(plan.paths) == {*(f"pathALCARECO{skim}" for skim in workflow.skims), *workflow.paths}
    assert plan.inputs == RAW
    assert plan.outputs == (Output("ALCARECOoutput", "OUT.root", ""),)

    assert main(alca(f"ALCAOUTPUT:{skims},ALCA:{workflow.product}")) == 0
    plan = plan_of(run_config.run("X.py"))
    assert (plan.step, plan.workflows) == (Step.ALCA, (workflow,))
    names = (*workflow.skims, workflow.product)
    assert {output.file for output in plan.outputs} == {f"{name}.root" for name in names}
    selected = [select for output in plan.outputs for select in output.selects]
    assert set(selected) == {(f"pathALCARECO{skim}", "RECO") for skim in workflow.skims}
    filters = plan.selections[workflow.product]
    assert [each.skim for each in filters] == [each.skim for each in workflow.filters]
    assert all(each.throws and each.process == "RECO" for each in filters)

    assert main(harvest("+".join(workflow.harvests))) == 0
    plan = plan_of(run_config.run("X.py"))
    sinks = [Sink(workflow, r, r.tag, TIME_TYPES[r.time_type]) for r in workflow.records]
    assert (plan.step, plan.workflows, plan.sinks) == (Step.HARVEST, (workflow,), tuple(sinks))
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

    main(alca(ALCA_STEP))
    with config.open("a") as file:
        line = 'TriggerResultsTag = cms.InputTag("TriggerResults", "", "RERECO")\n'
        file.write(f"process.ALCARECOEcalTestPulsesRaw.{line}")
    ((selection,),) = plan_of(run_config.run("X.py")).selections.values()
    assert selection.process == "RERECO"


def sinks_of(*mods: str) -> list[tuple[str, str, str]]:
    """Record, tag and time type of what X.py writes after these lines are appended."""
    with Path("X.py").open("a") as config:
        config.writelines(f"{mod}\n" for mod in mods)
    return [(s.record.name, s.tag, s.time_type) for s in plan_of(run_config.run("X.py")).sinks]


@pytest.mark.parametrize(
    "names", ["BeamSpotHPByRun+BeamSpotHPByLumi", "BeamSpotHPByLumi+BeamSpotHPByRun"]
)
def test_two_harvests_are_put_in_the_order_of_cmssw_whatever_order_is_asked_for(names):
    assert main(harvest(names)) == 0
    assert sinks_of() == [
        ("BeamSpotObjectsRcdHPByRun", "BeamSpotObjectHP_ByRun", "Run"),
        ("BeamSpotObjectsRcdHPByLumi", "BeamSpotObjectHP_ByLumi", "Lumi"),
    ]


def test_a_harvest_of_several_records_puts_them_all_and_each_can_be_renamed():
    assert main(harvest("SiPixelQuality")) == 0
    assert "toPut.extend(process.ALCAHARVESTSiPixelQuality_dbOutput)" in Path("X.py").read_text()
    lines = [f'process.PoolDBOutputService.toPut[{i}].tag = cms.string("T{i}")' for i in (1, 2)]
    assert sinks_of(*lines) == [
        ("SiPixelQualityFromDbRcd_prompt", "SiPixelQualityFromDbRcd_prompt", "Lumi"),
        ("SiPixelQualityFromDbRcd_stuckTBM", "T1", "Lumi"),
        ("SiPixelQualityFromDbRcd_other", "T2", "Lumi"),
    ]


def test_renaming_what_is_not_put_ends_the_job(tmp_path):
    assert main(harvest("SiPixelQuality")) == 0
    with pytest.raises(CmsError, match="list index out of range"):
        sinks_of('process.PoolDBOutputService.toPut[3].tag = cms.string("T3")')


def test_a_record_that_is_made_and_not_put_ends_the_job():
    assert main(harvest("SiPixelQuality")) == 0
    with pytest.raises(CmsError, match="no tag for SiPixelQualityFromDbRcd_other"):
        sinks_of("del process.PoolDBOutputService.toPut[2]")


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
    argv = alca(ALCA_STEP)
    at = argv.index("--triggerResultsProcess")
    with pytest.raises(SystemExit) as ended:
        main([*argv[:at], *argv[at + 2 :]])
    assert ended.value.code == 1
    assert "ERROR: If ALCA splitting is requested" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (
            [*reco(RECO_STEP), "--era", "Run9"],
            "'Run9' is not a valid option for '--era'",
        ),
        (reco(RECO_STEP, "--procModifier magic"), "unknown procModifier"),
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
