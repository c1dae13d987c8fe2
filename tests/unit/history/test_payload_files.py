"""A payload file can be named by its path, and what is none is named."""

import pytest

from condorloop.history.payload_files import NoSuchPayload, PayloadFiles
from condorloop.testbed.conditions import sqlite_file
from tests.unit.examples import KEY, config


@pytest.fixture
def files(tmp_path):
    return PayloadFiles(config(tmp_path), KEY.calibration, KEY.run, lambda _: None, tmp_path)


def written(path, tag):
    sqlite_file.write(path, tag, "Run", "EcalPedestals", "any", [(KEY.run, b"payload")])
    return path


def test_the_payload_of_a_path_has_its_input_tag_or_the_one_that_it_has(files, tmp_path):
    configured = files.config.calibrations[KEY.calibration].harvest.upload.input_tag
    for tag in (configured, "other"):
        path = written(tmp_path / f"{tag}.db", tag)
        found = files.find(str(path))
        assert (found.file, found.label, found.tag) == (path, str(path), tag)


def test_a_path_with_no_payload_is_named(files, tmp_path):
    (tmp_path / "empty.db").touch()
    (tmp_path / "odd.db").write_text("no database")
    for name in ("gone.db", "empty.db", "odd.db"):
        with pytest.raises(NoSuchPayload, match=name):
            files.find(str(tmp_path / name))
