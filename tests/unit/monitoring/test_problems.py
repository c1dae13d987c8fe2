"""What is wrong is named, once, with the command that helps."""

from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import CampaignState, UploadOutcome
from condorloop.model.problem import ProblemKind, by_urgency
from condorloop.model.queue import HeldJob, Obstacle, QueuedDag, WaitingJob, WaitingScript
from condorloop.model.service import Service
from condorloop.monitoring.problems.campaigns import (
    of_campaigns,
    of_strangers,
    of_unconfigured,
)
from condorloop.monitoring.problems.confirmations import of_confirmations
from condorloop.monitoring.problems.disk import of_disk
from condorloop.monitoring.problems.holds import of_holds
from condorloop.monitoring.problems.queue import of_late, of_queue, of_scripts, of_waiting
from condorloop.monitoring.problems.services import of_configuration, of_services
from tests.unit.examples import KEY, START, campaign_status

SPOT = CampaignKey("BeamSpot", 398600)
OURS = f"-c {KEY.calibration}"


def told(found):
    return [(p.kind, p.text, p.command) for p in found]


def test_an_outage_is_named_since_when_it_lasts():
    service = Service("OMS")
    service.failed("refused", START)
    [problem] = of_services([service, Service("EOS")])
    assert (problem.text, problem.since) == ("OMS: unreachable: refused", START)


def test_a_campaign_whose_calibration_is_not_configured_is_named_until_it_is_closed():
    unknown = campaign_status(calibration="Forgotten")
    closed = campaign_status(calibration="Forgotten", state=CampaignState.INCOMPLETE)
    named = told(of_unconfigured([campaign_status(), unknown, closed], {KEY.calibration}))
    [(kind, text, command)] = named
    assert (kind, command) == (ProblemKind.CAMPAIGN, "condorloop validate")
    assert text.startswith("Forgotten run398600: Forgotten is not configured")


def test_what_a_campaign_waits_for_after_its_window_is_named():
    waits = QueuedDag("x", KEY, 4, 17, None, {"JobsIdle": 5}, batch=3)
    other = QueuedDag("y", SPOT, 4, 18, None, {"JobsIdle": 5}, batch=3)
    campaign = campaign_status(state=CampaignState.CLOSING)
    assert told(of_late([campaign], [waits, other], campaign.window_ends - 1)) == []
    assert told(of_late([campaign], [waits, other], campaign.window_ends)) == [
        (
            ProblemKind.LATE,
            f"{KEY}: window ended at 2026-09-21 22:13 UTC; "
            "b003 is still in the queue (5 idle jobs)",
            f"condorloop analyze 398600 {OURS} --node b003",
        )
    ]


def test_a_dag_that_the_schedd_refuses_is_named_whatever_else_it_takes():
    campaign = campaign_status(refused={"b003": "bad attribute"})
    [problem] = of_campaigns([campaign])
    assert problem.kind is ProblemKind.REFUSED
    assert problem.text.endswith("the schedd rejects b003 (other DAGs are accepted): bad attribute")


def test_a_configuration_that_is_not_taken_up_is_named_since_when():
    [problem] = of_configuration("BeamSpot.yaml: retention: 3: a time", START)
    assert problem.text.startswith(
        "new configuration rejected, the old one stays in use: BeamSpot.yaml: retention"
    )
    assert (problem.command, problem.since) == ("condorloop validate", START)
    assert not list(of_configuration("", None))


def test_what_is_urgent_comes_before_what_is_lost_already():
    bad = {f"/eos/cms/{n}.root": "broken" for n in range(30)}
    campaign = campaign_status(
        bad_files=bad, last_outcome=UploadOutcome.REFUSED, failed_nodes=("b001 RECO_0002",)
    )
    service = Service("OMS")
    service.failed("refused", START)
    found = [*of_campaigns([campaign]), *of_services([service])]
    kinds = [p.kind for p in by_urgency(found)]
    assert kinds[:3] == [ProblemKind.SERVICE, ProblemKind.UPLOAD, ProblemKind.FAILED]
    assert kinds[3:] == [ProblemKind.BAD_FILE] * 30


