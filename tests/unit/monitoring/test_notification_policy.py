"""People who do not look are told what is wrong: each problem once, and its end once."""

import re
from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from condorloop.config.site import MessagesSite
from condorloop.model.notification import Notified
from condorloop.model.problem import Problem, ProblemKind
from condorloop.model.service import Service
from condorloop.monitoring.notifications.policy import Rules, due, noted, settled
from condorloop.monitoring.notifications.text import code, mail, post, title
from tests.unit.examples import START, campaign_status, loop_status

WANTED = Rules(300.0, 4 * 3600.0, MessagesSite.model_fields["kinds"].default)
OMS = Problem(
    ProblemKind.SERVICE, "OMS does not answer: refused", "condorloop doctor", service="OMS"
)
DISK = Problem(ProblemKind.DISK, "the disk is nearly full: 3 GB free", "condorloop cleanup")
FAILED = Problem(
    ProblemKind.FAILED,
    "EcalPedestals run 398600: b000 RECO_0001 failed",
    "condorloop analyze 398600 -c EcalPedestals --node b000/RECO_0001",
    calibration="EcalPedestals",
    run=398600,
)
BAD_FILE = Problem(ProblemKind.BAD_FILE, "run 398600: bad file x.root: no events", run=398600)
POOL = [OMS, DISK, FAILED]
CAMPAIGNS = (campaign_status(),)


def status(problems, now, campaigns=CAMPAIGNS, services=()):
    return loop_status(*campaigns, time=now, problems=tuple(problems), services=services)


class Reader:
    """What a person gets, of problems by their time; each message arrives before the next cycle."""

    def __init__(self, wanted=WANTED):
        self.memory, self.messages, self.wanted = {}, [], wanted
        self.wrong_at = set()

    def cycle(self, problems, now, *, arrives=True, **changes):
        shown = status(problems, now, **changes)
        self.wrong_at |= {now} if problems else set()
        self.memory = noted(self.memory, shown, self.wanted)
        message = due(self.memory, shown, self.wanted)
        if message and arrives:
            self.memory = settled(self.memory, message)
            self.messages.append(message)
        return message

    def restart(self):
        """Forget what the ledger does not hold."""
        self.memory = {a: Notified(t.text, t.since, t.told_at) for a, t in self.memory.items()}


STORIES = st.lists(
    st.tuples(st.sampled_from([10.0, 100.0, 299.0, 301.0, 5000.0]), st.sets(st.sampled_from(POOL))),
    max_size=60,
)


def after_a_story(story, restarts=frozenset()):
    told, now = Reader(), START
    for i, (seconds, problems) in enumerate(story):
        now += seconds
        told.cycle(problems, now)
        if i in restarts:
            told.restart()
    return told, now


def of_each(messages):
    """Per problem, when it was told (+) and when its end was (-)."""
    found = {}
    for message in messages:
        for name in (*message.new, *message.lasting):
            found.setdefault(name, []).append(("+", message.time))
        for name in (*message.over, *message.left):
            found.setdefault(name, []).append(("-", message.time))
    return found


@given(STORIES, st.frozensets(st.integers(0, 60)))
def test_no_problem_is_told_twice_within_the_reminder_interval(story, restarts):
    told, _ = after_a_story(story, restarts)
    for events in of_each(told.messages).values():
        for (first, then), (second, at) in pairwise(events):
            assert second == "-" or first == "-" or at - then >= WANTED.reminder


@given(STORIES, st.frozensets(st.integers(0, 60)))
def test_all_that_was_told_is_followed_by_one_end_of_it(story, restarts):
    told, now = after_a_story(story, restarts)
    for i in range(1, 4):
        told.cycle([], now + i * (WANTED.after + 1))
    for events in of_each(told.messages).values():
        signs = "".join(sign for sign, _ in events)
        assert re.fullmatch(r"(\++-)+", signs), signs
    assert not told.memory
    if told.messages:
        last = told.messages[-1]
        assert last.all_well == (last.time not in told.wrong_at)


@given(STORIES)
def test_nothing_flaps_a_problem_is_told_and_ended_only_after_it_has_lasted(story):
    told, _ = after_a_story(story)
    for events in of_each(told.messages).values():
        for (first, then), (second, at) in pairwise(events):
            if first != second:
                assert at - then >= WANTED.after


@given(STORIES, st.data())
@settings(max_examples=50)
def test_a_message_that_did_not_arrive_is_not_lost(story, data):
    told, now = Reader(), START
    for seconds, problems in story:
        now += seconds
        told.cycle(problems, now, arrives=data.draw(st.booleans()))
    for _ in range(2):
        now += WANTED.after
        told.cycle(POOL, now)
    assert {p.topic for p in POOL} == {a for a, t in told.memory.items() if t.told_at is not None}


