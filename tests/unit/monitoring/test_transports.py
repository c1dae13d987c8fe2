"""Messages leave by real servers, hold up nobody, and are remembered by the ledger."""

import json
import logging
import socketserver
import threading
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from condorloop.config.site import MailSite
from condorloop.ledger.store import Ledger, LedgerError
from condorloop.model.notification import Notified
from condorloop.model.problem import Problem, ProblemKind
from condorloop.monitoring.notifications import sender
from condorloop.monitoring.notifications.policy import Item, Message, Rules
from condorloop.monitoring.notifications.sender import Sender
from condorloop.monitoring.notifications.transports import Mail, NotSent, Webhook
from tests.unit.examples import START, campaign_status, loop_status

SECRET = "xgi6bd9k1tdqz8o4"
OMS = Problem(
    ProblemKind.SERVICE,
    "OMS does not answer: <!channel> `@all",
    "condorloop doctor",
    service="OMS",
)
MESSAGE = Message(
    site="here",
    time=START,
    new={OMS.topic: Item(OMS.text, OMS.command, START)},
    lasting={},
    over={},
    left={},
    all_well=False,
)
WANTED = Rules(0.0, 3600.0, frozenset(ProblemKind))


@contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.may_answer.wait(20)
        self.server.posts.append((self.path, self.headers["Content-Type"], json.loads(body)))
        self.send_response(self.server.code)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def hook():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.posts, server.code, server.may_answer = [], 200, threading.Event()
    server.may_answer.set()
    with serving(server):
        yield server
        server.may_answer.set()


