"""The plots show what the report has, and are made only where they are wanted."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
from matplotlib.text import Text

from condorloop.model.enums import CampaignState, NodeKind, UploadOutcome
from condorloop.reports import constant_trends, figures, plots
from condorloop.reports.report import (
    CalibrationReport,
    CampaignReport,
    ConstantsReport,
    KindReport,
    QuantityReport,
    Report,
    Spread,
)
from condorloop.reports.tables import PART_WORDS
from condorloop.reports.time_breakdown import Part
from tests.unit.examples import START

HOUR = 3600.0
DELAYS = (600.0, 900.0, 1200.0)
PARTS = dict.fromkeys(Part, 90.0)


def campaign(run, **changes):
    told = {
        "calibration": "EcalPedestals",
        "run": run,
        "fill": 10900,
        "state": CampaignState.COMPLETE,
        "run_start": START + (run - 398600) * 6 * HOUR,
        "run_end": START + (run - 398600) * 6 * HOUR + HOUR,
        "window_ends": START + (run - 398600) * 6 * HOUR + 8 * HOUR,
        "in_window": True,
        "lumis_good": 3,
        "lumis_in_payload": 3,
        "lumis_in_window": 3,
        "payloads": {UploadOutcome.UPLOADED: 2},
        "last_upload_at": START + 2 * HOUR,
        "after_run_start": 2 * HOUR,
        "after_run_end": HOUR,
        "after_ls_end": Spread.of(DELAYS),
        "parts": PARTS,
        "jobs": 4,
        "retries": 0,
        "failed": 0,
        "cpu_hours": 1.0,
        "wall_hours": 1.5,
    }
    return CampaignReport(**(told | changes))


RECO = KindReport(
    kind=NodeKind.RECO,
    nodes=1,
    jobs=1,
    retries=0,
    failed=0,
    removed=0,
    holds=0,
    cpu_hours=1.0,
    wall_hours=1.5,
    efficiency=0.66,
    memory_used=Spread.of((1200.0, 1900.0)),
    memory_asked=Spread.of((2000.0,)),
)
ECAL = CalibrationReport(
    calibration="EcalPedestals",
    campaigns=2,
    closed=2,
    in_window=2,
    lumis_good=6,
    lumis_in_payload=6,
    lumis_in_window=6,
    payloads={UploadOutcome.UPLOADED: 4},
    after_ls_end=Spread.of(DELAYS),
    after_run_end=None,
    after_run_start=None,
    parts=PARTS,
    nodes=(RECO,),
    delays=DELAYS,
)
REPORT = Report(
    site="here",
    time=START + 86400,
    calibrations=(ECAL, replace(ECAL, calibration="BeamSpot", nodes=())),
    campaigns=(
        campaign(398600),
        campaign(398601, after_run_end=None, after_run_start=None),
        campaign(398601, calibration="BeamSpot", after_run_end=3 * HOUR),
    ),
)
EMPTY = Report(site="here", time=START)


def lines(axes):
    """The heights of the horizontal lines, and those of points, of a part of a figure."""
    found = [list(line.get_ydata()) for line in axes.lines]
    return [ys for ys in found if ys]


def words(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_each_run_is_shown_beside_the_window_and_the_standard_loop():
    figure = figures.runs(REPORT)
    per_lumi, after_end, after_start = figure.axes
    assert lines(per_lumi) == [[900.0, 900.0], [900.0]]
    assert lines(after_end) == [[HOUR], [3 * HOUR], [7.2 * HOUR] * 2]
    assert lines(after_start) == [[2 * HOUR], [2 * HOUR], [8 * HOUR] * 2, [10.9 * HOUR] * 2]
    assert "standard loop, 7.2 h and 10.9 h" in words(figure)


def test_every_part_of_the_time_is_a_piece_of_the_bar():
    figure = figures.time_split(REPORT)
    [axes] = figure.axes
    assert words(figure) == list(PART_WORDS.values())
    widths = [bar.get_width() for bar in axes.patches]
    assert sum(widths) == pytest.approx(2 * 90 * len(Part) / 60)
    assert axes.get_xlabel().endswith("[min]")


def test_the_curves_reach_all_lumisections():
    upper, lower = figures.distribution(REPORT).axes
    assert [max(ys) for ys in lines(lower)] == [100, 100]
    assert [text.get_text() for text in upper.get_legend().get_texts()] == [
        "EcalPedestals: median 15.0 min, 90 % 20.0 min",
        "BeamSpot: median 15.0 min, 90 % 20.0 min",
    ]


def test_memory_used_stands_below_or_above_what_was_asked_for():
    [axes] = figures.memory(REPORT).axes
    assert [bar.get_height() for bar in axes.patches] == [1550.0]
    heights = {y for lines in axes.collections for ends in lines.get_segments() for _, y in ends}
    assert heights == {1550.0, 1900.0, 2000.0}


@pytest.mark.parametrize("dark", [False, True])
def test_every_plot_is_an_image_without_scripts_and_names_nothing_outside(dark):
    images = dict(plots.draw(REPORT, "svg", dark=dark))
    assert [plot.name for plot in images] == [plot.name for plot in plots.PLOTS]
    for image in images.values():
        tree = ElementTree.fromstring(image)
        assert tree.tag.endswith("svg")
        assert not [e for e in tree.iter() if e.tag.endswith(("script", "foreignObject"))]
        assert not [v for e in tree.iter() for v in e.attrib.values() if "://" in v]


def test_the_same_report_gives_the_same_images():
    first, second = ([i for _, i in plots.draw(REPORT, "svg")] for _ in range(2))
    assert first == second


def test_where_no_job_is_known_the_other_plots_still_tell():
    without = replace(REPORT, calibrations=(replace(ECAL, nodes=()),))
    assert len(plots.draw(without, "png")) == len(plots.PLOTS)


def test_of_nothing_there_are_no_plots():
    assert plots.draw(EMPTY, "png") == []


def test_what_was_set_before_comes_back():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    plots.draw(REPORT, "png")
    assert dict(mpl.rcParams) == before


def test_without_the_extra_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mplhep", None)
    with pytest.raises(plots.PlotsUnavailable, match=r"pip install 'condorloop\[report\]'") as said:
        plots.draw(REPORT, "png")
    assert str(said.value).isprintable()


def test_no_command_imports_what_draws():
    script = "import sys, condorloop.cli.main as _; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize("plot", plots.PLOTS, ids=lambda p: p.name)
@pytest.mark.parametrize("name", ["BeamSpot", "AVeryLongNameOfACalibration"])
def test_the_words_of_the_label_stand_beside_each_other(plot, name):
    shown = replace(REPORT, calibrations=(replace(ECAL, calibration=name),))
    with plots.style(dark=False):
        figure = plot.draw(shown)
        figures.label(figure, shown)
        figure.draw_without_rendering()
        at = {t.get_text(): t.get_window_extent() for t in figure.axes[0].findobj(Text)}
    gap = at[figures.LABEL].x0 - at["CMS"].x1
    assert 0.05 < gap / at["CMS"].width < 0.15


def test_constants_are_drawn_only_where_they_were_asked_for():
    told = [
        ConstantsReport(
            calibration="EcalPedestals",
            run=run,
            run_start=START + run,
            quantities=(
                QuantityReport(name="mean", unit="ADC counts", count=2, mean=run, spread=0.5),
            ),
        )
        for run in (1, 2)
    ]
    with plots.style(dark=False):
        figure = constant_trends.trends(Report(site="s", time=START, constants=tuple(told)))
    [axes] = figure.axes
    assert axes.get_ylabel() == "mean [ADC counts]"
    assert list(axes.lines[0].get_ydata()) == [1, 2]
    drawn = plots.draw(Report(site="s", time=START, constants=tuple(told)), "png")
    assert [plot.name for plot, _ in drawn] == ["constants"]
    assert plots.draw(Report(site="s", time=START), "png") == []