def test_problems_that_last_come_in_one_message_with_what_to_type():
    told = Reader()
    assert told.cycle(POOL, START) is None
    message = told.cycle(POOL, START + 300)
    assert len(message.new) == 3
    for text in (post(message), mail(message)):
        assert "--node b000/RECO_0001" in text
        assert "OMS does not answer: refused" in text
    assert title(message) == "condorloop at here: problems: 3 new"


def test_a_text_that_changes_is_no_new_problem():
    told = Reader()
    for i, left in enumerate("987654321"):
        problem = replace(DISK, text=f"the disk is nearly full: {left} GB free")
        told.cycle([problem], START + 300 * i)
    assert [len(m.new) for m in told.messages] == [1]


def test_a_reminder_has_the_words_of_now():
    told = Reader()
    told.cycle([DISK], START)
    told.cycle([DISK], START + 300)
    fuller = replace(DISK, text="the disk is nearly full: 1 GB free")
    message = told.cycle([fuller], START + 300 + WANTED.reminder)
    assert [item.text for item in message.lasting.values()] == [fuller.text]
    assert not message.new


def test_failing_nodes_of_a_campaign_are_one_problem():
    nodes = [replace(FAILED, text=f"{FAILED.text} {i}", command=f"x {i}") for i in range(50)]
    told = Reader()
    told.cycle(nodes, START)
    [item] = told.cycle(nodes, START + 300).new.values()
    assert item.text.endswith("(and 49 more)")
    assert told.cycle(nodes[10:], START + 600) is None


def test_a_service_that_comes_and_goes_is_told_once():
    told = Reader()
    for i in range(200):
        told.cycle([OMS] if i % 2 else [], START + 10 * i)
    assert [len(m.new) for m in told.messages] == [1]


def test_while_a_service_is_silent_nothing_else_is_over():
    silent = Service("schedd")
    silent.failed("refused", START)
    told = Reader()
    told.cycle([FAILED], START)
    told.cycle([FAILED], START + 300)
    assert told.cycle([], START + 600, services=(silent,)) is None
    assert told.cycle([], START + 9000, services=(silent,)) is None
    told.cycle([], START + 9010)
    assert told.cycle([], START + 9310).over


def test_a_campaign_that_is_too_old_to_be_shown_is_not_called_well():
    told = Reader()
    told.cycle([FAILED], START)
    told.cycle([FAILED], START + 300)
    told.cycle([], START + 600, campaigns=())
    message = told.cycle([], START + 900, campaigns=())
    assert message.left
    assert not message.over
    assert not message.all_well
    assert "too old" in post(message)


def test_a_campaign_that_went_well_after_all_is():
    told = Reader()
    for seconds, problems in ((0, [FAILED]), (300, [FAILED]), (600, []), (900, [])):
        message = told.cycle(problems, START + seconds)
    assert message.all_well
    assert title(message) == "condorloop at here: all well again"


def test_kinds_that_are_not_wanted_are_not_told():
    told = Reader()
    told.cycle([BAD_FILE], START)
    assert told.cycle([BAD_FILE], START + 3000) is None
    assert not told.memory


def test_many_problems_make_no_endless_message():
    many = [replace(FAILED, run=i, text="x" * 5000, command="y" * 5000) for i in range(1, 200)]
    told = Reader()
    told.cycle(many, START)
    message = told.cycle(many, START + 300)
    assert "and 189 more: condorloop status" in post(message)
    assert len(post(message)) < 12_000


@given(st.text(st.sampled_from("`<>@!#*_[]()|~:\\ \nachnelr\u202e\x1b") | st.characters()))
def test_no_text_leaves_its_code_span_or_calls_anybody(text):
    span = code(text)
    assert re.fullmatch(r"`[^`<>@\n]+`", span)
    assert span.isprintable()


@given(st.text(), st.text())
def test_a_hostile_problem_is_text_in_a_post_and_in_mail(text, command):
    hostile = replace(FAILED, text=f"@all <!channel> `{text}", command=f"`{command} @here")
    told = Reader()
    told.cycle([hostile], START)
    message = told.cycle([hostile], START + 300)
    for line in post(message).split("\n"):
        outside = re.sub(r"`[^`]*`", "", line)
        assert not re.search(r"[`<>@]", outside)
        assert not re.search(r"[<>@]", line)
    assert len(mail(message).splitlines()) == 6
    assert "\n" not in title(message)


def test_the_end_of_what_a_whole_calibration_had_is_told_as_its_end():
    waits = Problem(ProblemKind.WAITING, "BeamSpot: jobs do not start", calibration="BeamSpot")
    told = Reader()
    for seconds, problems in ((0, [waits]), (300, [waits]), (600, []), (900, [])):
        message = told.cycle(problems, START + seconds)
    assert list(message.over) == [waits.topic]
    assert message.all_well
