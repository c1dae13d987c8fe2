"""The page answers: is it running, what was uploaded, what is wrong, what do I type?"""

import time
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from condorloop.model.lumi_fates import LumiState
from condorloop.model.service import Service
from condorloop.model.status import CalibrationDestination
from tests.web import situations


def test_problems_come_first_each_with_the_command_to_type(viewers):
    seen = viewers(situations.bad_night())
    headings = seen.page.get_by_role("heading", level=2).all_inner_texts()
    assert headings[0] == "4 problems"
    problems = seen.section("4 problems").get_by_role("listitem")
    expect(problems).to_have_count(4)
    expect(problems.nth(1)).to_contain_text("held: memory exceeded for 7 min")
    expect(problems.nth(1).locator("code")).to_have_text(
        "condorloop analyze 398600 -c EcalPedestals --node b003/RECO_0001"
    )
    expect(seen.page).to_have_title("4 problems · calibration-node · condorloop")


def test_that_all_is_well_is_said(viewers):
    seen = viewers(situations.quiet())
    expect(seen.section("No problems")).to_be_visible()
    expect(seen.page.locator("#alive")).to_contain_text("The submitter runs last cycle")
    expect(seen.page).to_have_title("✓ · calibration-node · condorloop")


def test_a_command_is_copied_by_its_button_from_the_keyboard(viewers):
    seen = viewers(situations.bad_night())
    seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = seen.section("4 problems").get_by_role("button").nth(3)
    button.focus()
    seen.page.keyboard.press("Enter")
    expect(button).to_have_text("Copied")
    copied = seen.run("() => navigator.clipboard.readText()")
    assert copied == "condorloop show 398588 -c SiStripBad"


def test_many_problems_do_not_push_the_campaigns_away(viewers):
    seen = viewers(situations.many_problems())
    shown = seen.page.locator("li.problem:visible")
    expect(shown).to_have_count(12)
    seen.page.get_by_text("19 more", exact=True).click()
    expect(shown).to_have_count(22)


def test_what_is_urgent_is_not_behind_bad_files(viewers):
    seen = viewers(situations.many_problems())
    kinds = seen.page.locator("li.problem:visible .kind").all_inner_texts()
    assert kinds == ["service", "upload", "held", *(["bad file"] * 9)]


def test_problems_that_are_alike_are_told_by_the_first_few_and_the_rest_when_asked(viewers):
    night = situations.bad_night()
    seen = viewers(replace(night, problems=situations.bad_files(398600, 20)))
    shown = seen.page.locator("li.problem:visible")
    expect(shown).to_have_count(3)
    seen.page.get_by_text("17 more like this").click()
    expect(shown).to_have_count(20)


def test_each_service_has_the_age_of_its_last_good_answer(viewers):
    now = time.time()
    asked = (Service("OMS", now - 7200, "refused", now - 7000), Service("storage", now - 600))
    seen = viewers(replace(situations.quiet(), services=(*asked, Service("conditions"))))
    services = seen.section("Last good answers").get_by_role("listitem")
    expect(services).to_have_text(
        [
            "✕OMS2 h ago, does not answer for 117 min",
            "✓storage10 min ago",
            "?conditionsnot asked yet",
        ]
    )


@pytest.mark.parametrize("width", [1400, 360])
def test_campaigns_are_a_table_with_a_row_for_each_in_runs_the_newest_first(viewers, width):
    seen = viewers(situations.bad_night(), width=width)
    table = seen.page.get_by_role("table", name="Campaigns")
    assert table.get_by_role("heading", level=3).all_inner_texts() == ["Run 398600", "Run 398588"]
    expect(table.get_by_role("columnheader")).to_have_count(9)
    rows = table.get_by_role("row").filter(has_text="2 bad")
    cells = [" ".join(cell.split()) for cell in rows.get_by_role("cell").all_text_contents()]
    assert cells[:4] == ["active", "2780 of 3000+", "207969 %", "921"]
    assert cells[4:7] == [
        "2960 good, 12 new2 bad",
        "4 active, 22 done1 failed",
        "12 running, 40 idle1 held",
    ]
    assert cells[7].endswith("s ago3 uploads")


def test_what_is_lost_is_told_by_its_lumisections(viewers):
    seen = viewers(situations.bad_night())
    row = seen.page.get_by_role("row").filter(has_text="incomplete")
    expect(row).to_contain_text("44101-140,301-304")
    expect(row).to_contain_text("last try: refused")
    expect(seen.page.get_by_text("44 of 304 LS are missing, more than 4 %")).to_be_visible()


