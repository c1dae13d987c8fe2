"""The page can be read on a phone and on a wall, by day and by night."""

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from tests.web import situations

SITUATIONS = [situations.quiet, situations.bad_night]


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("width", [320, 360, 768, 1280, 2560])
def test_nothing_is_wider_than_the_window(viewers, situation, width):
    seen = viewers(situation(), width=width)
    assert seen.run("() => document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(viewers, situation, scheme):
    assert viewers(situation(), scheme=scheme).faint_texts() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_warning_of_a_silent_submitter_stands_out_in_light_and_dark(viewers, scheme):
    night = situations.bad_night()
    seen = viewers(replace(night, time=night.time - 600), scheme=scheme)
    expect(seen.page.locator("#banner.late")).to_be_visible()
    assert seen.faint_texts() == []


@pytest.mark.parametrize(("scheme", "bright"), [("light", True), ("dark", False)])
def test_the_page_is_as_bright_as_the_person_wants_it(viewers, scheme, bright):
    seen = viewers(situations.quiet(), scheme=scheme)
    colours = "() => getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    assert (min(seen.run(colours)) > 200) is bright
    assert (max(seen.run(colours)) < 60) is not bright


@pytest.mark.parametrize("situation", SITUATIONS)
def test_all_that_can_be_used_is_reached_by_the_keyboard_and_has_a_name(viewers, situation):
    seen = viewers(situation())
    reached = []
    while True:
        seen.page.keyboard.press("Tab")
        at = seen.run(
            "() => { const e = document.activeElement; return e === document.body ? null :"
            " [e.tagName.toLowerCase(), e.getAttribute('aria-label') ?? e.textContent] }"
        )
        if at is None:
            break
        reached.append(at)
        assert len(reached) < 100
    assert all(name.strip() for _, name in reached)
    usable = seen.page.locator("button:visible, summary:visible, svg.lumis").count()
    assert len(reached) == usable