def test_a_held_dag_is_named_as_condor_q_names_it():
    held = QueuedDag("x", SPOT, 4, 17, "via condor_hold", {}, hold_code=1, batch=3)
    assert told(of_queue([held], [], 0)) == [
        (
            ProblemKind.HELD,
            "BeamSpot run398600: b003 (job 17) is held: via condor_hold",
            "condorloop release 398600 -c BeamSpot --node b003",
        )
    ]


def test_a_held_job_is_named_once_with_its_node():
    dag = QueuedDag("x", SPOT, 4, 17, None, {"JobsHeld": 1}, batch=3)
    job = HeldJob("x", "RECO_0001", "18.0", 47, 0, "ran too long", START)
    assert told(of_queue([dag], [job], 0)) == [
        (
            ProblemKind.HELD,
            "BeamSpot run398600: b003 RECO_0001 (job 18.0) is held: ran too long",
            "condorloop analyze 398600 -c BeamSpot --node b003/RECO_0001",
        )
    ]


def test_a_script_that_is_kept_from_its_work_is_named_with_its_words():
    dag = QueuedDag("x", SPOT, 4, 17, None, {}, batch=3)
    full = WaitingScript(dag, "RECO_0001", "POST", START, "No space left on device")
    silent = WaitingScript(dag, "HARVEST", "PRE", START)
    found = [*of_scripts([full, silent], START + 14 * 60 + 1)]
    late = "script has been deferred for 14 minutes"
    assert told(found) == [
        (
            ProblemKind.DEFERRED,
            f"BeamSpot run398600: b003 RECO_0001: its POST {late}: No space left on device",
            "condorloop doctor",
        ),
        (
            ProblemKind.DEFERRED,
            f"BeamSpot run398600: b003 HARVEST: its PRE {late}",
            "condorloop doctor",
        ),
    ]
    assert {p.since for p in found} == {START}


ON_REQUEST = "condorloop: held by alice@node (by user ngt)"


def test_what_a_person_held_with_a_whole_campaign_is_no_problem():
    dag = QueuedDag("x", SPOT, 4, 17, ON_REQUEST, {"JobsHeld": 2}, hold_code=1, batch=3)
    job = HeldJob("x", "RECO_0001", "18.0", 1, 0, ON_REQUEST, START)
    hangs = HeldJob("x", "RECO_0002", "19.0", 47, 0, "ran too long", START)
    held = [campaign_status(calibration=SPOT.calibration, held_by="alice@node")]
    assert told(of_queue([dag], [job], 0, held)) == []
    [problem] = of_queue([dag], [job, hangs], 0, held)
    assert "RECO_0002 (job 19.0) is held: ran too long" in problem.text


def test_a_campaign_that_a_person_holds_is_named_so_that_its_window_does_not_pass_unseen():
    held = campaign_status(held_by="alice@node", held_at=START)
    [problem] = of_holds([held, campaign_status()], {})
    assert problem.kind is ProblemKind.HELD
    assert "held by alice@node since 2026-09-21 14:13 UTC; its window ends" in problem.text
    assert (problem.command, problem.since) == (f"condorloop release {KEY.run} {OURS}", START)
    closed = campaign_status(held_by="alice@node", state=CampaignState.INCOMPLETE)
    assert not list(of_holds([closed], {}))


def test_a_calibration_that_is_held_is_named_once():
    both = [campaign_status(run=run, held_by="alice@node") for run in (398600, 398601)]
    [problem] = of_holds(both, {KEY.calibration: ("alice@node", START)})
    assert problem.command == f"condorloop release {OURS}"
    assert problem.calibration == KEY.calibration


