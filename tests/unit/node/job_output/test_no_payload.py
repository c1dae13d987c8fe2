"""Why a harvester made no payload: the words of CMSSW's harvesters, as its logger writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.model.enums import NoPayloadCause
from condorloop.model.no_payload import NoPayload
from condorloop.node.job_output.no_payload import LONGEST, PHRASES, reason

OPENED = [
    "30-Nov-2026 10:00:00 CET  Initiating request to open file file:../inputs/apJob000/a.root",
    "30-Nov-2026 10:00:00 CET  Successfully opened file file:../inputs/apJob000/a.root",
]
CLOSED = ["30-Nov-2026 10:00:09 CET  Closed file file:../inputs/apJob000/a.root"]


def message(severity, category, *body):
    where = "Harvester:harvester@endJob 30-Nov-2026 10:00:08 CET  PostEndRun"
    return [f"%MSG-{severity} {category}:  {where}", *body, "%MSG"]


STRIP = "SiStripQualityHotStripIdentifierRoot"
GET = f" [{STRIP}::getNewObject] ::"
PEDE = "MillePedeFileReader"
LARGE = "Large Variations found wrt to old pedestals, no file created"
EXCEEDING = "Aborting payload creation. Exceeding maximum thresholds for"

SAID = [
    (message("e", LARGE), "veto", LARGE),
    (
        message("w", STRIP, f"{GET} Not Enough Events :: Total number of events is  54"
                " Calibration NOT launched"),
        "statistics",
        "Not Enough Events :: Total number of events is 54 Calibration NOT launched",
    ),
    (
        message("w", STRIP, f"{GET} Empty Events :: Mean Number of Cluster is  0.001"
                " Calibration NOT launched"),
        "statistics",
        "Empty Events :: Mean Number of Cluster is 0.001 Calibration NOT launched",
    ),
    (
        message("w", PEDE, f"{EXCEEDING} movement: 241.3 forTPBHalfBarrelXminus(Y)"),
        "veto",
        f"{EXCEEDING} movement: 241.3 forTPBHalfBarrelXminus(Y)",
    ),
    (
        message("w", PEDE, "TPBLadderLayer1", "X:   Fraction = 0.01   Fraction Threshold = 0.3",
                "===================", "Alignment will NOT be updated"),
        "unchanged",
        "Alignment will NOT be updated",
    ),
    (
        message("w", "SiStripGainsPCLHarvester", "calibrationMode  -> AagBunch",
                "produceTagFilter -> Return false: Statistics is too low : 1.2e+06"),
        "statistics",
        "Return false: Statistics is too low : 1.2e+06",
    ),
    (
        message("w", "SiStripGainsPCLHarvester", "calibrationMode  -> AagBunch",
                "produceTagFilter ->  Return false: ratio of GOOD/TOTAL is too low: 0.9"),
        "veto",
        "Return false: ratio of GOOD/TOTAL is too low: 0.9",
    ),
    (
        ["virtual void SiPixelLorentzAnglePCLHarvester::dqmEndJob(DQMStore::IBooker&)"
         " there is no new valid measurement to append! "],
        "statistics",
        "there is no new valid measurement to append",
    ),
    (message("i", "AlcaBeamSpotManager", "   BS is not valid!"), "statistics", "BS is not valid"),
]  # fmt: skip


@pytest.mark.parametrize(("log", "cause", "words"), SAID, ids=[words for _, _, words in SAID])
def test_the_words_of_a_harvester_tell_the_cause(log, cause, words):
    assert reason([*OPENED, *log, *CLOSED]) == NoPayload(NoPayloadCause(cause), words)


def test_a_message_that_the_logger_has_broken_is_read_as_one():
    said = message("w", PEDE, "Aborting payload creation.", "  Exceeding maximum thresholds for",
                   " error: 12.5", " forTPEHalfCylinderXminusZplus(theta_X)")  # fmt: skip
    words = f"{EXCEEDING} error: 12.5 forTPEHalfCylinderXminusZplus(theta_X)"
    assert reason(said) == NoPayload(NoPayloadCause.VETO, words)


def test_the_gravest_cause_counts_and_its_first_words():
    words = "Not enough entries for channel (arm 0): 3 < 100. Skipping calibration."
    few = message("w", "PPSTimingCalibrationPCLHarvester:dqmEndJob", words)
    veto = [message("w", PEDE, f"{EXCEEDING} movement: {n} forTPB(X)") for n in (5, 7)]
    said = reason([*few, *veto[0], *veto[1], *few])
    assert said == NoPayload(NoPayloadCause.VETO, f"{EXCEEDING} movement: 5 forTPB(X)")


def test_what_is_not_known_is_not_said_with_the_last_error_else_warning_else_line():
    error = message("e", "Alignment", "Currently not able to handle DOF 7")
    warning = message("w", "Other", "unlikely value")
    line = ["something else entirely"]
    cause = NoPayloadCause.NOT_SAID
    assert reason([*error, *warning, *line, *CLOSED]) == NoPayload(
        cause, "Alignment: Currently not able to handle DOF 7"
    )
    assert reason([*warning, *line, *CLOSED]) == NoPayload(cause, "Other: unlikely value")
    assert reason([*OPENED, *line, *CLOSED]) == NoPayload(cause, "something else entirely")
    assert reason([*OPENED, *CLOSED]) == NoPayload(cause, "")
    assert reason([]) == NoPayload(cause, "")


def test_each_phrase_names_its_source():
    assert all(phrase.source.endswith(".cc") for phrase in PHRASES)


LINES = st.lists(
    st.one_of(
        st.text(max_size=60),
        st.sampled_from([line for log, _, _ in SAID for line in log]),
        st.sampled_from(["%MSG", "%MSG-e x", "%MSG-w a:  b", "%MSG-e :  ", "x" * 5000]),
    ),
    max_size=30,
)


@given(LINES)
def test_whatever_a_log_holds_the_words_are_one_short_line(log):
    said = reason(log)
    assert len(said.words) <= LONGEST
    assert said.words == " ".join(said.words.split())


@given(LINES, st.sampled_from(SAID))
def test_a_veto_is_never_missed_whatever_else_is_said(log, said):
    lines, cause, _ = said
    found = reason([*log, "%MSG", *lines])
    assert cause != "veto" or found.cause is NoPayloadCause.VETO
    assert found.cause is not NoPayloadCause.NOT_SAID