def test_the_time_that_is_left_in_the_window_runs(viewers):
    seen = viewers(situations.bad_night())
    left = seen.page.locator(".window").nth(1)
    expect(left).to_have_text("24 min left in the window")
    seen.wait(600)
    expect(left).to_have_text("14 min left in the window")
    seen.wait(900)
    expect(left).to_have_text("window over")


def test_where_payloads_go_is_told_by_calibration(viewers):
    to = CalibrationDestination("BeamSpot", "oracle://prod/X", ("Spot_a", "Spot_b"), "-b offline")
    seen = viewers(replace(situations.quiet(), destinations=(to,)))
    lines = seen.section("Where payloads go").get_by_role("listitem")
    expect(lines).to_have_text(["BeamSpot Spot_a, Spot_b in oracle://prod/X by -b offline"])


def test_latencies_have_a_plot_for_each_calibration(viewers):
    seen = viewers(situations.quiet())
    plots = seen.section("From the end of a lumisection").get_by_role("figure")
    expect(plots).to_have_count(3)
    expect(plots.first).to_contain_text("BeamSpot24 runs, 7200 LS: mean 3 min, worst 46 min")
    expect(plots.first.locator("circle")).to_have_count(24)


def test_what_is_not_known_yet_leaves_no_empty_place(viewers):
    empty = replace(situations.quiet(), campaigns=(), latencies=(), decisions=())
    seen = viewers(empty)
    expect(seen.page.get_by_text("No run has been latched")).to_be_visible()
    for name in ("From the end of a lumisection", "Last decisions", "Where payloads go"):
        expect(seen.section(name)).to_have_count(0)


def test_a_campaign_of_which_little_is_known_is_shown(viewers):
    new = situations.campaign(time.time(), {}, last_ls=None, fill=None, files={}, dags={}, jobs={})
    seen = viewers(replace(situations.quiet(), campaigns=(new,)))
    expect(seen.page.get_by_role("row").filter(has_text="EcalPedestals")).to_contain_text("active")
    assert "undefined" not in seen.text()
    assert "null" not in seen.text()
    assert "NaN" not in seen.page.content().partition("<script")[0]


def test_the_last_decisions_are_told_the_newest_first(viewers):
    seen = viewers(situations.quiet())
    lines = seen.section("Last decisions").get_by_role("listitem")
    expect(lines.first).to_contain_text("DAG 1 submitted")
    seen.page.get_by_text("8 earlier").click()
    expect(lines.last).to_contain_text("DAG 20 submitted")


def test_every_state_of_a_lumisection_has_a_place_in_the_bar(viewers):
    each = {state: f"{10 * n + 1}-{10 * n + 10}" for n, state in enumerate(LumiState)}
    campaign = situations.campaign(time.time(), each)
    seen = viewers(replace(situations.quiet(), campaigns=(campaign,)))
    legend = seen.page.locator(".legend li").all_inner_texts()
    assert {text.split(" 10")[0] for text in legend} == {str(state) for state in LumiState}


def test_what_calibrations_of_a_stream_share_stands_once_above_them(viewers):
    seen = viewers(situations.sharing())
    rows = seen.page.locator("tr.facts")
    names = rows.get_by_role("rowheader").all_inner_texts()
    assert [name.split("\n")[0] for name in names] == [
        "Express",
        "BeamSpot",
        "EcalPedestals",
        "SiStripBad",
        "OwnStream",
    ]
    stream, first = rows.nth(0), rows.nth(1)
    expect(stream).to_contain_text("RECO 16 of 28")
    expect(stream).to_contain_text("2 failed")
    expect(stream).to_contain_text("6 running, 4 idle")
    expect(first).not_to_contain_text("140 good")
    expect(rows.nth(4)).to_contain_text("412 good")


def test_what_was_reconstructed_before_a_calibration_was_switched_on_is_named(viewers):
    seen = viewers(situations.sharing())
    bars = seen.page.locator("tr.bar")
    make = "condorloop resubmit 398600 --reprocess -c SiStripBad"
    expect(bars.nth(2)).to_contain_text("LS 1-40 were reconstructed before it was switched on")
    expect(bars.nth(2).locator("code")).to_have_text(make)
    expect(bars.nth(1)).not_to_contain_text("switched on")


def test_a_cause_that_calibrations_share_is_one_line(viewers):
    seen = viewers(situations.sharing())
    [problem] = seen.section("1 problem").get_by_role("listitem").all_inner_texts()
    assert "Express run398600 (BeamSpot, EcalPedestals, SiStripBad): b003 RECO_0001" in problem
