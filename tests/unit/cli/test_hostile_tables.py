"""What others wrote is printed as text: no markup and no escape of it takes effect."""

import io

import pytest
from rich.console import Console

from condorloop.cli.views.configuration import print_config
from condorloop.cli.views.status import status_view
from condorloop.cli.views.watch import WatchView
from condorloop.model.problem import Problem, ProblemKind
from condorloop.model.service import Service
from tests.unit.examples import START, campaign_status, config, loop_status
from tests.unit.hostile import SPECIMENS

SHORT = [text for text in SPECIMENS if len(text) < 1000]


def on_a_terminal(view):
    """What a terminal is sent, without styles of ours."""
    console = Console(file=io.StringIO(), width=1000, force_terminal=True, color_system=None)
    console.print(view)
    return console.file.getvalue()


def loop_of(text):
    """A loop whose site, services, campaigns and problems are all called `text`."""
    service = Service("EOS")
    service.failed(text, START)
    campaign = campaign_status(
        calibration=f"name {text}",
        held_by=text,
        reason=text,
        bad_files={f"/eos/{text}.root": text},
        last_answer=text,
    )
    problem = Problem(ProblemKind.SERVICE, f"problem {text}", f"type {text}", f"name {text}", 1)
    return loop_status(campaign, site=f"site {text}", services=(service,), problems=(problem,))


@pytest.mark.parametrize("text", SHORT)
def test_hostile_text_in_a_status_is_shown_as_it_is(text):
    shown = on_a_terminal(status_view(loop_of(text), START))
    assert all(line.isprintable() for line in shown.split("\n"))
    if text.isprintable():
        for said in (f"site {text}", f"problem {text}", f"type {text}", f"name {text}"):
            assert said.rstrip() in shown


@pytest.mark.parametrize("text", SHORT)
def test_hostile_text_on_the_live_screen_has_no_effect(text):
    shown = on_a_terminal(WatchView(loop_of(text), START, ""))
    assert all(line.isprintable() for line in shown.split("\n"))
    if text.isprintable():
        assert f"problem {text}".rstrip() in shown


@pytest.mark.parametrize("text", ["[bold]\x1b[31m[/]", "[/]", "[link=file:///etc/passwd]x[/link]"])
def test_hostile_text_in_a_configuration_is_shown_as_it_is(tmp_path, capsys, monkeypatch, text):
    monkeypatch.delenv("COLUMNS", raising=False)  # a pipe: lines are as long as they need to be
    loaded = config(tmp_path)
    calibration = loaded.calibrations["EcalPedestals"]
    reco = calibration.reco.model_copy(update={"modes": (text,)})
    loaded.calibrations["EcalPedestals"] = calibration.model_copy(update={"reco": reco})
    print_config(loaded, {})
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert text.partition("\x1b")[0] in out
