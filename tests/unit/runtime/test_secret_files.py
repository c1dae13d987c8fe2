"""Secrets that everybody may read are not used, and the operator is told what to type."""

import pytest

from condorloop.config.site import OmsSite
from condorloop.runtime.secret_files import why_not_private
from condorloop.services.conditions import missing_credentials
from condorloop.services.oms import Oms, OmsUnavailable


@pytest.mark.parametrize(
    ("mode", "private"),
    [(0o600, True), (0o640, True), (0o400, True), (0o644, False), (0o606, False)],
)
def test_a_secret_is_for_its_owner_and_group(tmp_path, mode, private):
    file = tmp_path / "my secret"
    file.touch()
    file.chmod(mode)
    said = why_not_private(file)
    if private:
        assert said is None
    else:
        assert said is not None
        assert said.command == f"chmod o= '{file}'"


def test_a_netrc_that_everybody_may_read_is_not_used(tmp_path):
    file = tmp_path / ".netrc"
    file.write_text("machine ConditionUploader login a password b\n")
    file.chmod(0o644)
    assert "chmod o= " in str(missing_credentials(tmp_path))
    file.chmod(0o600)
    assert missing_credentials(tmp_path) is None


def test_a_client_secret_that_everybody_may_read_is_not_sent(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    secret.chmod(0o644)
    site = OmsSite(
        url="http://127.0.0.1:9/x", login="oidc", client_id="a", client_secret_file=secret
    )
    with pytest.raises(OmsUnavailable, match="chmod o= "):
        Oms(site).runs(0.0)
