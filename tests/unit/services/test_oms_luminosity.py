"""OMS's word on what lumisections recorded is taken as it is meant, or not at all."""

import json
import logging
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from condorloop.config.site import OmsSite
from condorloop.services.oms import MOST_LUMISECTIONS, Oms, OmsUnavailable
from condorloop.services.oms_rows import LUMINOSITY, lumisection_of
from condorloop.testbed.faults import OmsMode
from condorloop.testbed.oms.rows import OmsRows, Row
from condorloop.testbed.oms.server import OmsServer
from condorloop.testbed.scenario.oms_attributes import LUMISECTIONS, usual
from tests.unit.hostile import is_one_clear_line, values

RUN = 398600


def row(ls: int, recorded: float | None, run: int = RUN) -> Row:
    """A row of OMS, whose luminosity that is integrated is never what is wanted."""
    numbers = {"run_number": run, "lumisection_number": ls, "recorded_lumi": 1000.0 + ls}
    return {**usual(LUMISECTIONS), **numbers, LUMINOSITY: recorded}


@pytest.fixture
def shown() -> list[Row]:
    """What the server shows: a test changes it as it goes."""
    return []


@pytest.fixture
def server(shown: list[Row]) -> Iterator[OmsServer]:
    server = OmsServer(lambda: OmsRows(lumisections=list(shown)))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def oms(server: OmsServer) -> Oms:
    return Oms(OmsSite(url=server.url, timeout=5))


def test_it_is_that_of_each_lumisection_of_the_run_and_not_the_integrated_one(
    shown: list[Row], oms: Oms
) -> None:
    shown += [row(1, 0.4), row(2, 0.0), row(4, 0.3), row(3, 0.2, run=RUN + 1)]
    assert oms.luminosity(RUN) == {1: 0.4, 2: 0.0, 4: 0.3}


def test_only_what_comes_after_the_known_ones_is_asked_for(shown: list[Row], oms: Oms) -> None:
    shown += [row(ls, 0.1 * ls) for ls in range(1, 6)]
    assert oms.luminosity(RUN, after=3) == {4: 0.4, 5: 0.5}
    assert oms.luminosity(RUN, after=5) == {}


def test_what_oms_does_not_know_yet_is_left_out(shown: list[Row], oms: Oms) -> None:
    shown += [row(1, 0.4), row(2, None), row(3, 0.4), row(4, None)]
    assert oms.luminosity(RUN) == {1: 0.4, 3: 0.4}


def test_each_question_is_one_request_however_long_the_run(
    shown: list[Row], server: OmsServer, oms: Oms
) -> None:
    shown += [row(ls, 0.4) for ls in range(1, MOST_LUMISECTIONS + 201)]
    first = oms.luminosity(RUN)
    assert sorted(first) == list(range(1, MOST_LUMISECTIONS + 1))
    assert len(oms.luminosity(RUN, after=max(first))) == 200
    assert server.requests == {"lumisections": 2, "lumisections/meta": 1}


def test_lumisections_without_luminosity_do_not_hide_those_that_have_some(
    shown: list[Row], oms: Oms
) -> None:
    shown += [row(ls, None) for ls in range(1, MOST_LUMISECTIONS + 1)]
    shown.append(row(MOST_LUMISECTIONS + 1, 0.4))
    assert oms.luminosity(RUN) == {MOST_LUMISECTIONS + 1: 0.4}


@pytest.mark.parametrize("mode", [m for m in OmsMode if m is not OmsMode.EMPTY])
def test_a_failure_is_named_and_the_next_answer_is_none_the_worse(
    shown: list[Row], server: OmsServer, mode: OmsMode
) -> None:
    oms = Oms(OmsSite(url=server.url, timeout=0.5 if mode is OmsMode.TIMEOUT else 5))
    shown.append(row(1, 0.4))
    server.faults.inject(mode, resource="lumisections")
    with pytest.raises(OmsUnavailable, match=f"^{server.url}/v1/lumisections: ") as caught:
        oms.luminosity(RUN)
    assert is_one_clear_line(str(caught.value))
    assert oms.luminosity(RUN) == {1: 0.4}


def test_an_empty_answer_tells_nothing(shown: list[Row], server: OmsServer, oms: Oms) -> None:
    shown.append(row(1, 0.4))
    server.faults.inject(OmsMode.EMPTY, resource="lumisections")
    assert oms.luminosity(RUN) == {}


def test_an_odd_row_hides_no_other_and_is_reported_once(
    shown: list[Row], oms: Oms, caplog: pytest.LogCaptureFixture
) -> None:
    shown += [row(1, 0.4), row(2, 1e300), row(3, 0.2)]
    with caplog.at_level(logging.WARNING):
        answers = [oms.luminosity(RUN) for _ in range(2)]
    assert answers == [{1: 0.4, 3: 0.2}] * 2
    [told] = caplog.messages
    assert "unreadable lumisection from OMS, id 398600_2" in told


GOOD = {"run_number": RUN, "lumisection_number": 7, LUMINOSITY: 0.4476}


def told(units: object = "pb^{-1}", **changes: Any) -> dict[str, Any]:
    return {"attributes": GOOD | changes, "meta": {"row": {LUMINOSITY: {"units": units}}}}


@pytest.mark.parametrize(
    ("units", "in_pb"),
    [
        ("pb^{-1}", 0.4476),
        ("/pb", 0.4476),
        ("1/pb", 0.4476),
        (None, 0.4476),
        ("nb^{-1}", 0.4476e-3),
        ("fb^{-1}", 447.6),
        *((unit, 0.4476e-6) for unit in (r"\mu b^{-1}", r"{\mu}b^{-1}", "µb^-1", "ub^{-1}")),
    ],
)
def test_whatever_the_unit_it_is_kept_in_inverse_picobarn(units: str | None, in_pb: float) -> None:
    assert lumisection_of(told(units)).recorded == pytest.approx(in_pb)


def test_without_a_word_on_units_it_is_in_inverse_picobarn() -> None:
    bare: dict[str, Any] = {"attributes": GOOD}
    for row in (bare, bare | {"meta": {}}, bare | {"meta": {"row": {}}}):
        assert lumisection_of(row).recorded == 0.4476


@pytest.mark.parametrize(
    "odd",
    [
        *({LUMINOSITY: value} for value in (-0.1, math.inf, math.nan, 1e300, "0.4", True, [0.4])),
        *({"units": unit} for unit in ("pb", "Hz", "cm^{-2}", 1, ["pb^{-1}"], "pb^{-1}" * 9)),
        *({"lumisection_number": n} for n in (0, -1, 2**31, None, "7", True)),
        *({"run_number": n} for n in (0, 10**9, None, "398600")),
    ],
)
def test_what_no_lumisection_can_have_is_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        lumisection_of(told(**odd))


def test_a_row_without_the_attribute_is_refused() -> None:
    with pytest.raises(ValidationError):
        lumisection_of({"attributes": {"run_number": RUN, "lumisection_number": 7}})


@given(st.sampled_from([*GOOD, "units"]), values)
def test_any_value_in_any_attribute_is_a_lumisection_that_can_be_kept_or_none(
    name: str, value: object
) -> None:
    try:
        kept = lumisection_of(json.loads(json.dumps(told(**{name: value}))))
    except (ValidationError, ValueError):
        return
    assert 0 < kept.run < 10**9
    assert 0 < kept.number < 2**31
    assert kept.recorded is None or 0 <= kept.recorded < 1e10
