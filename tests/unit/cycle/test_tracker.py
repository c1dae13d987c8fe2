"""A run directory that a person deletes is begun again; one that retention removes is not."""

import shutil

import pytest

from condorloop.cycle.isolation import Isolation
from condorloop.cycle.launcher import Launcher
from condorloop.cycle.settings import Settings
from condorloop.cycle.tracker import Tracker
from condorloop.dagman.plan import planned_nodes
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey
from condorloop.model.enums import Artifact, CampaignState
from condorloop.model.queue import Queued
from condorloop.rundir.layout import RUN_START
from condorloop.runtime.shutdown import Shutdown
from condorloop.runtime.wakeup import Wakeup
from tests.unit.examples import RUN, START
from tests.unit.express import STREAM
from tests.unit.shared_examples import EXPRESS, SHARING, shared_batch, shared_config


class Empty:
    """A schedd that has no DAG."""

    def queued(self):
        return Queued()

    def history(self, cluster, since):
        return None


@pytest.mark.parametrize(("removed", "begun"), [(1, True), (len(SHARING), False)])
def test_the_directory_of_a_stream_is_begun_again_unless_all_that_share_it_were_removed(
    tmp_path, removed, begun
):
    config = shared_config(tmp_path)
    config.site.work_dir.mkdir()
    with Ledger(config.site.work_dir / "condorloop.db", "ledger") as ledger:
        for name in SHARING:
            key = CampaignKey(name, RUN.number)
            ledger.campaigns.latch(key, "/eos", RUN, "", START, stream=STREAM)
        campaigns = ledger.campaigns.of_run(RUN.number, None)
        plan = shared_batch(config)
        mine = campaigns[0].reconstruction_id
        ledger.dags.plan(mine, 0, 0, planned_nodes(plan), "", START, made_for=SHARING)
        for campaign in campaigns[:removed]:
            ledger.campaigns.set_state(campaign.id, CampaignState.COMPLETE, "", START)
            ledger.campaigns.set_cleaned(campaign.id, Artifact.RUNS)
        settings, shutdown = Settings(config, "ledger"), Shutdown(Wakeup())
        launcher = Launcher(ledger, settings, Empty(), shutdown)
        tracker = Tracker(ledger, settings, Empty(), launcher, shutdown, Isolation())
        runs = launcher.renderer.run_dir(EXPRESS)
        shutil.rmtree(runs, ignore_errors=True)
        tracker.observe([ledger.campaigns.reconstruction(mine)], START)
        assert (runs / RUN_START).exists() == begun
