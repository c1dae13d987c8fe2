"""The page gets newer data by itself, calmly, and says when it has none."""

import os
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from condorloop.model.status import Decision
from condorloop.monitoring import status_page as pages
from tests.web import situations

MARK = "() => { document.documentElement.dataset.mark = 'the same page'; }"


def marked(seen):
    return seen.run("() => document.documentElement.dataset.mark === 'the same page'")


def next_cycle(tmp_path, status, **changes):
    newer = replace(status, **{"time": status.time + 10} | changes)
    pages.write(tmp_path, newer)
    return newer


def test_a_file_is_loaded_again(viewers, tmp_path):
    quiet = situations.quiet()
    seen = viewers(quiet)
    next_cycle(tmp_path, quiet, problems=situations.bad_night().problems)
    seen.wait(16)
    expect(seen.section("4 problems")).to_be_visible()


def test_a_file_that_is_loaded_again_is_read_on_where_one_was(viewers, tmp_path):
    night = situations.bad_night()
    seen = viewers(night, height=500)
    seen.page.get_by_text("8 earlier").click()
    seen.bar(1).focus()
    seen.run("() => scrollTo(0, 700)")
    place = seen.bar(1).bounding_box()
    seen.run(MARK)
    next_cycle(tmp_path, night, site="another")
    seen.wait(16)
    expect(seen.page.locator("#site")).to_have_text("another")
    assert not marked(seen)
    assert seen.bar(1).bounding_box() == place
    expect(seen.bar(1)).to_be_focused()
    expect(seen.page.get_by_text("DAG 20 submitted")).to_be_visible()


def test_a_file_is_not_loaded_again_while_a_person_copies_from_it(viewers):
    seen = viewers(situations.bad_night())
    seen.run(MARK)
    seen.wait(10)
    seen.page.locator(".problem code").first.select_text()
    seen.wait(50)
    assert marked(seen)
    with seen.page.expect_navigation():
        seen.wait(20)
    expect(seen.section("4 problems")).to_be_visible()
    assert not marked(seen)


def test_a_server_is_asked_for_newer_data_and_the_page_stays(viewers, web, tmp_path):
    quiet = situations.quiet()
    seen = viewers(quiet, url=web.url)
    seen.run(MARK)
    next_cycle(tmp_path, quiet, problems=situations.bad_night().problems)
    seen.wait(10)
    expect(seen.section("4 problems")).to_be_visible()
    assert marked(seen)


def test_what_has_not_changed_stays_as_it_is(viewers, web, tmp_path):
    night = situations.bad_night()
    seen = viewers(night, url=web.url)
    seen.run("() => { document.querySelector('.facts').dataset.mark = 'the same row'; }")
    seen.bar().focus()
    next_cycle(tmp_path, night, decisions=(Decision(night.time, "warning", "something new"),))
    seen.wait(10)
    expect(seen.section("Last decisions")).to_contain_text("warning something new")
    expect(seen.page.locator(".facts").first).to_have_attribute("data-mark", "the same row")
    expect(seen.bar()).to_be_focused()


def test_the_focus_stays_in_a_part_that_changes(viewers, web, tmp_path):
    night = situations.bad_night()
    seen = viewers(night, url=web.url)
    seen.bar(1).focus()
    next_cycle(tmp_path, night, campaigns=night.campaigns[:2])
    seen.wait(10)
    expect(seen.page.locator("svg.lumis")).to_have_count(2)
    expect(seen.bar(1)).to_be_focused()


def test_a_server_that_is_gone_is_told_and_asked_again(viewers, web, tmp_path):
    quiet = situations.quiet()
    seen = viewers(quiet, url=web.url)
    banner = seen.page.locator("#banner")
    expect(banner).to_be_empty()
    web.stop()
    for _ in range(2):
        with seen.page.expect_event("requestfailed"):
            seen.wait(10)
    expect(banner).to_contain_text("no new data from its server")
    web.start()
    next_cycle(tmp_path, quiet, time=quiet.time + 25)
    seen.wait(10)
    expect(banner).to_be_empty()


@pytest.mark.parametrize("served", [False, True])
def test_a_submitter_that_is_silent_is_told_in_red(viewers, web, served):
    quiet = situations.quiet()
    seen = viewers(quiet, url=web.url if served else "")
    banner = seen.page.locator("#banner")
    for _ in range(10):
        seen.wait(10)
    expect(banner).to_be_empty()
    for _ in range(3):
        seen.wait(10)
    expect(banner).to_contain_text("No cycle since")
    expect(banner).to_contain_text("condorloop doctor")
    expect(seen.page.locator("#alive")).to_contain_text("The submitter is silent")
    expect(seen.page).to_have_title("silent · calibration-node · condorloop")
    red, green, blue = seen.run(
        "() => getComputedStyle(document.querySelector('#banner')).color.match(/\\d+/g).map(Number)"
    )
    assert red > 2 * max(green, blue)


def test_ages_go_on_between_cycles(viewers):
    seen = viewers(replace(situations.quiet(), poll_interval=3600.0))
    for expected in ("10 min", "20 min"):
        seen.wait(600)
        expect(seen.page.locator("#alive")).to_contain_text(f"last cycle {expected} ago")
        expect(seen.section("Last good answers").get_by_role("listitem").first).to_contain_text(
            expected
        )


def test_a_page_of_another_version_is_loaded_whole(viewers, web, tmp_path):
    quiet = situations.quiet()
    seen = viewers(quiet, url=web.url)
    seen.run(MARK)
    newer = pages.render(replace(quiet, site="newer")).replace(
        "default-src 'none'", "default-src 'none'; font-src 'none'"
    )
    (tmp_path / pages.PAGE).write_text(newer)
    os.utime(tmp_path / pages.PAGE, (quiet.time + 10, quiet.time + 10))
    with seen.page.expect_navigation():
        seen.wait(10)
    expect(seen.page.locator("#site")).to_have_text("newer")
    assert not marked(seen)
