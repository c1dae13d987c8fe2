"""Show and find tell what became of a run with a corrupt file and a node that keeps failing."""

import json

from condorloop.model.lumis import Lumis
from condorloop.testbed.verify import appeared
from tests.pool.test_loop import cmsrun_fails, scenario

CALIBRATION = "EcalPedestals"


def asked(loop, *arguments):
    return json.loads(loop.condorloop(*arguments, "--json").stdout)


def test_a_corrupt_file_and_a_failed_node_are_told_by_show_and_find(loop):
    run = 398795
    bad = {"stream": "TestEnablesEcalHcal", "ls": 5, "fault": "not_closed"}
    fault = cmsrun_fails(run, "step2", exit_code=65, times=4)
    loop.play(scenario(run, [CALIBRATION], 16, of_run={"files": [bad]}, faults=[fault]))
    loop.run_until_closed(1, rescues=1)
    [bad_file] = [f.path for f in appeared(loop.stack.folder / "appeared.jsonl")
                  if f.run == run and not f.good]  # fmt: skip
    [story] = asked(loop, "show", str(run))["campaigns"]
    node, *_ = failed = [n for d in story["dags"] for n in d["nodes"] if n["state"] == "failed"]
    assert {n["kind"] for n in failed} == {"RECO"}
    assert node["exit_code"] == 65
    assert len(node["attempts"]) == len(node["jobs"]) > 1
    assert all(job["exit_code"] == 65 and job["host"] for job in node["jobs"])
    fates = {f["path"]: f["fate"] for f in story["files"]}
    assert fates[bad_file] == "bad file"
    assert {fates[path] for path in node["files"]} == {"failed"}

    name = bad_file.rpartition("/")[2]
    shown = loop.condorloop("show", str(run)).stdout
    assert f"condorloop find {name}" in shown
    assert f"{node['name']} failed: exit 65" in shown
    assert "FFFF" in shown
    [hit] = asked(loop, "find", name)["hits"]
    assert (hit["name"], hit["file"]["state"]) == (bad_file, "bad")
    for job in node["jobs"]:
        [hit] = asked(loop, "find", job["job_id"])["hits"]
        assert (hit["kind"], hit["node"]["name"]) == ("job", node["name"])


def test_a_payload_is_traced_to_its_jobs_after_its_directories_are_gone(loop):
    run = 398791
    loop.play(scenario(run, [CALIBRATION]))
    loop.run_until_closed(1)
    [found] = asked(loop, "show", str(run), "--payload", "latest")["payloads"]
    assert found["payload"]["in_force"]
    assert found["software"]["release"] == loop.config().parameters.release
    files = [f for s in found["sources"] for r in s["recos"] for f in r["files"]]
    read = Lumis.union(Lumis.parse(f["lumis"]) for f in files)
    assert read == Lumis.parse(found["payload"]["lumis"]) == Lumis.span(1, 12)
    ids = [j["job_id"] for s in found["sources"] for r in s["recos"] for j in r["node"]["jobs"]]
    ads = loop.history(f'CondorloopRun == {run} && CondorloopKind == "RECO"')
    assert sorted(ids) == sorted(f"{ad['ClusterId']}.{ad['ProcId']}" for ad in ads)

    is_in_the_database(loop, run, found["payload"])
    for folder in (loop.work_dir / CALIBRATION / f"run{run}").glob("dag*"):
        folder.rename(loop.folder / folder.name)
    [after] = asked(loop, "show", str(run), "--payload", found["payload"]["hash"][:8])["payloads"]
    assert after["software"] is None
    assert [s["node"]["jobs"] for s in after["sources"]] == [
        s["node"]["jobs"] for s in found["sources"]
    ]


def is_in_the_database(loop, run, payload):
    """The database serves each lumisection with a payload, which has not changed on its way."""
    [campaign] = asked(loop, "payload", str(run))["campaigns"]
    [served] = [each for found in campaign["destinations"] for each in found["ranges"]]
    assert (served["first"], served["last"], served["agreement"]) == (1, 12, "same")
    assert (served["hash"], served["origin"]) == (payload["hash"], payload["harvest"])
    [diff] = asked(loop, "payload", str(run), "--diff", payload["harvest"], "in-force")["diffs"]
    compared = {q["name"]: (q["compared"], q["changed"]) for q in diff["quantities"]}
    assert compared["mean"] == compared["rms"]
    assert compared["mean"][0] > 100
    assert compared["mean"][1] == 0
