"""``status.html``: the state of the loop as a page that needs nothing but itself.

Knows how data get into the page, and that nothing of others ever becomes markup; what the page
shows and how it gets new data is in its templates.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from condorloop.config.shipped_files import shipped
from condorloop.model.status import Status
from condorloop.monitoring.status_file import to_json
from condorloop.rundir.durable import write_whole
from condorloop.text import plain

PAGE = "status.html"
"""Its name in the work_dir."""

_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}
"""What could end a script element or a line of a script; JSON reads the same."""


def write(work_dir: Path, status: Status) -> None:
    """Write ``status.html``, whole or not at all.

    Raises
    ------
    OSError
        It cannot be written.
    """
    write_whole(work_dir / PAGE, render(status))


def render(status: Status) -> str:
    """Give the page that shows a status."""
    return template("status.html.j2").render(data=embedded(to_json(status)))


def embedded(data: Any) -> Markup:
    r"""Write data as JSON that can stand in a script element.

    >>> print(embedded({"name": "</script>"}))
    {"name":"\u003c/script\u003e"}
    """
    text = json.dumps(_shown(data), ensure_ascii=False, separators=(",", ":"))
    return Markup(text.translate(_ESCAPES))


def _shown(data: Any) -> Any:
    """Give the data with every text as it is shown to people."""
    if isinstance(data, str):
        return plain(data)
    if isinstance(data, dict):
        return {plain(key): _shown(value) for key, value in data.items()}
    return [_shown(value) for value in data] if isinstance(data, list) else data


@cache
def template(name: str) -> Template:
    """Get the template of a page.

    What goes into it is escaped; its filters are `digest`, for its Content-Security-Policy, and
    `plain`, for text of others.
    """
    templates = Environment(
        loader=FileSystemLoader(shipped("templates")),
        autoescape=True,
        undefined=StrictUndefined,
    )
    templates.filters |= {"digest": _digest, "plain": plain}
    return templates.get_template(name)


def _digest(content: str) -> str:
    """Name a script or style as a Content-Security-Policy does."""
    digest = hashlib.sha256(str(content).encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
