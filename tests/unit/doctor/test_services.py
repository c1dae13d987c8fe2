"""The doctor on OMS and the conditions service, asked over real HTTP and TLS; and on tickets."""

import http.server
import json
import shutil
import ssl
import subprocess
import threading
import time
from datetime import UTC, datetime
from email.utils import formatdate
from types import MappingProxyType, SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.config import credentials
from condorloop.config.loader import load
from condorloop.config.site import OmsSite
from condorloop.config.tuning import Harvesting
from condorloop.doctor import clock, kerberos, oms, uploads
from condorloop.doctor.certificate import NoCertificate, not_after, valid_until
from condorloop.doctor.checks import Verdict
from condorloop.services.kerberos import ENDS_SOON, NoTicket, Ticket
from condorloop.testbed.oms.rows import OmsRows
from condorloop.testbed.oms.server import OmsServer
from condorloop.testbed.scenario.oms_attributes import LUMISECTIONS, RUNS, usual
from tests.unit.examples import TOP, config, site_file

DAY = 24 * 3600.0
EMPTY = json.dumps({"data": [], "meta": {"fields": {}}}).encode()


class Server:
    """A server on loopback that says what it is told to; with a certificate, over TLS."""

    def __init__(self, certificate=None):
        self.status, self.ahead, self.seen = 200, 0.0, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.seen.append(dict(self.headers))
                self.send_response_only(outer.status)
                self.send_header("Date", formatdate(time.time() + outer.ahead, usegmt=True))
                self.send_header("Content-Length", str(len(EMPTY)))
                self.end_headers()
                self.wfile.write(EMPTY)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "https" if certificate else "http"
        self.port = self._server.server_port
        self.url = f"{scheme}://127.0.0.1:{self.port}/agg/api"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of its own that ends in three days, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl")
    folder = tmp_path_factory.mktemp("certificate")
    files = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "3", "-subj", "/CN=127.0.0.1"]
    command += ["-out", str(files[0]), "-keyout", str(files[1])]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return files


@pytest.fixture
def tls(certificate):
    server = Server(certificate)
    yield server
    server.close()


def looked(site, calibrations=MappingProxyType({})):
    """What each examination of an OMS finds, by name."""
    whole = SimpleNamespace(site=SimpleNamespace(oms=site), calibrations=calibrations)
    return {check.name: check for e in oms.examinations(whole) for check in e.look()}


def test_an_oms_that_answers_is_fine(server):
    found = looked(OmsSite(url=server.url, timeout=5))
    assert found["runs"].verdict is Verdict.FINE
    assert "0 runs" in found["runs"].words
    assert found["certificate"].verdict is Verdict.NOT_NEEDED
    assert found["clock"].verdict is Verdict.FINE


def test_an_oms_that_fails_would_stop_the_loop(server):
    server.status = 503
    check = looked(OmsSite(url=server.url, timeout=5))["runs"]
    assert check.verdict is Verdict.STOPS
    assert "503" in check.words
    assert check.remedy.startswith("curl ")


COUNTING = {"BeamSpot": SimpleNamespace(harvesting=Harvesting(statistic="luminosity"))}


@pytest.fixture
def with_runs():
    """An OMS with a run of two lumisections that began an hour ago."""
    began = datetime.fromtimestamp(time.time() - 3600, UTC)
    run = {"run_number": 398600, "start_time": f"{began:%Y-%m-%dT%H:%M:%SZ}"}
    lumis = ({"run_number": 398600, "lumisection_number": ls} for ls in (1, 2))
    shown = OmsRows([usual(RUNS) | run], [usual(LUMISECTIONS) | these for these in lumis])
    server = OmsServer(lambda: shown)
    server.start()
    yield server
    server.stop()