def test_what_a_person_held_alone_is_named_so_that_it_is_not_forgotten():
    dag = QueuedDag("x", SPOT, 4, 17, None, {"JobsHeld": 2}, batch=3)
    jobs = [HeldJob("x", f"RECO_000{i}", f"{i}.0", 1, 0, ON_REQUEST, START) for i in (1, 2)]
    assert [p.command for p in of_queue([dag], jobs, 0)] == [
        f"condorloop release 398600 -c BeamSpot --node b003/RECO_000{i}" for i in (1, 2)
    ]


def test_an_abandoned_campaign_has_no_problem():
    given_up = campaign_status(state=CampaignState.ABANDONED, removed={"b000": "alice@node"})
    assert not list(of_campaigns([given_up]))


def test_a_disk_that_gets_full_is_named_with_what_shows_what_can_go():
    [full, stuck] = of_disk("the disk is nearly full", {SPOT: "/x: it is a link"})
    assert (full.kind, full.command) == (ProblemKind.DISK, "condorloop cleanup --dry-run")
    assert stuck.text == "BeamSpot run398600: cannot clean up: /x: it is a link"
    [grows] = of_disk("", {}, "/x/condorloop-2026.db: disk I/O error")
    assert "condorloop-2026.db: disk I/O error" in grows.text
    assert not list(of_disk("", {}))


def test_held_jobs_that_the_schedd_did_not_name_are_counted():
    dag = QueuedDag("x", SPOT, 4, 17, None, {"JobsHeld": 2}, batch=3)
    [problem] = of_queue([dag], [], 0)
    assert problem.text == "BeamSpot run398600: b003 has 2 held jobs"


def test_a_bad_file_of_a_shared_stream_is_named_once():
    bad = {"/eos/cms/x.root": "edmFileUtil, exit 1: broken"}
    both = (campaign_status(bad_files=bad), campaign_status(calibration="BeamSpot", bad_files=bad))
    assert told(of_campaigns(both)) == [
        (
            ProblemKind.BAD_FILE,
            "run 398600: bad file x.root: edmFileUtil, exit 1: broken",
            "condorloop find x.root",
        )
    ]


def test_a_failed_node_is_named_with_its_error_and_the_command_that_explains_it():
    campaign = campaign_status(
        failed_nodes=("b001 RECO_0002",), errors={"b001 RECO_0002": "exit 84: no such file"}
    )
    assert told(of_campaigns([campaign])) == [
        (
            ProblemKind.FAILED,
            f"{KEY}: b001 RECO_0002 failed: exit 84: no such file",
            f"condorloop analyze {KEY.run} {OURS} --node b001/RECO_0002",
        )
    ]


def test_an_upload_that_is_under_way_is_no_problem():
    campaign = campaign_status(last_outcome=UploadOutcome.NO_ANSWER, uploading=True)
    assert list(of_campaigns([campaign])) == []


def test_a_refused_upload_and_an_incomplete_campaign_are_named():
    campaign = campaign_status(
        state=CampaignState.INCOMPLETE,
        reason="20 of 40 LS missing (21-40)",
        failed_nodes=("b002 UPLOAD", "b003 UPLOAD", "b003 RECO_0000"),
        errors={"b002 UPLOAD": "exit 66: refused: too late", "b003 UPLOAD": "exit 253"},
        refused_uploads=("b002 UPLOAD",),
        last_outcome=UploadOutcome.REFUSED,
        last_answer="too late",
    )
    show, analyze = (f"condorloop {verb} {KEY.run} {OURS}" for verb in ("show", "analyze"))
    assert told(of_campaigns([campaign])) == [
        (ProblemKind.INCOMPLETE, f"{KEY}: incomplete: 20 of 40 LS missing (21-40)", show),
        (
            ProblemKind.FAILED,
            f"{KEY}: b003 UPLOAD failed: exit 253",
            f"{analyze} --node b003/UPLOAD",
        ),
        (ProblemKind.FAILED, f"{KEY}: b003 RECO_0000 failed", f"{analyze} --node b003/RECO_0000"),
        (ProblemKind.UPLOAD, f"{KEY}: upload refused: too late", analyze),
    ]


