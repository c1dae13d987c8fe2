"""What klist prints, as MIT's printed it for tickets of a real KDC; and a klist that fails."""

import os
import stat
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.services.kerberos import ENDS_SOON, NoTicket, Ticket, look, parse_klist, ticket

RENEWABLE = """\
Ticket cache: FILE:/tmp/krb5cc_1000
Default principal: sakura@CERN.CH

Valid starting     Expires            Service principal
11/24/26 02:31:03  11/25/26 03:31:03  krbtgt/CERN.CH@CERN.CH
\trenew until 11/29/26 02:31:03
11/24/26 02:31:04  11/25/26 03:31:03  host/eoscms.cern.ch@CERN.CH
\trenew until 11/29/26 02:31:03
"""

NOT_RENEWABLE = """\
Ticket cache: KCM:1000:52101
Default principal: sakura@CERN.CH

Valid starting     Expires            Service principal
11/24/26 02:31:03  11/24/26 12:31:03  krbtgt/CERN.CH@CERN.CH
11/24/26 02:31:04  11/25/26 03:31:03  host/eoscms.cern.ch@CERN.CH
"""


def seconds(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_a_renewable_ticket_tells_its_end_and_until_when_it_can_be_renewed():
    found = parse_klist(RENEWABLE)
    assert found.principal == "sakura@CERN.CH"
    assert found.cache == "FILE:/tmp/krb5cc_1000"
    assert found.ends_at == seconds("2026-11-25 03:31:03")
    assert found.renew_until == seconds("2026-11-29 02:31:03")


def test_of_a_ticket_that_cannot_be_renewed_a_services_ticket_gives_no_later_end():
    found = parse_klist(NOT_RENEWABLE)
    assert found.cache == "KCM:1000:52101"
    assert found.ends_at == seconds("2026-11-24 12:31:03")
    assert found.renew_until is None


def test_the_own_realms_ticket_counts_and_not_another_realms():
    other = "11/24/26 02:31:03  11/26/26 03:31:03  krbtgt/FNAL.GOV@CERN.CH\n"
    assert parse_klist(RENEWABLE + other) == parse_klist(RENEWABLE)


def test_years_of_four_digits_are_read_too():
    assert parse_klist(RENEWABLE.replace("/26 ", "/2026 ")) == parse_klist(RENEWABLE)


def test_flags_and_the_client_of_a_ticket_are_passed_over():
    with_flags = RENEWABLE.replace("\trenew", "\tfor client sakura@CERN.CH, renew")
    with_flags = with_flags.replace("29/26 02:31:03", "29/26 02:31:03, Flags: FRIA")
    assert parse_klist(with_flags) == parse_klist(RENEWABLE)


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("", "nothing"),
        ("Credentials cache: API:1\n        Principal: me@CERN.CH\n", "cannot be read"),
        (RENEWABLE.replace("krbtgt", "host"), "no ticket to get others with"),
        (RENEWABLE.replace("11/25/26", "13/45/26"), "no ticket to get others with"),
    ],
)
def test_what_is_no_ticket_is_named(output, reason):
    with pytest.raises(NoTicket, match=reason):
        parse_klist(output)


@given(st.text())
def test_any_output_is_a_ticket_or_none(output):
    with pytest.raises(NoTicket):
        parse_klist(output)


@given(st.integers(-10 * 3600, 200 * 3600), st.none() | st.integers(-10 * 3600, 200 * 3600))
def test_a_ticket_ends_soon_when_little_of_it_is_left(left, renew):
    now = 1.8e9
    one = Ticket("me@X", "FILE:x", now + left, None if renew is None else now + renew)
    assert one.ends_soon(now) == (left < ENDS_SOON)
    assert one.renewable(now) == (left > 0 and renew is not None and renew > 0)


def klist(folder, script):
    """An environment whose klist is a shell script."""
    tool = folder / "klist"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "TZ": "Europe/Zurich"}


def test_klist_is_asked_for_times_in_utc_in_one_form_and_for_the_environments_cache(tmp_path):
    script = f"""[ "$LC_ALL $TZ $KRB5CCNAME" = "C UTC0 FILE:/a" ] || exit 3
cat <<'EOF'
{RENEWABLE}EOF"""
    environment = klist(tmp_path, script) | {"KRB5CCNAME": "FILE:/a", "LC_ALL": "fr_FR.UTF-8"}
    assert ticket(environment) == parse_klist(RENEWABLE)


def test_without_a_cache_klists_own_words_are_the_reason(tmp_path):
    said = "klist: No credentials cache found (filename: /tmp/krb5cc_1000)"
    environment = klist(tmp_path, f"echo '{said}' >&2; exit 1")
    assert ticket(environment) is None
    with pytest.raises(NoTicket) as told:
        look(environment)
    assert str(told.value) == said


def test_without_klist_there_is_no_ticket_and_a_reason(tmp_path):
    environment = {"PATH": str(tmp_path)}
    assert ticket(environment) is None
    with pytest.raises(NoTicket, match="klist: No such file or directory"):
        look(environment)


def test_a_klist_that_hangs_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("condorloop.services.kerberos.TIMEOUT", 0.2)
    with pytest.raises(NoTicket, match=r"more than 0\.2 s"):
        look(klist(tmp_path, "exec sleep 60"))
