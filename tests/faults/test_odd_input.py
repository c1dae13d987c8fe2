"""Names and texts of others, as nobody should write them, go through the whole loop as they are.

Nothing of them is run by a shell, takes effect on a terminal, or makes two lines of one.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from condorloop.ledger.store import open_requests
from condorloop.model.enums import CampaignState, RequestKind
from condorloop.model.lumis import Lumis
from condorloop.model.request import Request
from condorloop.model.user_text import UserText
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import MANIFEST
from condorloop.testbed.verify import Verdict
from tests.faults.outside import running
from tests.faults.scenarios import run_of
from tests.loop import Loop

ECAL = "TestEnablesEcalHcal"
RUN, HOSTILE_MODE, WRONG_TYPE = 399250, 399251, 399252
MARK = "touched-by-a-shell"

USABLE = [
    "two words.root",
    "quo'te.root",
    'double"quote.root',
    f"$(touch {MARK}).root",
    f"`touch {MARK}`.root",
    f"x;touch {MARK};.root",
    f"a|touch {MARK}&.root",
    "back\\slash\\n.root",
    "per%20cent%s%n.root",
    "é日本ß.root",
    "star*[x].root",
    "$HOME${HOME}$(JOB)$$(Memory).root",
    "[bold]markup[link=x].root",
    "{{ 7 * 7 }}{% raw %}.root",
    "-rf.root",
    "<b>&amp;.root",
]
UNUSABLE = {
    "com,ma.root": "a comma in its name",
    "line\nend.root": "unrecognised line in the xrdfs listing",
    "\x1b[31mred.root": "in its name",
    "what?.root": "unrecognised line in the xrdfs listing",  # beside a name with a line end
    "hash#tag.root": "a # in its name",
}
HOSTILE = "\x1b[31mred\x1b[0m\r\n2026-01-01T00:00:00.000Z CRITICAL forged [link=x]y[/link] '\"<b>é"
USER_TEXT = (
    f'it\'s "odd" $(touch {MARK}) `touch {MARK}` $HOME ${{HOME}} %s %% back\\slash\n'
    "a second line, [bold]é[/]\t{{ 7 * 7 }} $(DOLLAR)"
)
_LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (INFO|WARNING|ERROR) +\S.*")


@dataclass
class Story:
    """What became of a run whose files have odd names."""

    loop: Loop
    verdict: Verdict
    names: dict[int, str]
    shown: str
    user_texts: list[str]


@pytest.fixture(scope="module")
def story(stack, tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    loop = Loop(stack, folder, "odd-input")
    loop.edit("EcalPedestals", {"step_4_config": {"upload_metadata": {"userText": USER_TEXT}}})
    names = dict(enumerate([*USABLE, *UNUSABLE], start=1))
    script: dict[str, Any] = run_of(
        RUN,
        ["EcalPedestals"],
        lumisections=len(names),
        every=0.1,
        layout={ECAL: {"ls_per_file": 1}},
        files=[{"stream": ECAL, "ls": ls, "name": name} for ls, name in names.items()],
        attributes={
            "hlt_key": HOSTILE,
            "l1_menu": HOSTILE,
            "era": HOSTILE,
            "components": [HOSTILE],
        },
    )
    odd = {
        HOSTILE_MODE: {"l1_hlt_mode": HOSTILE},
        WRONG_TYPE: {"fill_type_runtime": {HOSTILE: "[/]"}},
    }
    for i, (run, attributes) in enumerate(odd.items()):
        begin = 4.0 + 0.1 * i
        more = run_of(
            run, ["EcalPedestals"], start_offset=begin, end_after=0.0, attributes=attributes
        )
        script["runs"] += [more["runs"][0] | {"lumisections": []}]
    play = loop.play(script)
    try:
        with running(loop):
            loop.wait(lambda: loop.closed() == 1)
            asked = ask_in_odd_words(loop)
            loop.wait(lambda: loop.answer_to(asked) is not None)
            cycle = loop.status()["time"]
            loop.wait(lambda: loop.status()["time"] > cycle)
            loop.wait(lambda: f"run{HOSTILE_MODE}: not latched" in loop.log("EcalPedestals"))
            loop.wait(lambda: loop.closed() == 1)
        port = read_json(stack.folder / "services.json")["conditions_port"]
        uploads = requests.get(f"http://127.0.0.1:{port}/uploads", timeout=10).json()
        texts = [u["user_text"] for u in uploads if u["since"] == RUN]
        arguments = ("status", "--calibrations", str(loop.calibrations), "-c", "EcalPedestals")
        shown = loop.condorloop(*arguments).stdout
        yield Story(loop, play.assay("EcalPedestals", RUN), names, shown, texts)
    finally:
        loop.close()


def ask_in_odd_words(loop: Loop) -> int:
    with open_requests(loop.work_dir / "condorloop.db") as asking:
        return asking.add(
            Request(
                RequestKind.RESUBMIT,
                RUN,
                include_quarantined=True,
                made_by=HOSTILE,
                made_at=time.time(),
            )
        )


def test_files_of_odd_names_are_listed_probed_read_and_in_the_payload(story):
    missing = Lumis.span(1, len(story.names)) - story.verdict.in_payload
    assert {story.names[ls] for ls in missing} == set(UNUSABLE)
    manifests = (story.loop.work_dir / "EcalPedestals").rglob(MANIFEST)
    read = {f["path"].rpartition("/")[2] for m in manifests for f in read_json(m)["files"]}
    assert read == set(USABLE)
    story.loop.assert_nothing_was_done_twice(RUN)


def test_a_name_that_cannot_be_used_is_named_with_the_reason_and_stops_nothing(story):
    said = story.loop.problems()
    for name, reason in UNUSABLE.items():
        part = name.removeprefix("\x1b").partition("\n")[0].removesuffix(".root")
        assert any(part in problem and reason in problem for problem in said), name
    assert story.loop.states()["EcalPedestals"] is CampaignState.INCOMPLETE


def test_nothing_of_a_name_or_a_text_was_run_by_a_shell(story):
    folders = (story.loop.folder, story.loop.stack.folder)
    assert not [path for folder in folders for path in folder.rglob(MARK)]


def test_an_odd_user_text_arrives_in_the_conditions_database_as_it_is(story):
    assert story.user_texts
    told = {UserText.parse(text) for text in story.user_texts}
    assert {text and text.words for text in told} == {USER_TEXT}


def test_texts_of_oms_and_of_people_make_no_line_of_their_own_in_any_log(story):
    log = story.loop.log("EcalPedestals")
    assert f"run{HOSTILE_MODE}: not latched: L1/HLT mode" in log
    assert f"unreadable run from OMS, id {WRONG_TYPE}" in log
    assert "requested by " in log
    for line in log.splitlines():
        assert line.isprintable()
        assert _LOG_LINE.fullmatch(line), line
    critical = story.loop.work_dir / "EcalPedestals" / "condorloop_CRITICAL.log"
    assert critical.read_text() == ""


def test_status_is_json_and_its_table_is_plain_text(story):
    data = json.loads((story.loop.work_dir / "status.json").read_text())
    assert [c["run"] for c in data["campaigns"]] == [RUN]
    assert all(line.isprintable() for line in story.shown.split("\n"))
    assert "com,ma.root" in story.shown


def test_a_name_that_is_markup_or_a_template_is_no_more_than_a_name(story):
    dags = (story.loop.work_dir / "EcalPedestals").rglob("*.dag")
    text = "".join(dag.read_text() for dag in dags)
    assert "{{ 7 * 7 }}" in text
    assert "[bold]markup[link=x].root" in text
