"""The whole loop with an account for EOS and another for uploads.

Tools that let one account in stand for what EOS and the conditions service ask for.
"""

import shlex

import pytest

from condorloop.config.credentials import CACHE
from condorloop.model.enums import CampaignState
from tests.loop import Loop
from tests.pool.test_accounts import cache

GUARDED = """\
#!/bin/sh
# Lets one account in.
who=$(cat "${{KRB5CCNAME#FILE:}}")
echo "$who" >>{visitors}
[ "$who" = {account} ] || {{ echo "Auth failed for $who" >&2; exit 52; }}
exec {command} "$@"
"""


@pytest.fixture
def guarded(tmp_path):
    """A command that works for one account only; who came is in a file beside it."""

    def make(command, account):
        file = tmp_path / f"guarded-{command}"
        visitors = shlex.quote(str(file.with_suffix(".visitors")))
        file.write_text(GUARDED.format(visitors=visitors, account=account, command=command))
        file.chmod(0o755)
        return file

    return make


def visitors(command):
    return set(command.with_suffix(".visitors").read_text().split())


SCENARIO = {
    "seed": 398790,
    "layout": {"TestEnablesEcalHcal": {"ls_per_file": 4}},
    "runs": [
        {
            "run": 398790,
            "calibrations": ["EcalPedestals"],
            "start_offset": 0,
            "lumisections": {"count": 4, "every": 0.2},
            "end_after": 0.5,
        }
    ],
}


def test_a_loop_works_with_one_account_for_eos_and_another_for_uploads(
    stack, tmp_path, guarded, monkeypatch
):
    monkeypatch.setenv(CACHE, f"FILE:{cache(tmp_path, 'somebody')}")
    eos, conditions = (f"FILE:{cache(tmp_path, who)}" for who in ("eos", "conditions"))
    xrdfs, probe = guarded("xrdfs", "eos"), guarded("edmFileUtil", "eos")
    upload = guarded("uploadConditions.py", "conditions")
    netrc = tmp_path / "netrc of its own"
    netrc.mkdir()
    (netrc / ".netrc").touch(mode=0o600)
    (netrc / ".netrc").write_text((stack.folder / "auth" / ".netrc").read_text())
    nodes = {
        "RECO": {"environment": {CACHE: eos}},
        "UPLOAD": {"environment": {CACHE: conditions, "COND_AUTH_PATH": str(netrc)}},
    }
    settings = {
        "environment": {CACHE: eos},
        "storage": {"xrdfs": str(xrdfs), "edm_file_util": str(probe)},
        "conditions": {"upload_conditions": str(upload), "auth_path": "/nowhere"},
        "defaults": {"nodes": nodes},
    }
    loop = Loop(stack, tmp_path, "two-accounts", settings)
    try:
        play = loop.play(SCENARIO)
        submitter = loop.start()
        loop.wait(lambda: loop.closed() == 1, lambda: submitter.poll() is None)
        assert loop.states() == {"EcalPedestals": CampaignState.COMPLETE}
        verdict = play.assay("EcalPedestals", 398790)
        assert (verdict.faults, verdict.uploads) == ((), 1)
        came = {visitor for tool in (xrdfs, probe) for visitor in visitors(tool)}
        assert (came, visitors(upload)) == ({"eos"}, {"conditions"})
        ads = loop.history("CondorloopRun == 398790 && CondorloopKind =!= undefined")
        told = {ad["CondorloopKind"]: ad.get("Environment") or "" for ad in ads}
        assert told["RECO"] == f"{CACHE}={eos}"
        assert CACHE not in told["ALCA"] + told["HARVEST"]
    finally:
        loop.close()
