"""`condorloop status` puts campaigns of a stream below what they share."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from condorloop.cli.views.status import grouped, status_view
from condorloop.cli.views.watch import WatchView
from condorloop.ledger.store import Ledger
from tests.unit.examples import START, campaign_status, loop_status
from tests.unit.shared_story_example import ALL, EXPRESS, fill


@pytest.fixture
def status(tmp_path):
    with Ledger(tmp_path / "condorloop.db") as ledger:
        fill(ledger)
        found = ledger.status.several(ledger.status.to_sum_up(0.0))
    shared = (replace(each, jobs={"idle": 3}) for each in found.reconstructions.values())
    own = campaign_status(calibration="Aligned", jobs={"running": 2})
    return loop_status(own, *found.campaigns.values(), reconstructions=tuple(shared))


def lines(view, width=200):
    console = Console(width=width, height=30, file=StringIO())
    console.print(view)
    return console.file.getvalue().splitlines()


def row(shown, name):
    [found] = [line for line in shown if line.split()[1:2] == [name]]
    return found


def test_reco_and_alca_stand_once_above_the_calibrations(status):
    shown = lines(status_view(status, START + 200))
    stream = row(shown, EXPRESS)
    assert "RECO 2/4 (1 failed), ALCA 1/3" in stream
    assert "5 good, 1 bad" in stream
    assert "3 idle" in stream
    rows = [shown.index(row(shown, name)) for name in (EXPRESS, *(k.calibration for k in ALL))]
    assert rows == [*range(rows[0], rows[0] + 4)]
    assert not [line for line in shown if "5 good" in line and line != stream]


def test_a_calibration_of_its_own_stream_looks_as_without_others(status):
    alone = lines(status_view(replace(status, campaigns=status.campaigns[:1]), START + 200))
    assert (
        row(lines(status_view(status, START + 200)), "Aligned").split()[:6]
        == row(alone, "Aligned").split()[:6]
    )


def test_what_was_reconstructed_before_a_calibration_was_switched_on_is_named(status):
    text = " ".join(lines(status_view(status, START + 200)))
    told = "SiStripBad run398600: LS 1-8 were reconstructed before it was switched on; to make them"
    assert f"{told}: condorloop resubmit 398600 --reprocess -c SiStripBad" in text


def test_campaigns_of_a_stream_stay_together_in_whatever_order_they_come(status):
    lone, *sharing = status.campaigns
    shown = grouped([sharing[0], lone, *sharing[1:]], status.reconstructions)
    assert shown == [*status.reconstructions, *sharing, lone]


def test_watch_groups_them_too(status):
    shown = lines(WatchView(status, START + 200, ""), width=120)
    assert "RECO 2/4" in row(shown, EXPRESS)
