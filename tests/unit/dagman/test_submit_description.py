"""How jobs are submitted: read as HTCondor reads it, and as ClassAds evaluate it."""

import re

import classad2
import htcondor2
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from condorloop.config.resources import Resources
from condorloop.config.site import Site
from condorloop.config.tuning import Holds
from condorloop.dagman.submit_description import job_kind, release_expression
from condorloop.model.enums import NodeKind
from tests.unit import examples
from tests.unit.dagman.test_quoting import arguments_v2, awkward, matched, printable

NOW = 1_790_000_000


def released(holds=None, *, code, subcode=0, count=1, since=0.0, by_person=None):
    """Whether a job is released: held `count` times, the last time `since` seconds ago."""
    expression = release_expression(holds or Holds()).replace("time()", str(NOW))
    ad = classad2.ClassAd(
        {
            "HoldReasonCode": code,
            "HoldReasonSubCode": subcode,
            "NumHolds": count,
            "EnteredCurrentStatus": NOW - int(since),
        }
    )
    if by_person is not None:
        ad["NumHoldsByReason"] = classad2.ClassAd({"UserRequest": by_person})
    ad["Released"] = classad2.ExprTree(expression)
    return ad.eval("Released")


def test_waits_double_until_the_releases_are_used_up():
    waits = {1: 60, 2: 120, 3: 240}
    for count, wait in waits.items():
        assert released(code=12, count=count, since=wait) is True
        assert released(code=12, count=count, since=wait - 1) is False
    assert released(code=12, count=4, since=10**6) is False


def test_without_releases_a_hold_stays():
    assert released(Holds(releases=0), code=12, since=10**6) is False


@pytest.mark.parametrize(("code", "subcode"), [(1, 0), (21, 102), (34, 102), (47, 0), (3, 47)])
@given(st.integers(0, 9), st.integers(0, 10**6))
def test_some_holds_stay_however_often_and_long(code, subcode, count, since):
    assert released(code=code, subcode=subcode, count=count, since=since) is False


@pytest.mark.parametrize(("code", "subcode"), [(0, 0), (3, 0), (34, 104), (13, 102), (12, 47)])
def test_others_are_released(code, subcode):
    assert released(code=code, subcode=subcode, since=60) is True


def test_the_holds_of_a_person_use_nothing_up():
    assert released(code=12, count=6, since=60, by_person=5) is True
    assert released(code=12, count=6, since=60, by_person=0) is False


SITE = Site.model_validate(
    yaml.safe_load(examples.SITE.format(work_dir="/work", calibrations="/mine"))
)

names = st.from_regex(r"[A-H_][A-H_a-h0-9]{0,9}", fullmatch=True)
texts = (printable | awkward).filter(
    lambda text: not re.search(r"[\u2028\u2029]|\$\(dollar\)", text, re.IGNORECASE)
)


def submitted(kind, site=SITE, **asked):
    """The submit commands of a node kind, as HTCondor reads them."""
    return submitted_by({}, kind, site, **asked)


def submitted_by(standing, kind, site=SITE, **asked):
    """The same, of a calibration with a standing of its own."""
    own = standing | {"nodes": {kind: Resources(**asked)}}
    made = job_kind(kind, examples.calibration().model_copy(update=own), site)
    lines = [f"{name} = {value}" for name, value in made.commands]
    return htcondor2.Submit("\n".join([*lines, *made.submit, ""]))


@given(st.sampled_from(NodeKind), st.dictionaries(names, texts, min_size=1, max_size=4))
def test_a_job_sees_the_environment_that_was_configured(kind, environment):
    read = submitted(kind, environment=environment).expand("environment")
    assert dict(word.split("=", 1) for word in arguments_v2(matched(read))) == environment


@pytest.mark.parametrize("kind", NodeKind)
def test_without_an_environment_none_is_asked_for(kind):
    assert "environment" not in submitted(kind)


ON_MACHINES = [NodeKind.RECO, NodeKind.ALCA, NodeKind.HARVEST]

WISHES = {
    "requirements": 'OpSysMajorVer == 9 && regexp("^lxb.*cern.ch$", Machine)',
    "container_image": "/cvmfs/unpacked.cern.ch/registry.hub.docker.com/cmssw/el8:x86_64",
    "request_gpus": 2,
    "priority": -5,
}


@pytest.mark.parametrize("kind", ON_MACHINES)
def test_what_is_asked_of_a_machine_is_what_htcondor_reads(kind):
    read = submitted(kind, **WISHES, request_disk_mb=500, concurrency_limits=("eos:2", "gpu"))
    assert {name: read.expand(name) for name in WISHES} == {n: str(v) for n, v in WISHES.items()}
    assert read.expand("request_disk") == "500M"
    assert read.expand("concurrency_limits") == "eos:2, gpu"


@pytest.mark.parametrize("kind", NodeKind)
def test_what_is_not_asked_for_is_not_in_the_submit_description(kind):
    wishes = {*WISHES, "concurrency_limits", "request_disk", "accounting_group"} - {"priority"}
    assert not wishes & set(submitted(kind))


def test_what_is_nearer_to_a_payload_goes_first():
    reco, alca, harvest = (int(submitted(kind)["priority"]) for kind in ON_MACHINES)
    assert reco < alca < harvest


@pytest.mark.parametrize("kind", ON_MACHINES)
def test_a_priority_of_all_is_added_to_that_of_the_kind_and_what_is_said_of_the_kind_wins(kind):
    default = int(submitted(kind)["priority"])
    assert int(submitted_by({"priority": 7}, kind)["priority"]) == default + 7
    assert int(submitted_by({"priority": -40}, kind)["priority"]) == default - 40
    assert submitted_by({"priority": 7}, kind, priority=3)["priority"] == "3"
    assert submitted_by({"priority": 7}, kind, priority=0)["priority"] == "0"


@pytest.mark.parametrize("kind", NodeKind)
def test_a_group_of_ones_own_wins_over_the_sites(kind):
    pool = SITE.pool.model_copy(
        update={"accounting_group": "group_ngt.prompt", "accounting_group_user": "loop"}
    )
    site = SITE.model_copy(update={"pool": pool})
    read = submitted_by({"accounting_group": "group_ngt.test"}, kind, site)
    assert (read["accounting_group"], read["accounting_group_user"]) == ("group_ngt.test", "loop")
    read = submitted_by({"accounting_group_user": "strips"}, kind)
    assert read["accounting_group_user"] == "strips"
    assert "accounting_group" not in read


@pytest.mark.parametrize("kind", NodeKind)
def test_the_use_is_counted_for_the_sites_group_unless_a_submit_line_names_another(kind):
    pool = SITE.pool.model_copy(
        update={"accounting_group": "group_ngt.prompt", "accounting_group_user": "loop"}
    )
    site = SITE.model_copy(update={"pool": pool})
    read = submitted(kind, site)
    assert (read["accounting_group"], read["accounting_group_user"]) == ("group_ngt.prompt", "loop")
    other = submitted(kind, site, submit=("accounting_group = group_other",))
    assert other["accounting_group"] == "group_other"
