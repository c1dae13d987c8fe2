"""A DAG that calibrations share, by a real DAGMan: each HARVEST has inputs of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from condorloop.config.loader import Config, load
from condorloop.dagman.rerender import renew
from tests.pool.dags import Site, wait
from tests.unit.express import write_calibrations
from tests.unit.shared_examples import COMBINED, EXPRESS, SHARING, shared_batch

NODE = """\
echo "$@" >> scripts.said
[ "$1" != inputs ] || mkdir -p "$2.inputs/inputs/$2"
[ "$1" != inputs ] || echo "$2" > "$2.inputs/inputs.txt"
[ "$1" != finish ] || exit "$3"
"""
HARVEST = """\
mkdir "$1"
[ -d "inputs/$1" ] && [ "$(cat inputs.txt)" = "$1" ] || exit 1
"""
MAKES = 'mkdir "$1"'


class SharedSite(Site):
    """A site whose calibrations share the stream Express."""

    def _load(self, site: Path) -> Config:
        return load(site, write_calibrations(site.parent, SHARING))


@pytest.fixture
def site(tmp_path, pool):
    small = {"request_cpus": 1, "request_memory_mb": 64}
    kinds = ("RECO", "ALCA", "HARVEST")
    site = SharedSite(tmp_path, pool, nodes=dict.fromkeys(kinds, small))
    yield site
    site.close()


def ended(dag):
    """Wait for the end of a DAG, and give what its scripts were told."""
    wait(lambda: dag.queued() is None)
    return (dag.file.parent / "scripts.said").read_text().splitlines()


def test_each_harvest_and_upload_runs_with_what_is_its_own(site):
    scripts = {"node": NODE, "reco": MAKES, "alca": MAKES, "harvest": HARVEST}
    dag = site.submit(shared_batch(site.config), scripts)
    said = ended(dag)
    for calibration in SHARING:
        assert f"inputs HARVEST_{calibration}" in said
        assert f"finish HARVEST_{calibration} 0" in said
        assert f"upload UPLOAD_{calibration}" in said
    assert {name.split("_")[0] for name in dag.done()} == {"RECO", "ALCA", "HARVEST", "UPLOAD"}


def test_a_calibration_that_is_taken_out_is_done_without_a_job(site):
    plan = shared_batch(site.config)
    renderer = site.renderer
    renderer.write(plan)
    renew(renderer, EXPRESS, 0, {}, without=[COMBINED])
    scripts = {"node": NODE, "reco": MAKES, "alca": MAKES, "harvest": HARVEST}
    said = ended(site.start(plan, scripts))
    assert not [line for line in said if COMBINED in line.split("_")[1:]]
    assert f"upload UPLOAD_{SHARING[0]}" in said