class Smtp(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as a client without a login needs."""

    def handle(self):
        self.say("220 here")
        while line := self.rfile.readline().decode().strip():
            verb = line.split(":")[0].upper()
            if verb == "DATA":
                self.say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.mails.append(b"".join(lines))
                self.say("250 taken")
            elif verb == "RCPT TO" and any(name in line for name in self.server.unknown):
                self.say("550 no such user")
            else:
                self.say("221 bye" if verb == "QUIT" else "250 fine")

    def say(self, line):
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def smtp():
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Smtp)
    server.daemon_threads, server.mails, server.unknown = True, [], ()
    with serving(server):
        yield server


@pytest.fixture
def webhook(tmp_path, hook):
    file = tmp_path / "webhook"
    file.write_text(f"http://127.0.0.1:{hook.server_port}/hooks/{SECRET}\n")
    file.chmod(0o640)
    return Webhook(file)


def mail(smtp, *to):
    port = smtp.server_address[1]
    site = {"to": to, "from": "ngt@cern.ch", "server": "127.0.0.1", "port": port}
    return Mail(MailSite.model_validate(site))


def test_a_webhook_gets_a_text(hook, webhook):
    webhook.send(MESSAGE)
    [(path, kind, body)] = hook.posts
    assert (path, kind) == (f"/hooks/{SECRET}", "application/json")
    assert body["text"].startswith("*condorloop at here: problems: 1 new*\n")
    assert "`condorloop doctor`" in body["text"]
    assert not set("<>@") & set(body["text"])


@pytest.mark.parametrize("code", [301, 400, 404, 500])
def test_what_a_webhook_does_not_take_is_not_sent_and_its_address_is_not_told(hook, webhook, code):
    hook.code = code
    with pytest.raises(NotSent, match=rf"^127\.0\.0\.1: HTTP {code}$"):
        webhook.send(MESSAGE)
    assert len(hook.posts) == 1


def test_a_server_that_is_not_there_is_named_without_the_address(webhook, hook):
    hook.shutdown()
    hook.server_close()
    with pytest.raises(NotSent) as raised:
        webhook.send(MESSAGE)
    assert str(raised.value) == "127.0.0.1: Connection refused"


@pytest.mark.parametrize(
    ("text", "mode", "wrong"),
    [
        ("http://127.0.0.1/x", 0o644, "not used as long as everybody may: chmod o= "),
        ("", 0o600, "holds no address"),
        ("ftp://127.0.0.1/x", 0o600, "holds no address"),
        (f"https://[{SECRET}", 0o600, "holds no address"),
        ("https://a.b/x y", 0o600, "holds no address"),
        (f"https://{'a' * 70}.b/{SECRET}", 0o600, "aaaa"),
    ],
)
def test_a_file_that_is_no_place_for_an_address_or_holds_none_is_named(tmp_path, text, mode, wrong):
    file = tmp_path / "webhook"
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(NotSent, match=wrong) as raised:
        Webhook(file).send(MESSAGE)
    assert SECRET not in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NotSent, match="webhook: No such file"):
        Webhook(tmp_path / "webhook").send(MESSAGE)


def test_mail_has_the_text_and_says_that_no_person_wrote_it(smtp):
    mail(smtp, "a@cern.ch", "b@cern.ch").send(MESSAGE)
    [raw] = smtp.mails
    got = message_from_bytes(raw, policy=policy.default)
    assert got["Subject"] == "condorloop at here: problems: 1 new"
    assert (got["From"], got["To"]) == ("ngt@cern.ch", "a@cern.ch, b@cern.ch")
    assert got["Auto-Submitted"] == "auto-generated"
    assert "- OMS does not answer: <!channel> `@all (since 2026-09-21 14:13 UTC)" in (
        got.get_content()
    )


def test_a_recipient_who_is_not_known_does_not_keep_others_from_being_told(smtp, caplog):
    smtp.unknown = ("gone",)
    mail(smtp, "gone@cern.ch", "b@cern.ch").send(MESSAGE)
    assert len(smtp.mails) == 1
    with pytest.raises(NotSent, match="no such user"):
        mail(smtp, "gone@cern.ch").send(MESSAGE)


def test_a_mail_server_that_is_not_there_is_named(smtp):
    smtp.shutdown()
    smtp.server_close()
    with pytest.raises(NotSent, match=r"127\.0\.0\.1:\d+: .*refused"):
        mail(smtp, "a@cern.ch").send(MESSAGE)


@pytest.fixture
def ledger(tmp_path):
    with Ledger(tmp_path / "condorloop.db") as ledger:
        yield ledger


def status(problems, now):
    return loop_status(campaign_status(), time=now, problems=tuple(problems))


def look(ours, problems, now):
    """Let a cycle pass, and wait until what it sent has arrived or failed."""
    ours.look(status(problems, now))
    if ours._on_its_way:
        ours._on_its_way[1].exception(timeout=20)
        ours.look(status(problems, now))


def test_a_restart_repeats_nothing_and_the_end_is_still_told(hook, webhook, ledger):
    look(Sender(webhook, WANTED, ledger.notifications), [OMS], START)
    look(Sender(webhook, WANTED, ledger.notifications), [OMS], START + 10)
    assert len(hook.posts) == 1
    look(Sender(webhook, WANTED, ledger.notifications), [], START + 20)
    assert "all well again" in hook.posts[1][2]["text"]
    look(Sender(webhook, WANTED, ledger.notifications), [], START + 30)
    assert len(hook.posts) == 2
    assert ledger.notifications.told("webhook") == {}


def test_a_failure_is_one_line_and_the_message_comes_when_it_can(hook, webhook, ledger, caplog):
    caplog.set_level(logging.INFO, "condorloop")
    ours = Sender(webhook, WANTED, ledger.notifications)
    hook.code = 500
    for second in range(5):
        look(ours, [OMS], START + second)
    assert len([r for r in caplog.records if "HTTP 500" in r.getMessage()]) == 1
    hook.code = 200
    look(ours, [OMS], START + 10)
    assert "messages by webhook work again" in caplog.messages
    sent = len(hook.posts)
    look(ours, [OMS], START + 20)
    assert len(hook.posts) == sent
    assert SECRET not in caplog.text


def test_a_server_that_is_slow_holds_up_no_cycle(hook, webhook, ledger):
    hook.may_answer.clear()
    ours = Sender(webhook, WANTED, ledger.notifications)
    for second in range(20):
        ours.look(status([OMS], START + second))
    assert hook.posts == []
    hook.may_answer.set()
    look(ours, [OMS], START + 30)
    assert len(hook.posts) == 1


def test_a_server_that_never_answers_is_given_up(hook, webhook, ledger, monkeypatch, caplog):
    monkeypatch.setattr(sender, "LONGEST", 0.1)
    hook.may_answer.clear()
    look(Sender(webhook, WANTED, ledger.notifications), [OMS], START)
    assert "no whole answer in 0.1 s" in caplog.text


def test_each_way_of_telling_has_a_memory_of_its_own(hook, webhook, smtp, ledger):
    hook.code = 500
    both = [Sender(way, WANTED, ledger.notifications) for way in (webhook, mail(smtp, "a@cern.ch"))]
    for second in range(3):
        for ours in both:
            look(ours, [OMS], START + second)
    assert len(smtp.mails) == 1
    assert [t.told_at for t in ledger.notifications.told("mail").values()] == [START]
    assert [t.told_at for t in ledger.notifications.told("webhook").values()] == [None]


def test_a_ledger_that_cannot_be_written_keeps_nobody_from_being_told(hook, webhook, ledger):
    class Full:
        told = ledger.notifications.told

        def remember(self, way, memory):
            raise LedgerError("disk full")

    ours = Sender(webhook, WANTED, Full())
    for second in range(3):
        look(ours, [OMS], START + second)
    assert len(hook.posts) == 1


def test_the_ledger_remembers_each_problem_of_a_way(ledger):
    memory = {"disk|||": Notified("full", START, START + 1), "held|x|1|": Notified("held", START)}
    ledger.notifications.remember("mail", memory)
    ledger.notifications.remember("mailbox", {"disk|||": Notified("other", START)})
    assert ledger.notifications.told("mail") == memory
    ledger.notifications.remember("mail", {"disk|||": Notified("full", START, START + 9)})
    assert ledger.notifications.told("mail") == {"disk|||": Notified("full", START, START + 9)}
    assert ledger.notifications.told("mailbox") == {"disk|||": Notified("other", START)}