def test_luminosity_is_looked_at_where_a_calibration_counts_it(with_runs):
    site = OmsSite(url=with_runs.url, timeout=5)
    assert "luminosity" not in looked(site)
    assert "lumisections" not in with_runs.requests
    check = looked(site, COUNTING)["luminosity"]
    assert check.verdict is Verdict.FINE
    assert check.words == "of run 398600, the last one: 0.895 /pb recorded in 2 LS"


def test_an_oms_without_luminosity_is_told_and_does_not_stop_the_loop(with_runs):
    with_runs.faults.inject("http_error", resource="lumisections", status=400)
    check = looked(OmsSite(url=with_runs.url, timeout=5), COUNTING)["luminosity"]
    assert check.verdict is Verdict.WARNING
    assert "lumisections are counted" in check.words
    assert check.remedy.endswith("/v1/lumisections")


@pytest.mark.parametrize("status", [200, 503])
def test_luminosity_of_no_run_cannot_be_looked_at(server, status):
    server.status = status
    check = looked(OmsSite(url=server.url, timeout=5), COUNTING)["luminosity"]
    assert check.verdict is Verdict.NOT_CHECKED


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_certificate_that_ends_soon_is_told_though_nobody_trusts_it(tls):
    found = looked(OmsSite(url=tls.url, timeout=5, verify_certificates=False))
    assert found["runs"].verdict is Verdict.FINE
    assert found["certificate"].verdict is Verdict.WARNING
    assert "that of 127.0.0.1 is valid for 3 d" in found["certificate"].words
    assert f"openssl s_client -connect 127.0.0.1:{tls.port}" in found["certificate"].remedy


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_certificate_that_is_to_be_trusted_and_is_not_would_stop_the_loop(tls):
    check = looked(OmsSite(url=tls.url, timeout=5))["runs"]
    assert check.verdict is Verdict.STOPS
    assert "self-signed certificate" in check.words


def test_where_no_tls_is_spoken_the_certificate_is_not_known(server):
    with pytest.raises(NoCertificate):
        valid_until("127.0.0.1", server.port, 5)
    [check] = oms.certificate(f"https://127.0.0.1:{server.port}/", 5)
    assert check.verdict is Verdict.NOT_CHECKED


@given(st.binary())
def test_any_bytes_are_a_certificate_or_none(data):
    with pytest.raises(NoCertificate):
        not_after(data)