def test_an_alcareco_that_a_harvest_left_out_is_named():
    [problem] = of_campaigns([campaign_status(left_out=("apJob007",))])
    assert problem.text.startswith(f"{KEY}: apJob007 was left out of the harvest")


def test_an_alcareco_that_overlaps_with_another_one_is_named_with_the_reason():
    why = "RAW file f0001.root (LS 1-5) is in apJob003, used instead"
    [problem] = of_campaigns([campaign_status(overlaps={"apJob000": why})])
    assert problem.kind is ProblemKind.OVERLAP
    assert problem.text == f"{KEY}: apJob000 was left out of the harvest: {why}"
    assert problem.command == f"condorloop show {KEY.run} {OURS}"


def test_raw_files_that_may_be_copies_are_named_once_for_all_who_read_them():
    what = {"/eos/f.root": "f.root and g.root have the same LS 1-5 and 7 events each"}
    readers = [campaign_status(copies=what, calibration=c) for c in ("BeamSpot", "SiStripBad")]
    [problem] = of_campaigns(readers)
    assert problem.kind is ProblemKind.COPY
    assert problem.calibrations == ("BeamSpot", "SiStripBad")
    assert problem.text.startswith(f"run {KEY.run}: RAW files may be copies: f.root and g.root")
    assert problem.command == f"condorloop verify {KEY.run}"


def test_a_change_of_state_that_no_rule_allows_is_named():
    [problem] = of_campaigns([campaign_status(odd_changes=("b003 went from done to active",))])
    assert problem.kind is ProblemKind.STATE
    assert problem.text.startswith(f"{KEY}: b003 went from done to active: no rule allows")
    assert problem.command == f"condorloop show {KEY.run} {OURS}"


def test_a_directory_that_is_not_adopted_is_named():
    [problem] = of_strangers({KEY: ("dag001",)})
    assert problem.kind is ProblemKind.OVERLAP
    assert problem.text.startswith(f"{KEY}: dag001 is not adopted: ")


def test_a_name_with_blanks_is_quoted_in_the_command_to_type():
    bad = {"/eos/cms/a b$(reboot).root": "broken"}
    [problem] = of_campaigns([campaign_status(bad_files=bad)])
    assert problem.command == "condorloop find 'a b$(reboot).root'"


def test_a_campaign_that_is_well_has_no_problem():
    assert not list(of_campaigns([campaign_status()]))


def waits(obstacle, words, key=KEY, node="RECO_0000", since=START):
    return WaitingJob("x", key, node, "17.0", since, obstacle, words)


NO_MACHINE = "the pool has no machine that runs jobs"


def test_jobs_that_do_not_start_are_told_once_for_all_calibrations_that_it_concerns():
    dags = [QueuedDag("x", key, 4, 17, None, {"JobsIdle": 5}) for key in (KEY, SPOT)]
    stuck = [
        waits(Obstacle.NO_MACHINE, NO_MACHINE, key, node, START + n)
        for n, (key, node) in enumerate([(SPOT, "RECO_0001"), (KEY, "ALCA_0000"), (KEY, "HARVEST")])
    ]
    [problem] = of_waiting(stuck, dags)
    names = "BeamSpot, EcalPedestals"
    assert problem.text == f"{names}: jobs do not start, 10 jobs wait: {NO_MACHINE}"
    assert (problem.kind, problem.command) == (ProblemKind.WAITING, "condor_status")
    assert (problem.calibration, problem.since) == (None, START)
    assert problem.calibrations == ("BeamSpot", "EcalPedestals")
    assert problem.obstacle is Obstacle.NO_MACHINE


