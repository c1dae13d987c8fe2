"""Every expected error is in one tree, and reaches an operator as a line without a traceback."""

import pkgutil
from importlib import import_module

import pytest

import condorloop
from condorloop.cli import main as command_line
from condorloop.errors import CondorloopError, Unavailable
from tests.unit.hostile import SPECIMENS

PLAYED = ("condorloop.testbed.cmssw.", "condorloop.testbed.conditions.", "condorloop.testbed.oms.")
"""Stand-ins raise what the programs do that they stand in for."""


def of_the_package():
    for found in pkgutil.walk_packages(condorloop.__path__, "condorloop."):
        if found.name.endswith("__main__") or found.name.startswith(PLAYED):
            continue
        for each in vars(import_module(found.name)).values():
            ours = isinstance(each, type) and each.__module__ == found.name
            if ours and issubclass(each, Exception) and not each.__name__.startswith("_"):
                yield each


@pytest.mark.parametrize("error", sorted(of_the_package(), key=str), ids=lambda e: e.__name__)
def test_an_expected_error_is_in_the_tree(error):
    assert issubclass(error, CondorloopError)


def ended_with(monkeypatch, error):
    def fails(**_):
        raise error

    monkeypatch.setattr(command_line, "cli", fails)
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    return ended.value.code


def test_an_error_is_one_line_then_its_hint_and_its_exit_code(monkeypatch, capsys):
    class Refused(Unavailable):
        exit_code = 3

    assert ended_with(monkeypatch, Refused("OMS: refused")) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "condorloop: OMS: refused\n    condorloop doctor\n"


@pytest.mark.parametrize("text", [text for text in SPECIMENS if len(text) < 1000])
def test_foreign_text_in_an_error_has_no_effect_on_the_terminal(monkeypatch, capsys, text):
    ended_with(monkeypatch, CondorloopError(f"answer: {text}"))
    said = capsys.readouterr().err
    assert all(line.isprintable() for line in said.split("\n"))


def test_a_mistake_of_the_program_is_no_error_of_the_operator(monkeypatch):
    def fails(**_):
        raise ZeroDivisionError

    monkeypatch.setattr(command_line, "cli", fails)
    with pytest.raises(ZeroDivisionError):
        command_line.main()
