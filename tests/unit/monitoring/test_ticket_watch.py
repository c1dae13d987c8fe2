"""A ticket that ends soon is a problem of the loop, with the command that renews it."""

from dataclasses import replace

from condorloop.config import credentials
from condorloop.model.problem import ProblemKind
from condorloop.monitoring.ticket_watch import EVERY, TicketWatch
from condorloop.services import kerberos
from condorloop.services.kerberos import NoTicket, Ticket
from tests.unit.examples import START, config

CACHE = "FILE:/run/condorloop/eos.cc"
HOUR = 3600.0


def with_cache(tmp_path):
    loaded = config(tmp_path)
    site = loaded.site.model_copy(update={"environment": {credentials.CACHE: CACHE}})
    return replace(loaded, site=site)


def watched(monkeypatch, loaded, answer, now=START):
    asked = []

    def look(environment=None):
        asked.append(environment)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(kerberos, "look", look)
    watch = TicketWatch()
    watch.look(loaded, now)
    return watch, asked


def test_a_ticket_that_ends_soon_is_told_with_the_command_that_renews_it(tmp_path, monkeypatch):
    ticket = Ticket("ngt@CERN.CH", CACHE, START + 2 * HOUR, START + 100 * HOUR)
    watch, asked = watched(monkeypatch, with_cache(tmp_path), ticket)
    [problem] = watch.problems
    assert problem.kind is ProblemKind.TICKET
    assert problem.text == "the Kerberos ticket of submitter (ngt@CERN.CH) ends in 2 h"
    assert problem.command == f"KRB5CCNAME={CACHE} kinit -R"
    assert asked[0][credentials.CACHE] == CACHE
    assert watch.ends_at == ticket.ends_at


def test_a_ticket_that_cannot_be_renewed_any_more_needs_another(tmp_path, monkeypatch):
    ticket = Ticket("ngt@CERN.CH", CACHE, START - HOUR, START + HOUR)
    watch, _ = watched(monkeypatch, with_cache(tmp_path), ticket)
    assert [p.command for p in watch.problems] == [f"KRB5CCNAME={CACHE} kinit"]


def test_a_configured_cache_without_a_ticket_is_told(tmp_path, monkeypatch):
    watch, _ = watched(monkeypatch, with_cache(tmp_path), NoTicket("no such file"))
    assert [p.text for p in watch.problems] == [
        "the Kerberos ticket of submitter: none: no such file"
    ]
    assert watch.ends_at is None


def test_a_ticket_that_lasts_is_no_problem_and_is_not_asked_for_all_the_time(tmp_path, monkeypatch):
    loaded = with_cache(tmp_path)
    ticket = Ticket("ngt@CERN.CH", CACHE, START + 20 * HOUR, None)
    watch, asked = watched(monkeypatch, loaded, ticket)
    watch.look(loaded, START + EVERY - 1)
    assert (watch.problems, len(asked)) == ((), 1)
    watch.look(loaded, START + EVERY)
    assert len(asked) == 2
