"""What is in force for a run, LS by LS, against what condorloop believes; and confirmations."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.enums import Synchronisation, TimeType
from condorloop.model.tag_content import TagContent, TagIov, serving
from condorloop.policy.in_force import (
    CLOCKS,
    Agreement,
    Believed,
    Confirmation,
    SentIov,
    confirm,
    in_force,
)

RUN = 398600
RUNS, LUMIS = TimeType.RUN, TimeType.LUMI


def tag(time_type, *iovs, synchronisation=Synchronisation.ANY):
    return TagContent.of("T", time_type, synchronisation, [TagIov(*iov) for iov in iovs])


def ls(number, run=RUN):
    return run << 32 | number


def sent(since, payload, at=10.0):
    return SentIov(since, payload, at, f"harvest of {payload}")


def told(served):
    return [(str(s.lumis), s.iov and s.iov.hash, s.agreement) for s in served]


def test_a_run_payload_that_is_there_is_the_same_for_all_lumisections():
    content = tag(RUNS, (1, 1.0, "old"), (RUN, 10.0, "ours"))
    served = in_force(content, Believed((sent(RUN, "ours"),)), RUNS, RUN, 80)
    assert told(served) == [("1-80", "ours", Agreement.SAME)]
    assert served[0].believed.harvest == "harvest of ours"


def test_a_payload_that_another_has_replaced_is_a_difference():
    content = tag(RUNS, (RUN, 10.0, "ours"), (RUN, 20.0, "theirs"))
    served = in_force(content, Believed((sent(RUN, "ours"),)), RUNS, RUN, 80)
    assert told(served) == [("1-80", "theirs", Agreement.DIFFERENT)]


def test_the_last_upload_is_what_is_believed():
    content = tag(RUNS, (RUN, 10.0, "first"), (RUN, 20.0, "second"))
    believed = Believed((sent(RUN, "second", 20.0), sent(RUN, "first", 10.0)))
    assert told(in_force(content, believed, RUNS, RUN, 5)) == [("1-5", "second", Agreement.SAME)]


def test_before_the_first_iov_of_the_run_another_s_payload_is_no_difference():
    content = tag(LUMIS, (ls(40, RUN - 1), 1.0, "before"), (ls(5), 10.0, "a"), (ls(9), 10.0, "b"))
    believed = Believed((sent(ls(5), "a"), sent(ls(9), "b")))
    assert told(in_force(content, believed, LUMIS, RUN, 12)) == [
        ("1-4", "before", Agreement.NOT_SENT),
        ("5-8", "a", Agreement.SAME),
        ("9-12", "b", Agreement.SAME),
    ]


def test_an_obsolete_iov_between_is_found():
    """IOV borders moved: the older payload's IOV at LS 6 was not stated again."""
    content = tag(LUMIS, (ls(1), 1.0, "old1"), (ls(6), 1.0, "old6"), (ls(1), 2.0, "new"))
    believed = Believed(
        (sent(ls(1), "old1", 1.0), sent(ls(6), "old6", 1.0), sent(ls(1), "new", 2.0),
         sent(ls(6), "new", 2.0))
    )  # fmt: skip
    assert told(in_force(content, believed, LUMIS, RUN, 9)) == [
        ("1-5", "new", Agreement.SAME),
        ("6-9", "old6", Agreement.DIFFERENT),
    ]


def test_an_older_payload_that_serves_where_a_newer_one_holds_is_obsolete():
    content = tag(LUMIS, (ls(1), 1.0, "old1"), (ls(6), 1.0, "old6"), (ls(1), 2.0, "new"))
    believed = Believed(
        (sent(ls(1), "old1", 1.0), sent(ls(6), "old6", 1.0), sent(ls(1), "new", 2.0))
    )
    served = in_force(content, believed, LUMIS, RUN, 9)
    assert told(served) == [("1-5", "new", Agreement.SAME), ("6-9", "old6", Agreement.OBSOLETE)]
    assert [s.agreement.wrong for s in served] == [False, True]


def test_pieces_that_follow_each_other_are_not_obsolete():
    content = tag(LUMIS, (ls(1), 1.0, "first"), (ls(6), 2.0, "second"))
    believed = Believed((sent(ls(1), "first", 1.0), sent(ls(6), "second", 2.0)))
    assert told(in_force(content, believed, LUMIS, RUN, 9)) == [
        ("1-5", "first", Agreement.SAME),
        ("6-9", "second", Agreement.SAME),
    ]


