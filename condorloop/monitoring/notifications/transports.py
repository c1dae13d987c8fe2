"""How messages are sent: by an incoming webhook, and by mail.

Knows HTTP and SMTP, and that the address of a webhook is a secret; knows nothing of what is told.
"""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import localtime, make_msgid
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import requests

from condorloop.config.site import MailSite, MessagesSite
from condorloop.errors import CondorloopError
from condorloop.monitoring.notifications import text as message_text
from condorloop.monitoring.notifications.policy import Message
from condorloop.runtime.secret_files import why_not_private
from condorloop.text import one_line

TIMEOUT = 10.0
"""Seconds for which a silence of a server is waited for."""

_LONGEST = 2000

log = logging.getLogger(__name__)


class NotSent(CondorloopError):
    """A message could not be sent; the text says why in one line, without a secret."""


class Transport(Protocol):
    """A way of telling, by its name."""

    name: str

    def send(self, message: Message) -> None:
        """Send a message; it takes as long as it takes.

        Raises
        ------
        NotSent
            It was not taken.
        """


class Webhook:
    """An incoming webhook of Mattermost or Slack.

    Parameters
    ----------
    file
        Holds its address; it is read each time, so that another one is taken up.
    """

    name = "webhook"

    def __init__(self, file: Path) -> None:
        self._file = file

    def send(self, message: Message) -> None:
        """Post a message; see `Transport.send`."""
        url = self._url()
        server = one_line(urlsplit(url).hostname or "", 100)
        text = {"text": message_text.post(message)}
        try:
            with requests.post(
                url, json=text, timeout=TIMEOUT, allow_redirects=False, stream=True
            ) as answer:
                code = answer.status_code
        except requests.Timeout:
            raise NotSent(f"{server}: no answer in {TIMEOUT:g} s") from None
        # what requests says has the address in it
        except (requests.RequestException, OSError, ValueError) as error:
            raise NotSent(f"{server}: {_cause(error)}") from None
        if not 200 <= code < 300:
            raise NotSent(f"{server}: HTTP {code}")

    def _url(self) -> str:
        try:
            if problem := why_not_private(self._file):
                raise NotSent(str(problem))
            with self._file.open(encoding="utf-8") as file:
                url = file.read(_LONGEST).strip()
            valid = urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname
        except OSError as error:
            raise NotSent(f"{self._file}: {error.strerror or error}") from None
        except ValueError:
            valid = None
        if not valid or len(url.split()) != 1:
            raise NotSent(f"{self._file}: holds no address https://…")
        return url


class Mail:
    """Mail by a server that asks for no login."""

    name = "mail"

    def __init__(self, site: MailSite) -> None:
        self._site = site

    def send(self, message: Message) -> None:
        """Mail a message; see `Transport.send`. One recipient who gets it is enough."""
        site = self._site
        written = EmailMessage()
        written["Subject"] = message_text.title(message)
        written["From"] = site.sender
        written["To"] = ", ".join(site.to)
        written["Date"] = localtime()
        written["Message-ID"] = make_msgid(domain=site.sender.partition("@")[2])
        written["Auto-Submitted"] = "auto-generated"
        written.set_content(message_text.mail(message))
        server = f"{site.server}:{site.port}"
        try:
            with smtplib.SMTP(site.server, site.port, timeout=TIMEOUT) as to_server:
                refused = to_server.send_message(written)
        except (OSError, ValueError) as error:  # smtplib's own are OSErrors
            raise NotSent(f"{server}: {one_line(str(error), 200)}") from None
        if refused:
            log.warning("%s rejected the mail for %s", server, one_line(", ".join(refused), 200))


def transports(site: MessagesSite) -> Iterator[Transport]:
    """Give the transports that a site has configured."""
    if site.webhook_file:
        yield Webhook(site.webhook_file)
    if site.mail:
        yield Mail(site.mail)


def _cause(error: BaseException) -> str:
    """Say what was at the bottom of a failed request, as far as it has no address in it."""
    causes: list[BaseException] = [error]
    for _ in range(8):
        below = causes[-1].__cause__ or causes[-1].__context__
        if below is None:
            break
        causes.append(below)
    for cause in reversed(causes):
        if isinstance(cause, OSError) and cause.strerror:
            return one_line(cause.strerror, 100)
    return type(error).__name__