def test_the_end_of_a_certificate_is_the_one_that_openssl_tells(certificate):
    command = ["openssl", "x509", "-in", str(certificate[0]), "-noout", "-enddate"]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    der = ssl.PEM_cert_to_DER_cert(certificate[0].read_text())
    end = ssl.cert_time_to_seconds(told.strip().partition("=")[2])
    assert not_after(der) == end
    with pytest.raises(NoCertificate):
        not_after(der[: len(der) // 2])


@pytest.mark.parametrize(
    ("left", "verdict"),
    [(-1, Verdict.WARNING), (DAY, Verdict.WARNING), (90 * DAY, Verdict.FINE)],
)
def test_a_certificate_is_judged_by_what_is_left_of_it(left, verdict):
    assert oms.judge_certificate("cmsoms.cms", 443, left).verdict is verdict


@pytest.mark.parametrize(
    ("ahead", "verdict", "words"),
    [
        (0, Verdict.FINE, "within"),
        (-300, Verdict.WARNING, "behind ours"),
        (300, Verdict.WARNING, "ahead of ours"),
        (-900, Verdict.STOPS, "behind ours"),
        (3600, Verdict.STOPS, "ahead of ours"),
    ],
)
def test_a_clock_of_oms_that_is_off_is_told(server, ahead, verdict, words):
    server.ahead = ahead
    check = looked(OmsSite(url=server.url, timeout=5))["clock"]
    assert check.verdict is verdict
    assert words in check.words


def test_a_login_page_tells_the_time_as_well(server):
    server.status = 401
    assert looked(OmsSite(url=server.url, timeout=5))["clock"].verdict is Verdict.FINE


def uploads_at(tmp_path, server):
    options = f"[-u, 'http://127.0.0.1:{server.port}/%s/']"
    site = site_file(tmp_path)
    site.write_text(site.read_text() + f"conditions: {{options: {options}}}\n")
    looks = uploads.examinations(load(site, TOP / "calibrationYAML"))
    [service] = [e for e in looks if e.name.startswith("service")]
    return list(service.look())


@pytest.mark.parametrize(
    ("status", "verdict"),
    [(200, Verdict.FINE), (404, Verdict.FINE), (500, Verdict.FINE), (503, Verdict.STOPS)],
)
def test_a_conditions_service_that_says_anything_is_there(tmp_path, server, status, verdict):
    server.status = status
    assert uploads_at(tmp_path, server)[0].verdict is verdict


def test_no_secret_is_sent_to_the_conditions_service(tmp_path, server, monkeypatch):
    (tmp_path / ".netrc").write_text("default login me password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    uploads_at(tmp_path, server)
    [headers] = server.seen
    assert "Authorization" not in headers
    assert "secret" not in str(headers)


def test_a_conditions_service_that_is_not_there_would_stop_the_loop(tmp_path, server):
    server.close()
    [check] = uploads_at(tmp_path, server)
    assert check.verdict is Verdict.STOPS
    assert "Connection refused" in check.words


def test_services_are_those_of_the_databases_and_of_the_options():
    prod, prep = "oracle://cms_orcon_prod/CMS_CONDITIONS", "oracle://cms_orcoff_prep/X"
    assert uploads.services([prod, prod, prep], []) == [
        "https://cms-conddb-prod.cern.ch/cmsDbUpload/",
        "https://cms-conddb-dev.cern.ch/cmsDbUpload/",
    ]
    for options in (["-d", "-u", "http://x/%s/"], ["--urlTemplate=http://x/%s/"]):
        assert uploads.services([prod], options) == ["http://x/cms-conddb-prod.cern.ch/"]
    assert uploads.services(["sqlite:x"], ["-u"]) == []


NETRC = "machine ConditionUploader login me password secret\n"


@pytest.mark.parametrize(
    ("text", "mode", "verdict", "words", "remedy"),
    [
        (NETRC, 0o600, Verdict.FINE, "others cannot read it", ""),
        (NETRC, 0o640, Verdict.FINE, "others cannot read it", ""),
        (NETRC, 0o644, Verdict.STOPS, "as long as everybody may", "chmod o= "),
        (NETRC.replace("Cond", "cond"), 0o600, Verdict.STOPS, "no entry for machine", "EDITOR"),
        ("login me\n", 0o600, Verdict.STOPS, "not a netrc file", "EDITOR"),
        (None, 0o600, Verdict.STOPS, "No such file", "umask 077"),
    ],
)
def test_a_netrc_must_be_there_with_the_machine_and_private(
    tmp_path, text, mode, verdict, words, remedy
):
    file = tmp_path / ".netrc"
    if text is not None:
        file.write_text(text)
        file.chmod(mode)
    [check] = uploads.look_at_netrc(tmp_path)
    assert check.verdict is verdict
    assert words in check.words
    assert remedy in check.remedy
    assert "secret" not in f"{check.words}{check.remedy}"


def test_a_netrc_that_everybody_may_read_is_mended_by_what_to_type(tmp_path):
    folder = tmp_path / "with blank"
    folder.mkdir()
    (folder / ".netrc").write_text(NETRC)
    (folder / ".netrc").chmod(0o644)
    [check] = uploads.look_at_netrc(folder)
    subprocess.run(["sh", "-c", check.remedy], check=True, timeout=60)
    [check] = uploads.look_at_netrc(folder)
    assert check.verdict is Verdict.FINE


def judged(ticket, cache="", needed=False):
    return kerberos.judge("ticket", ticket, 0.0, cache, needed, "eoscms.cern.ch")


def ticket(left, renewable=None):
    return Ticket("sakura@CERN.CH", "FILE:/tmp/cc", left, renewable)


@pytest.mark.parametrize(
    ("found", "verdict", "words", "remedy"),
    [
        (ticket(24 * 3600, 5 * DAY), Verdict.FINE, "renewable for 5 d", ""),
        (ticket(24 * 3600), Verdict.FINE, "cannot be renewed", ""),
        (ticket(ENDS_SOON - 60, 5 * DAY), Verdict.WARNING, "ends in 6 h", "kinit -R"),
        (ticket(ENDS_SOON - 60), Verdict.WARNING, "ends in 6 h", "kinit"),
        (ticket(20 * 3600, 20 * 3600), Verdict.WARNING, "renewable for 20 h", "keytab"),
        (ticket(-3600, 5 * DAY), Verdict.WARNING, "ended 60 min ago", "kinit"),
        (NoTicket("klist: No credentials cache found"), Verdict.WARNING, "may ask", "kinit"),
    ],
)
def test_a_ticket_is_judged_by_its_end_and_how_long_it_can_be_renewed(
    found, verdict, words, remedy
):
    check = judged(found)
    assert check.verdict is verdict
    assert words in check.words
    assert remedy in check.remedy


def test_what_has_ended_is_not_to_be_renewed():
    assert "-R" not in judged(ticket(-1, 5 * DAY)).remedy


@pytest.mark.parametrize("found", [ticket(-1), NoTicket("no cache")])
def test_where_nothing_goes_without_a_ticket_its_lack_would_stop_the_loop(found):
    check = judged(found, cache="FILE:/run/my eos.cc", needed=True)
    assert check.verdict is Verdict.STOPS
    assert check.remedy == "KRB5CCNAME='FILE:/run/my eos.cc' kinit"


def test_a_site_on_this_machine_needs_no_ticket(tmp_path):
    [examination] = kerberos.examinations(config(tmp_path))
    [check] = examination.look()
    assert check.verdict is Verdict.NOT_NEEDED
    assert "storage is on this machine" in check.words


def test_each_cache_that_is_configured_is_looked_at(tmp_path):
    site = site_file(tmp_path)
    nodes = "{RECO: {environment: {KRB5CCNAME: 'FILE:/run/eos.cc'}}}"
    site.write_text(
        site.read_text().replace("127.0.0.1:2", "eoscms.cern.ch")
        + f"environment: {{KRB5CCNAME: 'FILE:/run/own.cc'}}\ndefaults: {{nodes: {nodes}}}\n"
    )
    loaded = load(site, TOP / "calibrationYAML")
    names = {e.name for e in kerberos.examinations(loaded)}
    assert set(credentials.caches(loaded)) == {"FILE:/run/eos.cc", "FILE:/run/own.cc"}
    assert names == {"ticket: submitter", "ticket: BeamSpot RECO + 2"}


NORMAL = """\
Reference ID    : 898A0101 (ip-time-1.cern.ch)
Stratum         : 3
System time     : 0.000021 seconds slow of NTP time
Leap status     : Normal
"""


@pytest.mark.parametrize(
    ("kernel", "chrony", "verdict"),
    [
        (True, None, Verdict.FINE),
        (False, NORMAL, Verdict.FINE),
        (False, NORMAL.replace("Normal", "Not synchronised"), Verdict.WARNING),
        (True, "506 Cannot talk to daemon\n", Verdict.FINE),
        (False, None, Verdict.WARNING),
        (None, None, Verdict.NOT_CHECKED),
    ],
)
def test_a_clock_that_nothing_keeps_right_is_told(kernel, chrony, verdict):
    assert clock.judge(kernel, chrony).verdict is verdict


def test_the_kernel_of_this_machine_can_be_asked():
    elsewhere = SimpleNamespace(site=SimpleNamespace(oms=OmsSite(url="https://cmsoms.cms/agg/api")))
    [examination] = clock.examinations(elsewhere)
    [check] = examination.look()
    assert check.verdict in (Verdict.FINE, Verdict.WARNING)
