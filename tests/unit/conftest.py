"""What unit tests share: quick files, and what the tests of uploads are sent with."""

import os
from copy import deepcopy
from functools import cache

import pytest

from condorloop.config import loader, yaml_text
from condorloop.dagman import run_configuration
from condorloop.ledger.connection import Connection
from tests.unit.examples import TOP
from tests.unit.upload_examples import Calibration, Tool


@pytest.fixture(autouse=True, scope="session")
def _nothing_waits_for_the_disk():
    """Power does not fail here: what is to be on the disk is told so by tests of its own."""
    assert Connection.durable
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        patch.setattr(Connection, "durable", False)
        yield


@pytest.fixture(autouse=True, scope="session")
def _the_shipped_files_are_parsed_once():
    """Most tests read the same few files."""
    shipped = {p.read_text(encoding="utf-8") for p in TOP.glob("calibrationYAML/*.yaml")}
    parsed = cache(yaml_text.read_yaml)

    def read(text):
        return deepcopy(parsed(text)) if text in shipped else yaml_text.read_yaml(text)

    with pytest.MonkeyPatch.context() as patch:
        for module in (loader, run_configuration):
            patch.setattr(module, "read_yaml", read)
        yield


@pytest.fixture
def tool(monkeypatch):
    made = Tool()
    monkeypatch.setattr("condorloop.services.conditions.upload", made.run)
    monkeypatch.setattr("condorloop.services.cmssw.Cmssw.environment", lambda self, **_: {})
    monkeypatch.setattr(
        "condorloop.services.conditions.missing_credentials", lambda auth_path: None
    )
    return made


@pytest.fixture
def calibration(tmp_path):
    return Calibration(tmp_path)
