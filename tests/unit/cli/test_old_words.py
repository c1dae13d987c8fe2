"""Words of the version before still work, are shown nowhere, and name the ones to type."""

import pytest
from click.testing import CliRunner

from condorloop.cli.main import cli
from condorloop.cli.old_words import TAKEN_OVER
from tests.unit.cli.test_destinations import Place
from tests.unit.examples import RUN


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path)


def typed(place, *words):
    return place.condorloop(*words, "--calibrations", str(place.trial))


def retry(place, word):
    return typed(place, "resubmit", str(RUN.number), word, "--dry-run")


def test_the_old_word_for_files_that_were_given_up_does_what_the_one_of_today_does(place):
    old, today = retry(place, "--all"), retry(place, "--include-quarantined")
    assert "give files that were given up another try" in today.stdout
    assert (old.exit_code, old.stdout) == (today.exit_code, today.stdout)
    assert today.stderr == ""


def test_an_old_option_names_the_one_to_type_in_one_line(place):
    [said] = retry(place, "--all").stderr.splitlines()
    assert "condorloop resubmit --include-quarantined" in said


def test_an_old_command_makes_one_pass_and_names_the_one_to_type(place, monkeypatch):
    passes = []
    monkeypatch.setattr("condorloop.submitter.Submitter.once", lambda _: passes.append(1))
    monkeypatch.setattr("condorloop.submitter.Submitter.run", lambda _: pytest.fail("it stays"))
    today, old = typed(place, "run", "--once"), typed(place, "once")
    assert (today.exit_code, old.exit_code) == (0, 0), repr(old.exception)
    assert len(passes) == 2
    assert [x for x in old.stderr.splitlines() if "condorloop run --once" in x]
    assert "is old" not in today.stderr


@pytest.mark.parametrize("old", TAKEN_OVER)
def test_no_help_shows_an_old_word(old):
    command, _, option = old.rpartition(" ")
    words = [command] if command else []
    lines = CliRunner().invoke(cli, [*words, "--help"]).stdout.splitlines()
    assert not [line for line in lines if line.split()[:1] == [option]]


@pytest.mark.parametrize("named", TAKEN_OVER.values())
def test_what_is_to_be_typed_in_its_place_is_in_the_help(named):
    command, option = named.split()
    assert option in CliRunner().invoke(cli, [command, "--help"]).stdout
