"""What the soak's operator sees in ``status.json``."""

from dataclasses import replace

from condorloop.model.queue import HELD_BY_PERSON, QueuedDag
from condorloop.model.status import Status
from condorloop.monitoring.problems.queue import of_queue
from condorloop.monitoring.status_file import to_json
from tests.soak.operator import runs_on_hold
from tests.unit.examples import KEY


def test_a_dagman_that_is_held_in_a_campaign_that_is_not_is_seen():
    """So it is when a ledger was rebuilt meanwhile: it does not know who holds what."""
    why = "condorloop: held by alice"
    dag = QueuedDag("1/0", KEY, 0, 67, why, {}, hold_code=HELD_BY_PERSON, batch=0)
    calm = Status(site="soak", time=0.0, pid=1, poll_interval=10.0)
    held = replace(calm, problems=tuple(of_queue([dag], [], 0)))
    assert runs_on_hold(to_json(held)) == {KEY.run}
    assert runs_on_hold(to_json(calm)) == set()
