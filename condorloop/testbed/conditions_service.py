"""The testbed's conditions service: sign-in and upload over HTTP, as uploadConditions.py does it.

The host that the client puts into its URL is part of the path, so that one loopback address
stands for the production and the preparation service: ``/<host>/cmsDbUpload/…``.
"""

from __future__ import annotations

import base64
import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path

from flask import Flask, Response, jsonify, request

from condorloop.testbed import conddb
from condorloop.testbed.conditions_store import BadUploadError, ConditionsStore, TagSpec
from condorloop.testbed.loopback import LoopbackService

__all__ = ["NETRC_MACHINE", "ConditionsFault", "ConditionsService", "TagSpec"]

NETRC_MACHINE = "ConditionUploader"
_BASE = "/<host>/cmsDbUpload"

log = logging.getLogger(__name__)


class ConditionsFault(StrEnum):
    """The ways in which an upload fails on request."""

    UNAVAILABLE = "unavailable"
    """503, at sign-in and upload alike."""
    CUT = "cut"
    """The connection is closed before the upload is taken."""
    LOST_ANSWER = "lost_answer"
    """The upload is taken, but the connection is closed without an answer."""
    HANG = "hang"
    """No answer for a long time."""


class ConditionsService(LoopbackService):
    """The service, in a thread of the calling process.

    Parameters
    ----------
    folder
        Where its database ``conditions.db`` is.
    users
        Passwords by user.
    first_safe_run
        Gives the first run that no consumer has begun to process.
    tags
        The tags that uploads may fill.
    port, hang
        As a `LoopbackService` takes them.
    """

    def __init__(
        self,
        folder: Path,
        users: Mapping[str, str],
        first_safe_run: Callable[[], int],
        tags: Mapping[str, TagSpec],
        port: int = 0,
        hang: float = 120.0,
    ) -> None:
        super().__init__(self._make_app(), port, hang)
        folder.mkdir(parents=True, exist_ok=True)
        self.store = ConditionsStore(folder / "conditions.db", tags, first_safe_run)
        self._users = dict(users)
        self._tokens: dict[str, str] = {}
        self._faults: deque[ConditionsFault] = deque()
        self._taking = threading.Lock()

    @property
    def url_template(self) -> str:
        """What uploadConditions.py takes as ``-u``."""
        return f"{self.url}/%s/cmsDbUpload/"

    def inject(self, fault: ConditionsFault, times: int = 1) -> None:
        """Let the next requests fail, after those that were asked to before."""
        self._faults.extend([fault] * times)

    def _make_app(self) -> Flask:
        app = Flask("conditions")
        app.add_url_rule(f"{_BASE}/token", view_func=self._token, methods=["GET", "POST"])
        app.add_url_rule(f"{_BASE}/uploadFile", view_func=self._upload, methods=["POST"])
        app.add_url_rule("/payload", view_func=self._payload)
        app.add_url_rule("/history", view_func=self._history)
        app.add_url_rule("/uploads", view_func=self._uploads)
        app.add_url_rule("/_testbed/faults", view_func=self._control, methods=["POST"])
        return app

    def _token(self, host: str) -> Response:
        if failed := self._fail(ConditionsFault.UNAVAILABLE):
            return failed
        given = request.authorization
        user = (given.username if given else None) or ""
        if given is None or self._users.get(user) != given.password:
            return Response("INVALID_CREDENTIALS", 500)
        token = secrets.token_hex(16)
        self._tokens[token] = user
        return jsonify({"token": token})

    def _upload(self, host: str) -> Response:
        if failed := self._fail(
            ConditionsFault.UNAVAILABLE, ConditionsFault.CUT, ConditionsFault.HANG
        ):
            return failed
        given = request.authorization
        user = self._tokens.get((given.username if given else None) or "")
        file = request.files.get("uploadedFile")
        if user is None:
            return Response("Unauthorized access", 403)
        if file is None:
            return Response("<p>no uploadedFile</p>", 400)
        name, backend = request.form.get("fileName", ""), request.form.get("backend", "")
        try:
            answer = self.store.take(file.read(), file.filename or "", name, user, backend)
        except BadUploadError as error:
            return Response(f"<html><p>{error}</p></html>", 400)
        if failed := self._fail(ConditionsFault.LOST_ANSWER):
            return failed
        return jsonify({"upload": {"itemStatus": answer}})

    def _fail(self, *kinds: ConditionsFault) -> Response | None:
        with self._taking:
            if not self._faults or self._faults[0] not in kinds:
                return None
            fault = self._faults.popleft()
        log.info("the conditions service fails on request: %s", fault)
        if fault is ConditionsFault.UNAVAILABLE:
            return Response("<html><p>Service Unavailable</p></html>", 503)
        if fault is ConditionsFault.HANG:
            self.hang()
        return self.hang_up()

    def _control(self) -> Response:
        try:
            asked = request.get_json(force=True)
            self.inject(ConditionsFault(asked["mode"]), int(asked.get("times", 1)))
        except (KeyError, TypeError, ValueError) as error:
            return Response(f"{error}\n", 400)
        return jsonify(list(self._faults))

    def _payload(self) -> Response:
        """The payload of a tag that holds for a run, or for one of its lumisections."""
        tag, run = request.args["tag"], int(request.args["run"])
        known = conddb.tags(self.store.path)
        if tag not in known:
            return Response(f"no tag {tag}\n", 404)
        by_lumi = known[tag].time_type is conddb.TimeType.LUMI
        at = conddb.lumi_since(run, int(request.args.get("ls", 1))) if by_lumi else run
        holding = [i for i in conddb.iovs(self.store.path, tag) if i.since <= at]
        if not holding:
            return Response(f"no IOV of {tag} holds at {at}\n", 404)
        data = conddb.payload(self.store.path, holding[-1].payload_hash)
        return jsonify(asdict(holding[-1]) | {"data": base64.b64encode(data).decode()})

    def _history(self) -> Response:
        """Every IOV of a tag that was ever inserted, replaced ones too."""
        found = conddb.iovs(self.store.path, request.args["tag"], hidden=True)
        return jsonify([asdict(iov) for iov in found])

    def _uploads(self) -> Response:
        return jsonify([asdict(upload) for upload in self.store.uploads()])
