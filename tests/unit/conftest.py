"""What the tests of uploads share: the tool that they are sent with, and a calibration."""

import pytest

from tests.unit.upload_examples import Calibration, Tool


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
