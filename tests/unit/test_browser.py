"""Chromium for the tests is the machine's, else a copy that was fetched once."""

import json

import pytest

from condorloop.testbed.prefix.cache import PrefixError
from tests import browser


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache with a copy, on a machine without Chromium."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    folder = tmp_path / "cache" / "chromium-headless-shell_150"
    (folder / browser.EXECUTABLE).parent.mkdir(parents=True)
    (folder / browser.EXECUTABLE).touch()
    (folder / "prefix.json").write_text(json.dumps({"folder": str(folder)}))
    (tmp_path / "cache" / "current").write_text(f"{folder}\n")
    return tmp_path / "cache"


def test_a_copy_is_found_again_with_libraries_and_fonts_of_its_own(cache):
    found = browser.ensure(pytest.fail, cache)
    folder = cache / "chromium-headless-shell_150"
    assert found.executable.is_relative_to(folder)
    assert found.environment["FONTCONFIG_FILE"] == str(folder / "fonts.conf")
    for place in found.environment["LD_LIBRARY_PATH"].split(":"):
        assert place.startswith(f"{folder}/")


def test_the_chromium_of_the_machine_goes_before_the_copy(cache, tmp_path):
    program = tmp_path / "bin" / "chromium"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert browser.ensure(pytest.fail, cache) == browser.Chromium(program)


def test_where_none_can_be_had_one_line_says_what_to_do(cache, tmp_path):
    with pytest.raises(PrefixError, match="install Chromium by this system's packages") as error:
        browser.ensure(pytest.fail, tmp_path / "empty")
    assert "\n" not in str(error.value)
