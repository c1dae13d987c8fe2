"""A DAG that calibrations share goes on when one of them is switched off meanwhile."""

from dataclasses import replace

import pytest

from condorloop.cycle.launcher import Launcher
from condorloop.cycle.settings import Settings
from condorloop.dagman.plan import planned_nodes
from condorloop.dagman.render import Renderer
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import CampaignKey, Probe
from condorloop.model.enums import FileState, NodeKind
from condorloop.model.jobs import FailedNode
from condorloop.rundir.layout import MANIFEST, dag_dir
from condorloop.rundir.records.manifest import Manifest
from condorloop.runtime.shutdown import Shutdown
from condorloop.runtime.wakeup import Wakeup
from tests.unit.examples import RUN, START, raw_file
from tests.unit.express import STREAM, express_config
from tests.unit.shared_examples import EXPRESS, SHARING, shared_batch


class Taking:
    """A schedd that takes every DAG."""

    def __init__(self):
        self.taken = []

    def submit(self, dag_file, batch_name):
        self.taken.append(batch_name)
        return len(self.taken)


@pytest.fixture
def failed(tmp_path):
    """A ledger with a batch of three calibrations, one of whose two files is given up."""
    everybody = express_config(SHARING, tmp_path / "all")
    everybody.site.work_dir.mkdir()
    renderer = Renderer(everybody, everybody.site.work_dir, "ledger")
    with Ledger(everybody.site.work_dir / "condorloop.db", "ledger") as ledger:
        for name in SHARING:
            key = CampaignKey(name, RUN.number)
            ledger.campaigns.latch(key, "/eos", RUN, "running", START, stream=STREAM)
            renderer.begin_run(key, START, EXPRESS)
        file = raw_file(0, 1, 5)
        ledger.raw_files.add("/eos", RUN.number, {file.path: file.size}, START)
        ledger.raw_files.probed(file.path, FileState.GOOD, Probe(file.lumis, file.events), START)
        plan = shared_batch(everybody)
        renderer.write(plan)
        [of] = ledger.campaigns.reconstructions({})
        nodes = planned_nodes(plan)
        dag = ledger.dags.plan(of.id, 0, 0, nodes, "files", START, made_for=plan.made_for)
        ledger.dags.submitted(dag, 1, START)
        ledger.dags.ended(dag, [FailedNode("RECO_0000")], START)
        ledger.dags.plan_rescue(dag, {"RECO_0000": [file.path]})
        yield ledger, renderer


def test_what_is_left_of_it_is_submitted_again_without_the_one_that_is_switched_off(failed):
    ledger, renderer = failed
    [of] = ledger.campaigns.reconstructions({})
    fewer = express_config(SHARING[1:], renderer.work_dir.parent / "fewer")
    site = fewer.site.model_copy(update={"work_dir": renderer.work_dir})
    settings = Settings(replace(fewer, site=site), "ledger")
    schedd = Taking()
    launcher = Launcher(ledger, settings, schedd, Shutdown(Wakeup()))
    launcher.submit_planned(of, of.dags[0], START + 60)
    assert schedd.taken == [f"{EXPRESS} b000"]
    told = Manifest.read(dag_dir(renderer.run_dir(EXPRESS), 0) / MANIFEST)
    assert not told.files
    harvests = {n.calibration for n in told.nodes.values() if n.kind is NodeKind.HARVEST}
    assert harvests >= set(SHARING[1:])
