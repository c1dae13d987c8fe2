"""Nothing that others have written becomes markup, and what would must not run."""

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from condorloop.model.problem import Problem, ProblemKind
from condorloop.model.service import Service
from condorloop.model.status import CalibrationDestination, Decision
from tests.web import situations

ODD = [
    "</script><script>window.hit = 1</script>",
    "<!--<script>",
    "]]></svg><svg onload='window.hit = 1'>",
    "\"><img src=x onerror='window.hit = 1'>",
    "javascript:window.hit=1",
    "'; window.hit = 1; '",
    "{{ 7 * 7 }} {% raw %} ${7 * 7}",
    "line\u2028line\u2029line",
    "\u202egnp.exe\u2066 turned around",
    "nul\x00 bell\x07 escape\x1b[31m",
    "a lone surrogate \ud800",
    "__proto__",
    "&lt;b&gt; &amp;",
    "\\u003cscript\\u003e",
    "日本語 عربى é e\u0301",
    "x" * 5000,
]


def filled(odd):
    """A state in which every text of others is this one."""
    night = situations.bad_night()
    campaign = replace(
        night.campaigns[3],
        calibration=odd,
        reason=odd,
        held_by=odd,
        last_answer=odd,
        bad_files={odd: odd},
        errors={odd: odd},
        files={odd: 1, "good": 1},
    )
    return replace(
        night,
        site=odd,
        services=(Service(odd, night.time - 1, odd, night.time - 1),),
        problems=(Problem(ProblemKind.FAILED, odd, odd, odd, 1),),
        campaigns=(campaign,),
        decisions=(Decision(night.time, odd, odd, odd, 1),),
        latencies=tuple(replace(p, calibration=odd) for p in night.latencies[:3]),
        destinations=(CalibrationDestination(odd, odd, (odd, odd), odd),),
    )


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_odd_text_is_shown_as_it_is(viewers, odd):
    seen = viewers(filled(odd), width=360)
    assert seen.run("() => window.hit") is None
    assert seen.page.locator("img, iframe, object, embed, a, form").count() == 0
    assert seen.page.locator("script").count() == 2
    assert seen.blocked == []
    shown = (
        odd.replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
        .replace("\u202e", "\\u202e")
        .replace("\u2066", "\\u2066")
        .replace("\x00", "\\x00")
        .replace("\x07", "\\x07")
        .replace("\x1b", "\\x1b")
        .replace("\ud800", "\\ud800")
    )
    for place in ("#site", ".problem code", ".facts th", ".reason", ".plots .others"):
        assert seen.page.locator(place).first.text_content() == shown
    assert seen.run("() => document.documentElement.scrollWidth") == 360


def test_a_harmless_page_breaks_none_of_its_own_rules(viewers):
    seen = viewers(situations.bad_night())
    seen.bar().hover()
    seen.page.get_by_role("button").first.click()
    seen.wait(5)
    assert seen.blocked == []


@pytest.mark.parametrize(
    "attempt",
    [
        "() => document.body.append(Object.assign(document.createElement('script'),"
        " { textContent: 'window.hit = 1' }))",
        "() => { document.querySelector('#site').innerHTML ="
        " '<b onclick=\"window.hit = 1\">x</b>'; document.querySelector('#site b').click() }",
        "() => { document.querySelector('#site').innerHTML = '<b style=\"color: red\">x</b>' }",
        "() => { document.querySelector('#site').innerHTML = '<iframe src=data:,x></iframe>' }",
        "() => document.head.append(Object.assign(document.createElement('base'),"
        " { href: 'http://127.0.0.1:9/' }))",
        "() => fetch('http://127.0.0.1:9/').catch(() => null)",
    ],
    ids=["script", "event handler", "style", "frame", "base", "fetch"],
)
def test_markup_that_came_in_all_the_same_could_do_nothing(viewers, web, attempt):
    seen = viewers(situations.quiet(), url=web.url)
    seen.run(
        "() => document.addEventListener('securitypolicyviolation',"
        " (event) => { window.stopped = event.effectiveDirective })"
    )
    seen.run(attempt)
    seen.page.wait_for_function("() => window.stopped")
    assert seen.run("() => window.hit") is None


def test_the_page_asks_nobody_but_its_own_server(viewers, web):
    seen = viewers(situations.bad_night(), url=web.url)
    for _ in range(3):
        with seen.page.expect_event("requestfinished"):
            seen.wait(10)
    assert set(seen.asked) == {web.url}
    expect(seen.page.locator("#banner")).to_be_empty()
