"""What others wrote is printed as text: no markup, no escape of it takes effect."""

import io
import json

import pytest
from rich.console import Console

from condorloop.services import Service
from condorloop.status import Status
from condorloop.views.configuration import print_config
from condorloop.views.status import status_view
from tests.unit.examples import START, config
from tests.unit.hostile import SPECIMENS
from tests.unit.test_status import summary

SHORT = [text for text in SPECIMENS if len(text) < 1000]


def on_a_terminal(view):
    """What a terminal with colours is sent, without the table's own styles."""
    console = Console(file=io.StringIO(), width=1000, force_terminal=True, color_system=None)
    console.print(view)
    return console.file.getvalue()


@pytest.mark.parametrize("text", SHORT)
def test_hostile_text_in_a_status_has_no_effect(text):
    bad = summary(bad_files={f"/eos/{text}.root": text}, last_answer=text)
    service = Service("EOS")
    service.failed(text, START)
    status = Status("here", START, 1, (service,), (bad,), ())
    data = json.loads(json.dumps(status.to_json()))
    data["site"] = text
    data["problems"].append(f"problem {text}")
    data["campaigns"][0]["calibration"] = f"name {text}"
    shown = on_a_terminal(status_view(data, START))
    assert all(line.isprintable() for line in shown.split("\n"))
    if text.isprintable():
        assert f"problem {text}" in shown
        assert f"name {text}" in shown


def test_hostile_text_in_a_configuration_has_no_effect(tmp_path, capsys):
    loaded = config(tmp_path)
    calibration = loaded.calibrations["EcalPedestals"]
    reco = calibration.reco.model_copy(update={"l1hltmode": "[bold]\x1b[31m[/]"})
    odd = calibration.model_copy(update={"reco": reco})
    loaded.calibrations["EcalPedestals"] = odd
    print_config(loaded)
    out = capsys.readouterr().out
    assert "[bold]" in out
    assert "\x1b" not in out
