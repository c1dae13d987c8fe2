"""A person is told that the ticket ends, while it is still valid; sites without one are not."""

import pytest

from condorloop.expiring import EVERY, TicketWatch
from condorloop.kerberos import NoTicket, Ticket
from condorloop.problems import of_ticket
from condorloop.site import OmsSite
from condorloop.status import ProblemKind
from tests.unit.examples import START, config

HOUR = 3600.0
CACHE = {"KRB5CCNAME": "FILE:/run/x y"}


@pytest.fixture
def looks(monkeypatch):
    """What klist says from now on, and how often it was asked."""

    class Klist:
        asked, said = 0, Ticket("ngt@CERN.CH", "FILE:/run/x y", START + 24 * HOUR, None)

        def look(self):
            self.asked += 1
            if isinstance(self.said, Exception):
                raise self.said
            return self.said

    klist = Klist()
    monkeypatch.setattr("condorloop.kerberos.look", klist.look)
    return klist


def watch(folder, **changes):
    return TicketWatch(config(folder).site.model_copy(update=changes))


def test_a_site_without_tickets_is_not_asked_for_one(tmp_path, looks):
    ours = watch(tmp_path)
    ours.look(START)
    assert (looks.asked, ours.ends_at, ours.warning) == (0, None, "")
    assert list(of_ticket(ours.warning, ours.command)) == []


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        ({"environment": CACHE}, "KRB5CCNAME='FILE:/run/x y' kinit"),
        ({"oms": OmsSite(url="http://127.0.0.1/agg/api", login="krb")}, "kinit"),
    ],
)
def test_the_ticket_of_a_site_is_told_before_it_ends(tmp_path, looks, changes, command):
    ours = watch(tmp_path, **changes)
    ours.look(START)
    assert (ours.ends_at, ours.warning) == (START + 24 * HOUR, "")
    ours.look(START + 19 * HOUR)
    [problem] = of_ticket(ours.warning, ours.command)
    assert (problem.kind, problem.command) == (ProblemKind.TICKET, command)
    assert problem.text == "the ticket ends in 5 h: ngt@CERN.CH, FILE:/run/x y"
    ours.look(START + 27 * HOUR)
    assert ours.warning.startswith("the ticket ended 3 h ago: ")


def test_a_ticket_that_is_not_there_is_told_and_a_new_one_ends_that(tmp_path, looks):
    ours, there = watch(tmp_path, environment=CACHE), looks.said
    looks.said = NoTicket("klist: no credentials cache")
    ours.look(START)
    assert (ours.ends_at, ours.warning) == (
        None,
        "there is no ticket: klist: no credentials cache",
    )
    looks.said = there
    ours.look(START + EVERY)
    assert (ours.ends_at, ours.warning) == (there.ends_at, "")


def test_the_ticket_is_looked_at_once_a_minute(tmp_path, looks):
    ours = watch(tmp_path, environment=CACHE)
    for second in range(0, int(EVERY), 10):
        ours.look(START + second)
    assert looks.asked == 1
