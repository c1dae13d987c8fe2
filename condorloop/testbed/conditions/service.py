"""The testbed's conditions service: sign-in and upload over HTTP, as uploadConditions.py does it.

The host that the client puts into its URL is part of the path, so that one loopback address
stands for the production and the preparation service: ``/<host>/cmsDbUpload/…``.

For tests, ``/uploads`` lists every upload that was taken, ``/history`` and ``/payload`` show what
is in a tag, and ``/_testbed/faults`` takes faults: POST ``{"mode": …, "times": …, "status": …}``
adds one, GET lists those that wait, DELETE drops them.
"""

from __future__ import annotations

import base64
import logging
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path

from flask import Flask, Response, jsonify, request

from condorloop.model.enums import TimeType
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.conditions.store import BadUploadError, ConditionsStore, TagSpec
from condorloop.testbed.faults import SIGN_IN_MODES, UPLOAD_MODES, ConditionsMode, Fault
from condorloop.testbed.http_service import LoopbackService, cut_short
from condorloop.testbed.service_faults import ConditionsFaults

__all__ = ["NETRC_MACHINE", "ConditionsMode", "ConditionsService", "TagSpec"]

NETRC_MACHINE = "ConditionUploader"
_BASE = "/<host>/cmsDbUpload"

log = logging.getLogger(__name__)


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
    faults
        How to fail; not at all unless some are injected.
    """

    def __init__(
        self,
        folder: Path,
        users: Mapping[str, str],
        first_safe_run: Callable[[], int],
        tags: Mapping[str, TagSpec],
        port: int = 0,
        hang: float = 120.0,
        faults: ConditionsFaults | None = None,
    ) -> None:
        super().__init__(self._make_app(), port, hang)
        folder.mkdir(parents=True, exist_ok=True)
        self.store = ConditionsStore(folder / "conditions.db", tags, first_safe_run)
        self._users = dict(users)
        self._tokens: dict[str, str] = {}
        self.faults = faults or ConditionsFaults()

    @property
    def url_template(self) -> str:
        """What uploadConditions.py takes as ``-u``."""
        return f"{self.url}/%s/cmsDbUpload/"

    def _make_app(self) -> Flask:
        app = Flask("conditions")
        app.add_url_rule(f"{_BASE}/token", view_func=self._token, methods=["GET", "POST"])
        app.add_url_rule(f"{_BASE}/uploadFile", view_func=self._upload, methods=["POST"])
        app.add_url_rule("/payload", view_func=self._payload)
        app.add_url_rule("/history", view_func=self._history)
        app.add_url_rule("/uploads", view_func=self._uploads)
        app.add_url_rule(
            "/_testbed/faults", view_func=self._control, methods=["GET", "POST", "DELETE"]
        )
        return app

    def _token(self, host: str) -> Response:
        if fault := self._fault("token", SIGN_IN_MODES):
            return _refused(fault)
        given = request.authorization
        user = (given.username if given else None) or ""
        if given is None or self._users.get(user) != given.password:
            return _invalid_credentials()
        token = secrets.token_hex(16)
        self._tokens[token] = user
        return jsonify({"token": token})

    def _upload(self, host: str) -> Response:
        fault = self._fault("uploadFile", UPLOAD_MODES)
        mode = fault and fault.mode
        if fault and mode in SIGN_IN_MODES:
            return _refused(fault)
        if mode == ConditionsMode.HANG:
            self.hang()
        if mode in (ConditionsMode.HANG, ConditionsMode.CUT):
            return self.hang_up()
        answer = self._taken(_VERDICTS.get(mode or ""))
        if mode == ConditionsMode.LOST_ANSWER:
            return self.hang_up()
        return cut_short(answer) if mode == ConditionsMode.CUT_ANSWER else answer

    def _taken(self, verdict: Mapping[str, str] | None) -> Response:
        """Take the upload, or let every tag answer it with `verdict`."""
        given = request.authorization
        user = self._tokens.get((given.username if given else None) or "")
        file = request.files.get("uploadedFile")
        if user is None:
            return Response("Unauthorized access", 403)
        if file is None:
            return Response("<p>no uploadedFile</p>", 400)
        name, backend = request.form.get("fileName", ""), request.form.get("backend", "")
        try:
            answer = self.store.take(file.read(), file.filename or "", name, user, backend, verdict)
        except BadUploadError as error:
            return Response(f"<html><p>{error}</p></html>", 400)
        return jsonify({"upload": {"itemStatus": answer}})

    def _fault(self, resource: str, modes: Collection[str]) -> Fault | None:
        fault = self.faults.take(resource, modes=modes)
        if fault:
            log.info("the conditions service fails on request: %s", fault.mode)
        return fault

    def _control(self) -> Response:
        if request.method == "POST":
            try:
                self.faults.inject(**request.get_json(force=True))
            except (TypeError, ValueError) as error:
                return Response(f"{error}\n", 400)
        elif request.method == "DELETE":
            self.faults.clear()
        return jsonify([asdict(armed) for armed in self.faults.armed])

    def _payload(self) -> Response:
        """The payload of a tag that holds for a run, or for one of its lumisections."""
        tag, run = request.args["tag"], int(request.args["run"])
        known = sqlite_file.tags(self.store.path)
        if tag not in known:
            return Response(f"no tag {tag}\n", 404)
        by_lumi = known[tag].time_type is TimeType.LUMI
        at = sqlite_file.lumi_since(run, int(request.args.get("ls", 1))) if by_lumi else run
        holding = [i for i in sqlite_file.iovs(self.store.path, tag) if i.since <= at]
        if not holding:
            return Response(f"no IOV of {tag} holds at {at}\n", 404)
        data = sqlite_file.payload(self.store.path, holding[-1].payload_hash)
        return jsonify(asdict(holding[-1]) | {"data": base64.b64encode(data).decode()})

    def _history(self) -> Response:
        """Every IOV of a tag that was ever inserted, replaced ones too."""
        found = sqlite_file.iovs(self.store.path, request.args["tag"], hidden=True)
        return jsonify([asdict(iov) for iov in found])

    def _uploads(self) -> Response:
        return jsonify([asdict(upload) for upload in self.store.uploads()])


def _refused(fault: Fault) -> Response:
    if fault.mode == ConditionsMode.INVALID_CREDENTIALS:
        return _invalid_credentials()
    status = fault.status or 503
    return Response(f"<html><p>{HTTPStatus(status).phrase}</p></html>", status)


def _invalid_credentials() -> Response:
    return Response("INVALID_CREDENTIALS", 500)


_VERDICTS: Mapping[str, Mapping[str, str]] = {
    ConditionsMode.TOO_LATE: {
        "status": "fail",
        "info": "since is before the first safe run, too late for synchronization pcl",
    },
    ConditionsMode.SKIPPED: {"status": "skip", "info": "the payload is the one that holds already"},
}