def test_a_payload_of_an_upload_without_answer_that_serves_is_told_so():
    content = tag(RUNS, (RUN, 10.0, "maybe"))
    believed = Believed((), (sent(RUN, "maybe"),))
    assert told(in_force(content, believed, RUNS, RUN, 3)) == [
        ("1-3", "maybe", Agreement.UNANSWERED)
    ]


def test_without_a_reader_there_is_what_is_believed():
    [served] = in_force(None, Believed((sent(RUN, "ours"),)), RUNS, RUN, 3)
    assert (served.iov, served.believed.hash, served.agreement) == (
        None,
        "ours",
        Agreement.NOT_READ,
    )


def test_an_empty_tag_serves_nothing():
    [served] = in_force(tag(RUNS), Believed((sent(RUN, "ours"),)), RUNS, RUN, 3)
    assert (served.iov, served.agreement) == (None, Agreement.DIFFERENT)
    assert in_force(tag(RUNS), Believed(), RUNS, RUN, 0) == ()


hashes = st.sampled_from("abc")
lumisections = st.integers(1, 12)
iovs = st.lists(st.tuples(lumisections, st.integers(0, 3), hashes), max_size=8)


@given(iovs, iovs, st.sampled_from([RUNS, LUMIS]), st.integers(0, 12))
def test_folded_ranges_say_of_each_lumisection_what_serves_it(there, own, time_type, last):
    """Each LS is in one range, neighbours differ, and unfolding gives what each LS is served by."""

    def since(number):
        return ls(number) if time_type is LUMIS else RUN - 6 + number

    content = tag(time_type, *((since(n), float(t), h) for n, t, h in there))
    ours = tuple(sent(since(n), h, float(t)) for n, t, h in own)
    served = in_force(content, Believed(ours), time_type, RUN, last)
    assert [n for s in served for n in s.lumis] == list(range(1, last + 1))
    believed = TagContent.of("", time_type, None, [TagIov(i.since, i.at, i.hash) for i in ours])
    for each in served:
        for number in each.lumis:
            for told, tag_ in ((each.iov, content), (each.believed, believed)):
                right = serving(tag_, RUN, number)
                assert (told and told.hash) == (right and right.hash)
    alike = [(s.iov and s.iov.hash, s.believed and s.believed.hash) for s in served]
    assert all(a != b for a, b in pairwise(alike))


def test_what_the_tag_has_is_confirmed_though_a_later_upload_hides_it():
    content = tag(RUNS, (RUN, 10.0, "ours"), (RUN, 20.0, "next"))
    found = confirm(content, [sent(RUN, "ours")])
    assert (found.confirmation, found.since) == (Confirmation.CONFIRMED, RUN)


def test_what_a_replica_does_not_show_yet_is_not_yet_confirmed():
    found = confirm(tag(RUNS, (1, 5.0, "old")), [sent(RUN, "ours", 10.0)])
    assert found.confirmation is Confirmation.NOT_YET
    assert found.words == f"the tag lacks it: payload ours since {RUN}"
    assert confirm(tag(RUNS), [sent(RUN, "ours")]).confirmation is Confirmation.NOT_YET


def test_a_tag_that_was_changed_after_the_upload_and_does_not_have_it_contradicts():
    later = (RUN + 1, 10.0 + CLOCKS + 1, "later")
    found = confirm(tag(RUNS, later), [sent(RUN, "ours", 10.0)])
    assert found.confirmation is Confirmation.CONTRADICTED


def test_each_iov_of_an_upload_must_be_there():
    upload = [sent(ls(1), "a"), sent(ls(5), "b")]
    found = confirm(tag(LUMIS, (ls(1), 10.0, "a")), upload)
    assert found.confirmation is Confirmation.NOT_YET
    assert found.words == f"the tag lacks 1 of its 2 IOVs: payload b since {RUN}:5"


def test_a_since_that_the_service_moved_up_is_confirmed_with_the_since_that_it_has():
    moved = (RUN + 3, 10.0, "ours")
    found = confirm(tag(RUNS, moved, synchronisation=Synchronisation.HLT), [sent(RUN, "ours")])
    assert (found.confirmation, found.since) == (Confirmation.CONFIRMED, RUN + 3)
    elsewhere = confirm(tag(RUNS, moved), [sent(RUN, "ours")])
    assert elsewhere.confirmation is Confirmation.NOT_YET


@given(iovs, st.sampled_from([RUNS, LUMIS]))
def test_a_tag_that_took_all_that_was_sent_confirms_it(own, time_type):
    upload = [sent(ls(n) if time_type is LUMIS else n, h) for n, _, h in own]
    if upload:
        content = tag(time_type, *((i.since, 10.0, i.hash) for i in upload))
        assert confirm(content, upload).confirmation is Confirmation.CONFIRMED
