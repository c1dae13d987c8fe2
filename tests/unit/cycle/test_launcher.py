"""A DAG that the schedd does not take is told from a schedd that takes none."""

import pytest

from condorloop.cycle.launcher import Launcher
from condorloop.cycle.settings import Settings
from condorloop.dagman.schedd.client import ScheddUnavailable
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import Batch, CampaignKey
from condorloop.model.enums import DagState
from condorloop.runtime.ownership import Untrusted
from condorloop.runtime.shutdown import Shutdown
from condorloop.runtime.wakeup import Wakeup
from tests.unit.dag_plans import own_batch
from tests.unit.examples import KEY, RUN, START, config, raw_file
from tests.unit.express import STREAM
from tests.unit.runtime.accounts_of_others import STRANGER, give, needs_root
from tests.unit.shared_examples import ALI, GAINS, shared_config


class Choosy:
    """A schedd that refuses the DAGs of some names."""

    def __init__(self):
        self.refuses = set()
        self.taken = []

    def submit(self, dag_file, batch_name):
        if dag_file.parent.name in self.refuses:
            raise ScheddUnavailable(f"submitting {dag_file.name}: bad attribute")
        self.taken.append(batch_name)
        return 100 + len(self.taken)


class Site:
    """A campaign, and who submits its DAGs."""

    def __init__(self, folder):
        self.config = config(folder)
        self.config.site.work_dir.mkdir()
        self.ledger = Ledger(self.config.site.work_dir / "condorloop.db", "ledger")
        self.schedd = Choosy()
        self.ledger.campaigns.latch(KEY, "/eos", RUN, "running", START)
        settings = Settings(self.config, "ledger")
        self.launcher = Launcher(self.ledger, settings, self.schedd, Shutdown(Wakeup()))

    def submit(self, number):
        calibration = self.config.calibrations[KEY.calibration]
        file = raw_file(number, number + 1, number + 1)
        plan = own_batch(KEY, calibration, Batch(number, (file,)), number, number)
        [campaign] = self.ledger.campaigns.of_run(KEY.run, KEY.calibration)
        self.launcher.carry_out([campaign], plan, "a test", START)

    def submit_again(self, number):
        self.launcher.submit_planned(self.reconstruction, self.dags[number], START)

    @property
    def reconstruction(self):
        [found] = self.ledger.campaigns.reconstructions({})
        return found

    @property
    def dags(self):
        return self.reconstruction.dags


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    yield site
    site.ledger.close()


def test_a_schedd_that_takes_nothing_refuses_no_dag(site):
    site.schedd.refuses = {"dag000", "dag001"}
    site.submit(0)
    site.submit(1)
    assert [(d.state, d.refused, d.moves) for d in site.dags] == [(DagState.PLANNED, "", True)] * 2
    assert site.launcher.service.error


def test_a_dag_is_refused_when_the_schedd_takes_others(site):
    site.schedd.refuses = {"dag000"}
    site.submit(0)
    site.submit(1)
    refused, taken = site.dags
    assert "bad attribute" in refused.refused
    assert not refused.moves
    assert taken.state is DagState.ACTIVE


def test_a_dag_that_was_refused_is_no_longer_when_it_is_taken(site):
    site.schedd.refuses = {"dag000"}
    site.submit(0)
    site.submit(1)
    site.schedd.refuses = set()
    site.submit_again(0)
    assert all(d.state is DagState.ACTIVE and not d.refused for d in site.dags)


def test_a_dag_that_goes_on_without_an_input_waits_for_its_calibration(site):
    site.submit(0)
    [dag] = site.dags
    site.ledger.dags.ended(dag.id, [], START)
    site.ledger.dags.plan_rescue(dag.id, {"RECO_0000": ["/eos/cms/f0000.root"]})
    known = dict(site.config.calibrations)
    site.config.calibrations.clear()
    site.submit_again(0)
    assert len(site.schedd.taken) == 1
    site.config.calibrations.update(known)
    site.submit_again(0)
    assert len(site.schedd.taken) == 2


@pytest.mark.parametrize("path", ["dag000", "dag000/node.sh", "."])
def test_a_dag_that_another_account_could_change_is_neither_rewritten_nor_submitted(site, path):
    site.schedd.refuses = {"dag000"}
    site.submit(0)
    place = site.launcher.renderer.run_dir(KEY) / path
    place.chmod(place.stat().st_mode | 0o002)
    site.schedd.refuses = set()
    with pytest.raises(Untrusted, match=f"{place}.*chmod o-w"):
        site.submit_again(0)
    assert site.schedd.taken == []
    place.chmod(place.stat().st_mode & ~0o002)
    site.submit_again(0)
    assert len(site.schedd.taken) == 1


@needs_root
def test_no_dag_is_written_into_a_run_directory_of_another_account(site):
    runs = site.launcher.renderer.run_dir(KEY)
    runs.mkdir(parents=True)
    give(runs)
    with pytest.raises(Untrusted, match=f"owner uid {STRANGER}"):
        site.submit(0)
    assert list(runs.iterdir()) == []
    assert site.dags == ()


def test_a_number_is_free_if_no_calibration_of_the_stream_has_a_harvest_of_it(tmp_path):
    """The directory of the DAG that made it is gone, and the ledger does not know it."""
    shared = shared_config(tmp_path)
    shared.site.work_dir.mkdir()
    with Ledger(shared.site.work_dir / "condorloop.db", "ledger") as ledger:
        ledger.campaigns.latch(CampaignKey(ALI, RUN.number), "/eos", RUN, "", START, stream=STREAM)
        launcher = Launcher(ledger, Settings(shared, "ledger"), Choosy(), Shutdown(Wakeup()))
        made = launcher.renderer.run_dir(CampaignKey(GAINS, RUN.number)) / "harvestJob003"
        made.mkdir(parents=True)
        [campaign] = ledger.campaigns.of_run(RUN.number, ALI)
        assert launcher.next_numbers(campaign, []) == (4, 0, 0)
