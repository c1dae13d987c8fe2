"""Hosts in URLs: which one it is, and whether it is this machine.

Knows how an address is written; talks to nobody.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def host_of(url: str) -> str:
    """Give the host of a URL; nothing if it has none.

    >>> host_of("root://eoscms.cern.ch//eos"), host_of("http://[::1]:80/")
    ('eoscms.cern.ch', '::1')
    """
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def port_of(url: str, usual: int) -> int:
    """Give the port of a URL.

    >>> port_of("https://cmsoms.cms/agg/api", 443), port_of("http://127.0.0.1:8080/", 80)
    (443, 8080)
    """
    try:
        return urlsplit(url).port or usual
    except ValueError:
        return usual


def is_here(url: str) -> bool:
    """Whether the host of a URL is this machine, by its name or loopback address.

    >>> is_here("root://127.0.0.1:1094/"), is_here("https://cmsoms.cms/agg/api")
    (True, False)
    """
    host = host_of(url)
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
