"""Maps and trends show what the constants have."""

import numpy as np
import pytest

from condorloop.model.constants import Constants, IovConstants, Place
from condorloop.reports import payload_plots
from condorloop.reports.payload_plots import Titled, draw
from condorloop.reports.plots import style

RUN = 398600
PLACES = {
    "1": Place("EB", -1, 5),
    "2": Place("EB", 2, 7),
    "3": Place("EE-", 10, 20),
    "4": Place("EE+", 11, 21),
}


@pytest.fixture(autouse=True)
def in_style():
    with style(dark=False):
        yield


def ecal(**values):
    iov = IovConstants(RUN, "h", {"mean": {k.lstrip("c"): v for k, v in values.items()}})
    return Constants("Ecal", (iov,), units={"mean": "ADC counts"}, places=PLACES)


def spots(run, **positions):
    iovs = [
        IovConstants(run << 32 | int(ls.lstrip("at")), "h", numbers={"x": x, "sigma_x": 0.1})
        for ls, x in positions.items()
    ]
    return Constants("Spot", tuple(iovs), units={"x": "cm"})


def test_a_map_has_each_part_with_each_value_at_its_place():
    constants = ecal(c1=200.0, c2=201.0, c3=202.0, c4=203.0)
    figure = payload_plots.map_of_values(constants, "mean", constants.iovs[0].channels["mean"])
    panels = {axes.texts[0].get_text(): axes for axes in figure.axes if axes.images}
    assert list(panels) == ["EE-", "EB", "EE+"]
    barrel = panels["EB"]
    assert (barrel.get_xlabel(), barrel.get_ylabel()) == (r"i$\phi$", r"i$\eta$")
    [image] = barrel.images
    left, right, low, high = image.get_extent()
    assert (left, right, low, high) == (4.5, 7.5, -1.5, 2.5)
    values = image.get_array().filled(np.nan)
    assert (values[0, 0], values[3, 2]) == (200.0, 201.0)
    assert np.isnan(values).sum() == 10
    assert figure.axes[-1].get_ylabel() == "mean [ADC counts]"


def test_channels_without_a_place_are_not_drawn_and_one_value_has_a_scale():
    constants = ecal(c1=200.0, c99=1e9)
    figure = payload_plots.map_of_values(constants, "mean", constants.iovs[0].channels["mean"])
    [image] = [image for axes in figure.axes[:1] for image in axes.images]
    assert image.get_clim() == (199.5, 200.5)


def test_a_map_of_changes_is_centred_at_none_and_shows_few_that_changed():
    changes = {str(n): 0.0 for n in range(10, 300)} | {"1": 3.0, "2": -1.0}
    places = PLACES | {str(n): Place("EB", n % 17 + 3, n // 17) for n in range(10, 300)}
    constants = Constants(
        "Ecal", (IovConstants(RUN, "", {"change of mean": changes}),), places=places
    )
    figure = payload_plots.map_of_values(constants, "change of mean", changes)
    [image] = figure.axes[0].images
    assert image.get_clim() == (-3.0, 3.0)


def test_members_of_sets_are_marked_among_all_channels():
    sets = {"dead": frozenset({"1", "3"}), "noisy": frozenset({"2", "77"})}
    figure = payload_plots.map_of_sets(ecal(), sets)
    marked = {
        (axes.texts[0].get_text(), line.get_label()): len(line.get_xdata())
        for axes in figure.axes
        for line in axes.lines
    }
    assert marked["EB", "others"] == 2
    assert marked["EB", "dead (2)"] == marked["EE-", "dead (2)"] == 1
    assert marked["EB", "noisy (2)"] == 1
    assert marked["EE+", "dead (2)"] == 0


def test_a_trend_lays_runs_out_one_after_the_other_in_their_order():
    payloads = [
        Titled(spots(RUN, at1=0.3, at41=0.4), "later"),
        Titled(spots(RUN - 1, at1=0.1, at21=0.2), "before"),
    ]
    figure = payload_plots.trend(payloads, ["sigma_x", "x"])
    x = next(axes for axes in figure.axes if axes.get_ylabel() == "x [cm]")
    first, second = (line for line in x.lines if len(line.get_xdata()) > 2)
    assert list(first.get_ydata()) == [0.1, 0.2, 0.2]
    assert list(first.get_xdata()) == [1, 21, 22]
    assert list(second.get_xdata()) == [23, 63, 65]
    assert [text.get_text() for text in figure.axes[0].texts] == [str(RUN - 1), str(RUN)]


def test_what_is_drawn_follows_from_what_the_constants_have():
    def names(*payloads):
        return [image.name for image in draw([Titled(p, "title $x$") for p in payloads], ["png"])]

    assert names(ecal(c1=200.0, c3=201.0)) == ["mean"]
    assert names(spots(RUN, at1=0.1, at2=0.2)) == ["trend"]
    assert names(spots(RUN, at1=0.1)) == []
    assert names(Constants("T", ())) == []
    bad = Constants(
        "Bad", (IovConstants(RUN, "h", sets={"dead": frozenset({"1"})}),), places=PLACES
    )
    assert names(bad) == ["sets"]
