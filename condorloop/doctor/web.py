"""One question to a web server, without any credential.

Knows HTTP; that it answers is all that is wanted, whatever it says, so no certificate is checked
and nothing secret is sent.
"""

from __future__ import annotations

import requests
import requests.auth


class _Nobody(requests.auth.AuthBase):
    """No login: without it requests looks for one in a netrc file."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def answer(url: str, timeout: float) -> requests.Response:
    """GET a URL; give status and headers.

    Raises
    ------
    requests.RequestException
        There was no answer.
    """
    response = requests.get(
        url, timeout=timeout, allow_redirects=False, verify=False, stream=True, auth=_Nobody()
    )
    response.close()
    return response
