"""What campaigns share goes when none of them needs it, and what is their own by their times."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from condorloop.config.tuning import Retention
from condorloop.model.campaign import CampaignKey, ClosedCampaign
from condorloop.model.enums import Artifact, CampaignState
from condorloop.model.lumis import EMPTY
from condorloop.policy.retention import shared_due, shared_goes_at
from tests.unit.examples import RUN, START
from tests.unit.express import STREAM
from tests.unit.shared_examples import ALI, COMBINED, GAINS, SHARING

HOUR, DAY = 3600.0, 86400.0
WINDOW = 8 * HOUR
LATER = START + 100 * DAY


def closed(name, after=HOUR, **changes):
    made = ClosedCampaign(
        id=SHARING.index(name) + 1,
        key=CampaignKey(name, RUN.number),
        reconstruction_id=1,
        state=CampaignState.COMPLETE,
        closed_at=START + after,
        window_from=START,
        in_payload=EMPTY,
        busy=False,
        stream=STREAM,
    )
    return replace(made, **changes)


THREE = tuple(closed(name) for name in SHARING)

AGES = st.one_of(st.none(), st.floats(0, 100 * DAY))
RETENTIONS = st.dictionaries(
    st.sampled_from(SHARING),
    st.builds(Retention, reco=AGES, alcareco=AGES, logs=AGES, dags=AGES, runs=AGES),
)
CAMPAIGNS = st.lists(
    st.tuples(
        st.sampled_from(CampaignState),
        st.floats(0, 20 * HOUR),
        st.floats(0, 20 * HOUR),
        st.frozensets(st.sampled_from(Artifact)),
    ),
    min_size=3,
    max_size=3,
).map(
    lambda each: tuple(
        closed(name, after, state=state, window_from=START + counts_from, cleaned=cleaned)
        for name, (state, after, counts_from, cleaned) in zip(SHARING, each, strict=True)
    )
)


def going(now, campaigns=THREE, **retentions):
    """What goes, each with whose it is; `STREAM` for what is in the run directory of the stream."""
    told = {SHARING[int(name[1:])]: each for name, each in retentions.items()}
    return {
        (each.kept, place)
        for each in shared_due(now, campaigns, told, WINDOW)
        for place in (
            *([c.key.calibration for c in each.of] if each.own else []),
            *([STREAM] if each.shared else []),
        )
    }


@given(st.floats(START, LATER), CAMPAIGNS, RETENTIONS, st.booleans())
def test_nothing_shared_goes_while_a_campaign_is_open_or_busy_or_in_its_window(
    now, campaigns, retentions, busy
):
    campaigns = tuple(replace(c, busy=busy) for c in campaigns)
    needed = any(c.state.open or c.busy or now < c.window_from + WINDOW for c in campaigns)
    for each in shared_due(now, campaigns, retentions, WINDOW):
        assert not (each.shared and needed)
        assert each.kept not in frozenset.intersection(*(c.cleaned for c in each.of))
        for campaign in each.of if each.own else ():
            age = getattr(retentions[campaign.key.calibration], each.kept)
            assert not campaign.state.open
            assert now >= campaign.closed_at + age


@given(st.floats(START, LATER), CAMPAIGNS, RETENTIONS)
def test_the_directory_of_a_stream_goes_with_the_last_of_its_campaigns(now, campaigns, retentions):
    gone = shared_due(now, campaigns, retentions, WINDOW)
    runs = [each for each in gone if each.kept is Artifact.RUNS]
    left = {c for c in campaigns if Artifact.RUNS not in c.cleaned}
    assert {c for each in runs for c in each.of} <= left
    if any(each.shared for each in runs):
        assert {c for each in runs for c in each.of} == left
        assert runs[-1].shared
        assert list(gone) == runs
    else:
        assert {c for each in runs for c in each.of} != left or not left


def test_the_longest_time_counts_for_what_they_share():
    ages = {
        "_0": Retention(reco=DAY, alcareco=2 * DAY),
        "_1": Retention(reco=3 * DAY),
        "_2": Retention(),
    }
    assert going(START + 2 * DAY, **ages) == set()
    assert going(START + 3 * DAY, **ages) == {(Artifact.ALCARECO, STREAM)}
    assert going(START + 4 * DAY, **ages) == {
        (Artifact.RECO, STREAM),
        (Artifact.ALCARECO, STREAM),
    }


def test_what_goes_is_gone_for_all_that_share_it():
    [removal] = shared_due(LATER, THREE, {ALI: Retention(alcareco=DAY)}, WINDOW)
    assert [c.key.calibration for c in removal.of] == list(SHARING)
    cleaned = tuple(replace(c, cleaned=frozenset([Artifact.ALCARECO])) for c in THREE)
    assert shared_due(LATER, cleaned, {ALI: Retention(alcareco=DAY)}, WINDOW) == ()


def test_harvests_go_by_the_time_of_their_calibration_and_the_rest_with_the_last():
    ages = {"_0": Retention(logs=DAY), "_1": Retention(logs=3 * DAY), "_2": Retention()}
    assert going(START + 2 * DAY, **ages) == {(Artifact.LOGS, ALI)}
    first = replace(THREE[0], cleaned=frozenset([Artifact.LOGS]))
    assert going(START + 4 * DAY, (first, *THREE[1:]), **ages) == {
        (Artifact.LOGS, COMBINED),
        (Artifact.LOGS, STREAM),
    }


def test_the_directory_of_a_stream_stays_as_long_as_one_of_a_calibration_does():
    ages = {"_0": Retention(runs=DAY), "_1": Retention(runs=2 * DAY), "_2": Retention()}
    assert going(LATER, **ages) == {(Artifact.RUNS, ALI), (Artifact.RUNS, COMBINED)}
    all_of = ages | {"_2": Retention(runs=DAY)}
    places = (*SHARING, STREAM)
    assert going(LATER, **all_of) == {(Artifact.RUNS, place) for place in places}


def test_what_is_ones_own_goes_while_another_campaign_is_open():
    open_one = replace(THREE[2], state=CampaignState.ACTIVE)
    ages = {f"_{i}": Retention(reco=0, logs=0, runs=DAY) for i in range(3)}
    campaigns = (*THREE[:2], open_one)
    assert going(LATER, campaigns, **ages) == {
        (kept, name) for kept in (Artifact.LOGS, Artifact.RUNS) for name in (ALI, COMBINED)
    }
    assert shared_goes_at(campaigns, {GAINS: Retention(reco=0)}, WINDOW) == {}
