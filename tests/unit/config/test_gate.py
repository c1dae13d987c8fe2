"""The section gate of a calibration: what it may say, and what it comes to in a manifest."""

import pytest
from pydantic import ValidationError

from condorloop.config.gate import Gate
from condorloop.dagman.render import gate_tool
from condorloop.model.gate import GateAnswer, QuantityLimit, SetLimit
from tests.unit.examples import calibration

LIMITS = {"quantities": {"mean": {"largest_shift": 5}}, "sets": {"dead": {"come": 3}}}


def changed(**update):
    one = calibration()
    return type(one).model_validate(one.model_dump(by_alias=True, exclude_unset=True) | update)


def test_it_is_off_by_default():
    assert calibration().gate is None
    assert gate_tool(calibration()) is None


def test_limits_reach_the_manifest():
    reader = {"command": ["read", "{file}"], "timeout": 7}
    tool = gate_tool(changed(gate=LIMITS, payload_reader=reader))
    assert tool.limits.quantities == {"mean": QuantityLimit(largest_shift=5.0)}
    assert tool.limits.sets == {"dead": SetLimit(come=3)}
    assert (tool.reader, tool.reader_timeout, tool.command) == (("read", "{file}"), 7.0, ())
    assert tool.first is GateAnswer.HOLD


def test_a_command_reaches_the_manifest():
    tool = gate_tool(changed(gate={"command": ["judge", "{file}"], "timeout": 30}))
    assert (tool.command, tool.timeout) == (("judge", "{file}"), 30.0)


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        ({}, "needs either command, or limits"),
        ({"command": ["x"], **LIMITS}, "needs either command, or limits"),
        ({"quantities": {"mean": {"change": 1}}}, "needs largest_shift, part_changed or part_gone"),
        ({"sets": {"dead": {}}}, "needs come or gone"),
        ({"quantities": {"mean": {"part_changed": 10}}}, "less than or equal to 1"),
        ({"command": ["x"], "first": "fail"}, "'hold' or 'pass'"),
    ],
)
def test_what_makes_no_sense_is_refused(gate, words):
    with pytest.raises(ValidationError, match=words):
        Gate.model_validate(gate)


def test_limits_need_a_reader():
    with pytest.raises(ValidationError, match="need payload_reader"):
        changed(gate=LIMITS)
