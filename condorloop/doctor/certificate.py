"""The certificate of a server: until when it is valid.

Knows TLS and the few bytes of X.509 that hold the dates; the certificate is read and not trusted.
Python tells the dates of a certificate only if it trusts it, and CMS has authorities of its own.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

from condorloop.errors import CondorloopError

_VERSION = 0xA0
_UTC_TIME = 0x17
_GENERALIZED_TIME = 0x18


class NoCertificate(CondorloopError):
    """The server has shown none, or none that can be read; the message says why."""


def valid_until(host: str, port: int, timeout: float) -> float:
    """Ask a server for its certificate; give its end in seconds since the epoch.

    Raises
    ------
    NoCertificate
        There was none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), timeout) as plain,
            context.wrap_socket(plain, server_hostname=host) as shown,
        ):
            certificate = shown.getpeercert(binary_form=True)
    except (OSError, ValueError) as error:
        raise NoCertificate(f"{host}:{port}: {error}") from error
    if not certificate:
        raise NoCertificate(f"{host}:{port} shows no certificate")
    return not_after(certificate)


def not_after(certificate: bytes) -> float:
    """Read the end of a certificate in DER (RFC 5280, 4.1), in seconds since the epoch.

    Raises
    ------
    NoCertificate
        It is none.
    """
    try:
        [(_, whole)] = _items(certificate)
        _, signed = next(_items(whole))
        fields = [value for tag, value in _items(signed) if tag != _VERSION]
        _serial, _algorithm, _issuer, validity, *_ = fields
        _, (tag, end) = _items(validity)
        form = {_UTC_TIME: "%y%m%d%H%M%SZ", _GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}[tag]
        return datetime.strptime(end.decode("ascii"), form).replace(tzinfo=UTC).timestamp()
    except (ValueError, KeyError, IndexError, StopIteration) as error:
        raise NoCertificate("the server's certificate cannot be read") from error


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Give what stands in a value of DER, one after the other: the tag and the value.

    Raises
    ------
    ValueError
        It is cut.
    """
    while data:
        tag, length, start = data[0], data[1], 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(data[2:start])
        value, data = data[start : start + length], data[start + length :]
        if len(value) < length:
            raise ValueError("cut")
        yield tag, value
