"""The bar of a campaign's lumisections can be read: of any length, by anyone."""

import time
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from condorloop.model.lumi_fates import LumiState
from tests.web import situations

SHAPES = """() => Object.fromEntries([...document.querySelector("svg.lumis").querySelectorAll(
    "path:not(.axis)")].map((path) => {
  const { x, width, height } = path.getBBox();
  return [path.getAttribute("class"), { x, width, height, fill: getComputedStyle(path).fill }];
}))"""


def bar_of(viewers, fates, **screen):
    campaign = situations.campaign(time.time(), fates)
    seen = viewers(replace(situations.quiet(), campaigns=(campaign,)), **screen)
    expect(seen.bar().locator("path").first).to_be_attached()
    return seen


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("state", [LumiState.FAILED, LumiState.BAD_FILE, LumiState.MISSING])
def test_one_lumisection_of_3000_that_is_lost_can_be_seen(viewers, state, width):
    fates = {LumiState.IN_PAYLOAD: "1-976,978-3000", state: "977"}
    seen = bar_of(viewers, fates, width=width)
    shapes = seen.run(SHAPES)
    lost = shapes[f"few {state.replace(' ', '-')}"]
    assert lost["width"] >= 3
    assert lost["height"] == shapes["in-payload"]["height"]
    scale = seen.bar().bounding_box()["width"] / 3000
    assert lost["x"] == pytest.approx(976.5 * scale - lost["width"] / 2, abs=1)


def test_the_first_and_the_last_lumisection_are_not_cut_off(viewers):
    seen = bar_of(viewers, {LumiState.IN_PAYLOAD: "2-2999", LumiState.FAILED: "1,3000"})
    lost = seen.run(SHAPES)["few failed"]
    assert lost["x"] == 0
    assert lost["width"] == pytest.approx(seen.bar().bounding_box()["width"], abs=0.1)


def test_states_are_told_apart_without_colours(viewers):
    each = {state: f"{100 * n + 1}-{100 * n + 100}" for n, state in enumerate(LumiState)}
    shapes = bar_of(viewers, each).run(SHAPES)
    looks = {
        (round(shape["height"]), shape["fill"] if "url" in shape["fill"] else "plain")
        for shape in shapes.values()
    }
    assert len(looks) == len(shapes) == len(LumiState)


def test_pointing_names_the_lumisections_and_prefers_what_is_lost(viewers):
    seen = bar_of(viewers, {LumiState.IN_PAYLOAD: "1-976,978-2000", LumiState.FAILED: "977"})
    box = seen.bar().bounding_box()
    expect(seen.tip()).to_be_hidden()
    seen.page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 10)
    expect(seen.tip()).to_have_text("LS 1-976: in the last payload (976 LS)")
    seen.page.mouse.move(box["x"] + box["width"] * 978 / 2000 + 1, box["y"] + 10)
    expect(seen.tip()).to_have_text("LS 977: in a DAG that failed or was removed")
    seen.page.mouse.move(10, 10)
    expect(seen.tip()).to_be_hidden()


def test_the_bar_is_read_by_arrow_keys(viewers):
    seen = bar_of(viewers, {LumiState.IN_PAYLOAD: "1-40", LumiState.AWAITED: "41-50"})
    seen.bar().focus()
    for key, said in (
        ("ArrowRight", "LS 1-40: in the last payload (40 LS)"),
        ("ArrowRight", "LS 41-50: awaited (10 LS)"),
        ("ArrowRight", "LS 41-50: awaited (10 LS)"),
        ("Home", "LS 1-40: in the last payload (40 LS)"),
    ):
        seen.page.keyboard.press(key)
        expect(seen.tip()).to_have_text(said)
    seen.page.keyboard.press("Escape")
    expect(seen.tip()).to_be_hidden()


def test_who_does_not_see_the_bar_is_told_it(viewers):
    seen = bar_of(viewers, {LumiState.IN_PAYLOAD: "1-40,42", LumiState.FAILED: "41"})
    label = seen.bar().get_attribute("aria-label")
    assert label.startswith("Lumisections 1 to 42. in payload: 1-40,42; failed: 41.")


def test_the_bar_follows_the_width_of_the_window(viewers):
    seen = bar_of(viewers, {LumiState.IN_PAYLOAD: "1-3000"})
    seen.page.set_viewport_size({"width": 700, "height": 900})
    width = seen.bar().bounding_box()["width"]
    assert width < 700
    seen.page.wait_for_function(f"() => Math.abs(({SHAPES})()['in-payload'].width - {width}) < 1")


def test_lumisections_that_alternate_stay_cheap_to_draw(viewers):
    odd = ",".join(str(ls) for ls in range(1, 3000, 2))
    even = ",".join(str(ls) for ls in range(2, 3001, 2))
    seen = bar_of(viewers, {LumiState.IN_PAYLOAD: odd, LumiState.IN_WORK: even})
    assert seen.bar().locator("path:not(.axis)").count() == 2
