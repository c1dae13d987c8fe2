"""The doctor: whatever hangs or fails, the rest is looked at, and all of it is shown."""

import io
import json
import os
import subprocess
import sys
import threading

import pytest
from rich.console import Console

from condorloop.cli.views import doctor as view
from condorloop.doctor import runner as doctor
from condorloop.doctor.checks import (
    Check,
    Examination,
    Verdict,
    as_data,
    fine,
    not_checked,
    stops,
    warning,
)
from tests.unit.examples import TOP, config, site_file

FOUND = {
    "pool": [fine("schedd", "answers"), warning("DAGMans", "190 of 200", "condor_q -dag")],
    "OMS": [not_checked("clock", "OMS does not answer"), stops("runs", "refused", "curl " * 40)],
}


def examined(look, limit=20.0):
    beside = Examination("b", "beside", lambda: [fine("beside", "it is there")])
    found = doctor.examine([Examination("a", "tried", look, limit, "type this"), beside])
    assert found["b"] == [fine("beside", "it is there")]
    return found["a"]


def test_what_is_looked_at_waits_for_nothing_else():
    both = threading.Barrier(2, timeout=20)

    def look():
        both.wait()
        yield fine("met", "the other one")

    found = doctor.examine([Examination("a", "one", look), Examination("a", "two", look)])
    assert [c.verdict for c in found["a"]] == [Verdict.FINE, Verdict.FINE]


def test_a_look_that_fails_says_so_and_hides_neither_the_others_nor_what_it_saw_before():
    def look():
        yield fine("before", "seen")
        raise RuntimeError("nobody has\nthought of this")

    before, failed = examined(look)
    assert before == fine("before", "seen")
    assert (failed.name, failed.verdict, failed.remedy) == (
        "tried",
        Verdict.NOT_CHECKED,
        "type this",
    )
    assert "RuntimeError: nobody has thought of this" in failed.words


def test_what_hangs_would_stop_the_loop_and_holds_up_nothing():
    released = threading.Event()

    def look():
        yield fine("before", "seen")
        released.wait(60)

    try:
        before, late = examined(look, 0.2)
    finally:
        released.set()
    assert before == fine("before", "seen")
    assert (late.verdict, late.remedy) == (Verdict.STOPS, "type this")
    assert "no answer in 0.2 s" in late.words


def test_a_look_that_wants_to_end_the_program_does_not_hold_it_up():
    def look():
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        doctor.examine([Examination("a", "tried", look)])


def test_every_subject_of_a_site_is_looked_at(tmp_path):
    subjects = {e.subject for e in doctor.examinations(config(tmp_path))}
    assert subjects == {
        "pool",
        "work_dir",
        "SQLite",
        "OMS",
        "storage",
        "Kerberos",
        "CMSSW",
        "uploads",
        "tags",
        "clock",
    }


def printed(findings, monkeypatch, width=80, **more):
    out = io.StringIO()
    terminal = Console(file=out, width=width, color_system=None, **more)
    monkeypatch.setattr(view, "console", lambda: terminal)
    view.print_findings(findings)
    return out.getvalue().splitlines()


def test_on_a_terminal_words_are_wrapped_and_what_to_type_is_left_whole(monkeypatch):
    words = "a sentence that is longer than the line of a terminal that has eighty columns only"
    found = {"pool": [stops("schedd", words, "curl " * 40)]}
    lines = printed(found, monkeypatch, force_terminal=True)
    assert "    → " + "curl " * 40 in lines
    others = [line for line in lines if "curl" not in line]
    assert max(map(len, others)) <= 80
    assert words in " ".join(" ".join(others).split())


def test_in_a_pipe_each_check_is_one_line(monkeypatch):
    long = "/eos/" + "folder/" * 40
    lines = printed({"storage": [fine("stream", long)]}, monkeypatch, width=2000)
    assert [line for line in lines if long in line] == [f"  ✓ stream {long}"]


def test_problems_are_named_again_at_the_end(monkeypatch):
    *_, last = printed(FOUND, monkeypatch, width=400)
    assert last == (
        "1 of 4 checks would stop the loop: OMS (runs); "
        "1 to look at: pool (DAGMans); 1 not checked: OMS (clock)"
    )
    *_, last = printed({"pool": FOUND["pool"][:1]}, monkeypatch, width=400)
    assert last == "nothing would stop the loop: 1 checks"


def test_text_of_others_is_shown_as_text(monkeypatch):
    odd = Check("[red]x\x1b[31m", Verdict.STOPS, "a\nb [bold]c[/]\x1b[2J", "type\nthis\x07")
    lines = printed({"OMS": [odd]}, monkeypatch, width=200)
    assert len(lines) == 4
    assert not any("\x1b" in line or "\x07" in line for line in lines)
    assert "[bold]c[/]" in lines[1]


def test_as_json_it_has_every_check_and_whether_the_loop_can_run():
    data = json.loads(json.dumps(as_data("testbed", FOUND)))
    assert (data["schema"], data["site"], data["ok"]) == (1, "testbed", False)
    assert data["counts"] == {
        "fine": 1,
        "not needed": 0,
        "not checked": 1,
        "warning": 1,
        "stops": 1,
    }
    assert data["checks"][1] == {
        "subject": "pool",
        "name": "DAGMans",
        "verdict": "warning",
        "words": "190 of 200",
        "remedy": "condor_q -dag",
    }
    assert data["checks"][0]["remedy"] is None
    assert as_data("testbed", {"pool": FOUND["pool"]})["ok"] is True


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """What the command finds where nothing at all is there, and how it ends."""
    folder = tmp_path_factory.mktemp("bare")
    site = site_file(folder)
    condor_config = folder / "condor_config"
    nowhere = "COLLECTOR_HOST = 127.0.0.1:1\nLOCAL_CONFIG_FILE =\nLOCAL_CONFIG_DIR =\n"
    condor_config.write_text(f"{nowhere}LOG = {folder}\n")
    site.write_text(
        site.read_text()
        + f"pool: {{condor_config: {condor_config}}}\n"
        + f"conditions: {{auth_path: {folder}, options: [-u, 'http://127.0.0.1:1/%s/']}}\n"
    )
    command = [sys.executable, "-m", "condorloop", "doctor", "--json", "--site", str(site)]
    return subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(TOP), "PATH": "/usr/bin:/bin"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    ), folder


@pytest.mark.parametrize(
    ("subject", "name", "remedy"),
    [
        ("pool", "condor_dagman", "condor_config_val"),
        ("pool", "schedd", "condor_q"),
        ("pool", "collector", "condor_status"),
        ("OMS", "runs", "curl"),
        ("storage", "xrdfs", "xrootd-client"),
        ("CMSSW", "set-up", "/cvmfs"),
        ("uploads", "netrc", "machine ConditionUploader"),
        ("uploads", "service 127.0.0.1", "curl"),
    ],
)
def test_where_nothing_is_there_each_thing_is_named_with_what_to_type(bare, subject, name, remedy):
    done, _ = bare
    assert (done.returncode, done.stderr) == (1, "")
    checks = json.loads(done.stdout)["checks"]
    [check] = [c for c in checks if (c["subject"], c["name"]) == (subject, name)]
    assert check["verdict"] == "stops"
    assert remedy in check["remedy"]


def test_it_leaves_nothing_behind(bare):
    _, folder = bare
    assert {p.name for p in folder.iterdir()} == {"site.yaml", "condor_config"}