def test_jobs_that_no_machine_can_run_are_told_with_what_explains_them():
    large = "nothing in the pool is large enough: it asks for 64000 MB memory"
    dags = [QueuedDag("x", SPOT, 4, 17, None, {"JobsIdle": 1})]
    [problem] = of_waiting([waits(Obstacle.NO_MATCH, large, SPOT, "HARVEST")], dags)
    assert problem.text == f"BeamSpot: HARVEST jobs do not start, 1 job waits: {large}"
    assert problem.command == "condorloop analyze 398600 -c BeamSpot"
    assert problem.calibration == "BeamSpot"


def test_for_each_obstacle_there_is_something_to_type():
    for obstacle in Obstacle:
        [problem] = of_waiting([waits(obstacle, "words")], [])
        assert problem.command


def test_what_a_problem_is_about_can_be_read_without_its_text():
    dag = QueuedDag("x", SPOT, 4, 17, None, {"JobsHeld": 1}, batch=3)
    [held] = of_queue([dag], [HeldJob("x", "RECO_0001", "18.0", 47, 0, "x", START)], 0)
    assert (held.dag, held.node, held.job) == ("b003", "RECO_0001", "18.0")
    failed = campaign_status(failed_nodes=("b001 RECO_0002",), removed={"b004": "alice@node"})
    [node, gone] = of_campaigns([failed])
    assert (node.calibration, node.run) == (KEY.calibration, KEY.run)
    assert (node.dag, node.node) == ("b001", "RECO_0002")
    assert (gone.dag, gone.person) == ("b004", "alice@node")
    bad = {"/eos/cms/x.root": "broken"}
    both = (campaign_status(bad_files=bad), campaign_status(calibration="BeamSpot", bad_files=bad))
    [file] = of_campaigns(both)
    assert (file.path, file.calibrations) == ("/eos/cms/x.root", ("BeamSpot", KEY.calibration))
    assert file.bare_text == "bad file x.root: broken"


def test_an_upload_without_an_answer_is_a_problem_of_the_service_and_a_refused_one_is_not():
    silent = campaign_status(last_outcome=UploadOutcome.NO_ANSWER)
    refused = campaign_status(last_outcome=UploadOutcome.REFUSED)
    [no_answer, no] = of_campaigns([silent, refused])
    assert (no_answer.service, no_answer.outcome) == ("conditions", UploadOutcome.NO_ANSWER)
    assert (no.service, no.outcome) == (None, UploadOutcome.REFUSED)
    assert no.topic != no_answer.topic


def test_an_upload_that_reading_back_contradicts_is_named_at_once():
    campaign = campaign_status(
        contradictions={"harvestJob003 in T": "the tag lacks it: payload 8f since 398600"},
        unconfirmed={"harvestJob003 in T": START},
    )
    assert told(of_confirmations([campaign], 60.0, START + 1)) == [
        (
            ProblemKind.IN_FORCE,
            f"{KEY}: harvestJob003 in T: the database does not have what was uploaded: "
            "the tag lacks it: payload 8f since 398600",
            f"condorloop payload 398600 {OURS}",
        )
    ]
    assert [p.kind for p in of_confirmations([campaign], 60.0, START + 99)] == [
        ProblemKind.IN_FORCE
    ]


def test_an_upload_that_is_not_seen_is_named_after_its_time_and_only_where_tags_are_read():
    campaign = campaign_status(unconfirmed={"harvestJob003 in T": START})
    assert told(of_confirmations([campaign], 3600.0, START + 3599)) == []
    assert told(of_confirmations([campaign], None, START + 99999)) == []
    [problem] = of_confirmations([campaign], 3600.0, START + 3600)
    words = "uploaded, and not seen in the database after 60 min"
    assert problem.bare_text == f"harvestJob003 in T: {words}"
    assert (problem.kind, problem.since) == (ProblemKind.UNCONFIRMED, START)
