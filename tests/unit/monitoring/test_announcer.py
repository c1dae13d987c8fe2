"""A running submitter tells metrics and messages, and neither holds it up."""

import itertools
import socket
import threading
from dataclasses import replace
from http.server import ThreadingHTTPServer
from urllib.request import urlopen

import pytest
import yaml
from pydantic import ValidationError

from condorloop.config.site import Site
from condorloop.ledger.store import Ledger
from condorloop.services.oms import OmsUnavailable
from condorloop.submitter import build_submitter
from tests.unit import examples
from tests.unit.monitoring.test_metrics import samples
from tests.unit.monitoring.test_transports import Hook, serving
from tests.unit.runtime.test_systemd import Quiet


def site_with(folder, **keys):
    examples.site_file(folder)
    data = yaml.safe_load((folder / "site.yaml").read_text())
    return Site.model_validate(data | {"poll_interval": 0.001} | keys)


def run_submitter(site, at_poll):
    """Run the submitter; at the polls it does what the test says, and stops at the last."""
    known = examples.config(site.work_dir.parent)
    config = replace(known, site=site)
    site.work_dir.mkdir(exist_ok=True)
    with Ledger(site.work_dir / "condorloop.db") as ledger:
        quiet = Quiet(itertools.chain(at_poll, [lambda: submitter.stop()]))
        submitter = build_submitter(config, ledger, ports=quiet.world())
        try:
            submitter.run()
        finally:
            submitter.close()


def silent():
    raise OmsUnavailable("connection refused")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def test_a_running_submitter_is_scraped(tmp_path):
    address, got = f"127.0.0.1:{free_port()}", []

    def scrape():
        with urlopen(f"http://{address}/metrics", timeout=10) as answer:
            got.append(samples(answer.read().decode()))

    file = tmp_path / "condorloop.prom"
    metrics = {"listen": address, "textfile": str(file)}
    run_submitter(site_with(tmp_path, metrics=metrics), [lambda: None, scrape, silent, scrape])
    up = [each["condorloop_service_up", "OMS"] for each in got]
    assert up == [1, 0]
    assert got[1]["condorloop_cycle_duration_seconds_count",] == 3
    assert samples(file.read_text())["condorloop_cycle_duration_seconds_count",] == 4


def test_a_webhook_that_hangs_keeps_the_submitter_from_neither_cycling_nor_ending(tmp_path):
    secret = tmp_path / "webhook"
    secret.touch(0o600)
    messages = {"webhook_file": str(secret), "after": 0}
    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as hook, serving(hook):
        hook.posts, hook.code, hook.may_answer = [], 200, threading.Event()
        secret.write_text(f"http://127.0.0.1:{hook.server_port}/x")
        run_submitter(site_with(tmp_path, messages=messages), [silent] * 20)
        assert hook.posts == []
        hook.may_answer.set()


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ({"metrics": {"listen": "127.0.0.1"}}, "metrics.listen"),
        ({"metrics": {"listen": "127.0.0.1:99999"}}, "metrics.listen"),
        ({"metrics": {"listen": "example.org:80"}}, "metrics.listen"),
        ({"metrics": {"textfile": "x.prom"}}, "metrics"),
        ({"metrics": {"textfile": "/x.txt"}}, "metrics"),
        ({"messages": {}}, "messages"),
        ({"messages": {"webhook_file": "/x", "kinds": ["bad_file"]}}, "messages.kinds.0"),
        ({"messages": {"webhook_file": "/x", "reminder": 0}}, "messages.reminder"),
        ({"messages": {"mail": {"to": [], "from": "a@b.ch"}}}, "messages.mail.to"),
        (
            {"messages": {"mail": {"to": ["a@b.ch", "a\nb@c"], "from": "a@b.ch"}}},
            "messages.mail.to.1",
        ),
    ],
)
def test_a_key_that_makes_no_sense_is_named(tmp_path, keys, wrong):
    with pytest.raises(ValidationError) as raised:
        site_with(tmp_path, **keys)
    assert {".".join(map(str, e["loc"])) for e in raised.value.errors()} == {wrong}


@pytest.mark.parametrize("address", ["127.0.0.1:9105", "[::1]:9105", "localhost:1"])
def test_an_address_of_this_machine_is_taken(tmp_path, address):
    assert site_with(tmp_path, metrics={"listen": address}).metrics.listen == address


def test_the_example_of_the_page_and_of_the_shipped_site_are_valid(tmp_path):
    page = (examples.TOP / "docs" / "monitoring.md").read_text()
    example = page.split("```yaml\n", 1)[1].split("```", 1)[0]
    shipped = (examples.TOP / "sites" / "calibration-node.yaml").read_text()
    commented = "\n".join(
        line.removeprefix("# ")
        for line in shipped.splitlines()
        if line.startswith(("# metrics", "# messages", "#   "))
    )
    for text in (example, commented):
        site = site_with(tmp_path, **yaml.safe_load(text))
        assert site.metrics.listen
        assert site.messages.mail.sender == "ngt@cern.ch"
