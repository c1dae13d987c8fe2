"""The page of a report: tables and plots in one file, whatever things are called."""

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from condorloop.reports import html_page as report_page
from tests.web.test_plots import ECAL, EMPTY, REPORT
from tests.web.viewer import Viewer


@pytest.fixture
def look(chromium, tmp_path):
    """Shows the page of a report; what went wrong in the browser fails the test."""
    made = []

    def look(report, **screen):
        file = tmp_path / "report.html"
        file.write_text(report_page.render(report))
        made.append(Viewer(chromium, file, **screen))
        return made[-1]

    yield look
    assert [c for v in made for c in v.close() if not c.startswith("data:image/svg+xml;")] == []
    assert [said for viewer in made for said in viewer.blocked] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_plot_is_shown_as_the_screen_likes_it(look, scheme):
    page = look(REPORT, scheme=scheme).page
    images = page.get_by_role("img")
    expect(images).to_have_count(4)
    assert all(i.evaluate("i => i.complete && i.naturalWidth > 300") for i in images.all())
    shown = {i.evaluate("i => i.currentSrc == i.src") for i in images.all()}
    assert shown == {scheme == "light"}


def test_tables_stand_beside_the_plots_and_can_be_read(look):
    viewer = look(REPORT)
    row = viewer.page.get_by_role("row").filter(has_text="LS end").nth(1)
    expect(row).to_contain_text("15.0 min")
    assert viewer.faint_texts() == []


def test_a_phone_shows_all_without_scrolling_the_page_aside(look):
    page = look(REPORT, width=390, height=800).page
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_names_of_others_are_text(look):
    odd = "<img src=x onerror=alert(1)>$\\frac{$\u202e"
    viewer = look(replace(REPORT, site=odd, calibrations=(replace(ECAL, calibration=odd),)))
    assert viewer.text().count("<img src=x onerror=alert(1)>$\\frac{$\\u202e") > 1


def test_a_report_of_nothing_says_so(look):
    viewer = look(EMPTY)
    assert "no campaigns" in viewer.text()
    expect(viewer.page.get_by_role("img")).to_have_count(0)
