"""The stand-in of uploadConditions.py: options, messages and exit codes of the true one.

The source of each is CondCore/Utilities/scripts/uploadConditions.py in cms-sw/cmssw. The wait
before the one retry is ``CONDORLOOP_TESTBED_RETRY_WAIT`` seconds, 15 without it.
"""

from __future__ import annotations

import getpass
import hashlib
import io
import json
import logging
import netrc
import optparse
import os
import sqlite3
import sys
import tarfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from condorloop.testbed.faults import Faults

if TYPE_CHECKING:
    import requests

HOSTS = {
    "oracle://cms_orcon_prod": "cms-conddb-prod.cern.ch",
    "oracle://cms_orcoff_prep": "cms-conddb-dev.cern.ch",
}
CONNECTION, SIGN_IN, NO_DATA_FILE, NO_IOV, DATA_CHECK = -1, -2, -3, -4, -5
UNCAUGHT = 1  # the true tool ends with Python's traceback
RETRIED = (502, 503, 504)
TIMEOUT = (300.0, None)
"""Seconds to connect and to read, as libcurl has them: a service that hangs hangs the tool."""


class UploadError(Exception):
    """The end of the upload of all files, with the code that the tool ends with."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Service:
    """The conditions service as the tool talks to it."""

    def __init__(self, url_template: str, host: str) -> None:
        self.host = host
        self._base = url_template % host
        self._token = ""
        self._user = ""

    def sign_in(self, user: str, password: str) -> None:
        """Get a token; once more after a wait where the service is down."""
        import requests

        logging.info("%s: Signing in user %s ...", self.host, user)
        wait = float(os.environ.get("CONDORLOOP_TESTBED_RETRY_WAIT", "15"))
        try:
            answer = self._get_token(user, password)
            if answer.status_code in RETRIED:
                time.sleep(wait)
                answer = self._get_token(user, password)
            if answer.status_code == 500 and "INVALID_CREDENTIALS" in answer.text:
                logging.error("Invalid credentials provided.")
                logging.error("could not get token for user %s from %s", user, self.host)
                raise UploadError(SIGN_IN, "Error while signin in. Aborting.")
            if answer.status_code != 200:
                raise ValueError(f"HTTP Error code {answer.status_code} ")
            self._token = answer.json()["token"]
        except (requests.RequestException, ValueError, KeyError) as error:
            logging.error("Caught exception when trying to connect to %s: %s", self.host, error)
            message = "Error trying to connect to the server. Aborting."
            raise UploadError(CONNECTION, message) from error
        self._user = user

    def _get_token(self, user: str, password: str) -> requests.Response:
        import requests

        return requests.get(f"{self._base}token", auth=(user, password), timeout=TIMEOUT)

    def send(self, archive: bytes, digest: str, name: str, backend: str) -> dict[str, object]:
        """Send an upload; an answer that is none is the failure of a tag of the file's name."""
        import requests

        try:
            answer = requests.post(
                f"{self._base}uploadFile",
                auth=(self._token, ""),
                data={"backend": backend, "fileName": name, "userName": self._user},
                files={"uploadedFile": (digest, archive)},
                timeout=TIMEOUT,
            )
            if answer.status_code != 200:
                raise ValueError(
                    answer.text.partition("<p>")[2].partition("</p>")[0] or answer.text
                )
            found: dict[str, object] = answer.json()["upload"]["itemStatus"]
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            logging.error("Error from uploading: %s", error)
            return {name: {"status": "failed", "info": str(error)}}
        return found


def main(argv: Sequence[str] | None = None) -> int:
    """Upload the files named on the command line; return the exit code."""
    options, files = _parser().parse_args(None if argv is None else list(argv))
    logging.basicConfig(
        format="[%(asctime)s] %(levelname)s: %(message)s",
        level=logging.DEBUG if options.debug else logging.INFO,
    )
    if not files:
        _parser().print_help()
        return SIGN_IN % 256
    if options.reUpload:
        print("ERROR: options -r can't be specified on a new file upload.")
        return SIGN_IN % 256
    if fault := _injected(files[0]):
        return fault
    try:
        names = [Path(f.removesuffix(".txt").removesuffix(".db")) for f in files]
        for name in names:
            _check(name)
        taken = _upload(options, names)
        failed = sum(not good for good in taken.values())
        result: dict[str, object] = {"status": failed, "files": taken}
    except UploadError as error:
        logging.error("%s", error)
        failed = error.code
        if failed == UNCAUGHT:
            return failed
        result = {"status": failed, "error": str(error)}
    print(result)
    print(f"upload ended with code: {failed}")
    return failed % 256


def _parser() -> optparse.OptionParser:
    parser = optparse.OptionParser(
        usage="Usage: %prog [options] <file> [<file> ...]\n", prog="uploadConditions.py"
    )
    parser.add_option("-d", "--debug", action="store_true", default=False)
    parser.add_option("-b", "--backend", default="online")
    parser.add_option("-H", "--hostname", default="cms-conddb-prod.cern.ch")
    parser.add_option("-u", "--urlTemplate", default="https://%s/cmsDbUpload/")
    parser.add_option("-f", "--temporaryFile", default="upload.tar.bz2")
    parser.add_option("-n", "--netrcHost", default="ConditionUploader")
    parser.add_option("-a", "--authPath")
    parser.add_option("-r", "--reUpload")
    return parser


def _injected(file: str) -> int:
    """The exit code of a fault that a scenario asks for; 0 if there is none."""
    folder = os.environ.get("CONDORLOOP_TESTBED_FAULTS")
    name = Path(file.removesuffix(".txt").removesuffix(".db"))
    calibration = name.name.removeprefix("NGTCalib")
    due = folder and Faults(Path(folder)).due(
        "upload_conditions", calibration=calibration, run=_run_of(name)
    )
    if not due:
        return 0
    logging.error("%s", due.message)
    print(f"upload ended with code: {due.exit_code}")
    return due.exit_code or 1


def _run_of(name: Path) -> int | None:
    """The run that an upload is for: that of its since, or of the file's first IOV."""
    try:
        since = json.loads(Path(f"{name}.txt").read_text(encoding="utf-8")).get("since")
        if since is None:
            with closing(sqlite3.connect(f"file:{name}.db?mode=ro", uri=True)) as db:
                [since] = db.execute("SELECT MIN(SINCE) FROM IOV").fetchone()
        return int(since) >> 32 or int(since)
    except (OSError, ValueError, TypeError, AttributeError, sqlite3.Error):
        return None


def _check(name: Path) -> None:
    logging.info("Checking %s...", name.name)
    data, metadata = Path(f"{name}.db"), Path(f"{name}.txt")
    if not data.is_file():
        raise UploadError(NO_DATA_FILE, f"Impossible to open SQLite data file {data}")
    try:
        with closing(sqlite3.connect(data)) as db:
            rows = db.execute("SELECT * FROM IOV").fetchall()
    except sqlite3.Error as error:
        message = f"Check on input SQLite data file {data} failed: {error}"
        raise UploadError(DATA_CHECK, message) from error
    if not rows:
        raise UploadError(NO_IOV, f"The input SQLite data file {data} contains no data.")
    if metadata.exists():
        return
    try:
        answer = input(
            f"\nIt looks like the metadata file {metadata} does not exist. Do you want me to create"
            " it and help you fill it?\nAnswer [y]: "
        )
    except EOFError as error:
        raise UploadError(UNCAUGHT, "EOF when reading a line") from error
    if answer.strip().lower() not in ("", "y"):
        raise UploadError(DATA_CHECK, f"Metadata file {metadata} does not exist")
    raise UploadError(DATA_CHECK, "the stand-in has no wizard")


def _upload(options: optparse.Values, names: Sequence[Path]) -> dict[str, bool]:
    """Upload each file; tell of each whether a tag of it went well."""
    user, password = _credentials(options)
    signed_in: Service | None = None
    taken: dict[str, bool] = {}
    for name in names:
        metadata = _metadata(Path(f"{name}.txt"))
        database = str(metadata.get("destinationDatabase"))
        host = next((h for start, h in HOSTS.items() if database.startswith(start)), None)
        if host is None:
            logging.error("DestinationDatabase %s is not valid. Skipping the upload.", database)
            taken[f"{name}.db"] = False
            continue
        if signed_in is None or signed_in.host != host:
            signed_in = Service(options.urlTemplate, host)
            signed_in.sign_in(user, password)
        taken[f"{name}.db"] = _upload_file(signed_in, name, metadata, options.backend)
    if signed_in:
        logging.info("%s: Signing out...", signed_in.host)
    return taken


def _metadata(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UploadError(NO_IOV, f"Impossible to open file {path}: {error}") from error
    except ValueError as error:
        raise UploadError(UNCAUGHT, f"{path}: {error}") from error
    return found if isinstance(found, dict) else {}


def _credentials(options: optparse.Values) -> tuple[str, str]:
    folder = options.authPath or os.environ.get("COND_AUTH_PATH") or str(Path.home())
    try:
        found = netrc.netrc(str(Path(folder) / ".netrc")).authenticators(options.netrcHost)
    except (OSError, netrc.NetrcParseError):
        found = None
    if found:
        return found[0], found[2] or ""
    logging.info(
        'netrc entry "%s" not found: if you wish not to have to retype your password, you can add'
        " an entry in your .netrc file. However, beware of the risks of having your password stored"
        " as plaintext. Instead.",
        options.netrcHost,
    )
    try:
        user = input(f"\nUsername [{getpass.getuser()}]: ") or getpass.getuser()
        return user, getpass.getpass("Password: ")
    except (EOFError, OSError) as error:
        raise UploadError(UNCAUGHT, "EOF when reading a line") from error


def _upload_file(service: Service, name: Path, metadata: dict[str, object], backend: str) -> bool:
    archive = _archive(Path(f"{name}.db"), metadata)
    digest = hashlib.sha1(archive).hexdigest()
    logging.info(
        "%s: %s: Uploading file (%s, size %s) to the %s backend...",
        service.host,
        name.name,
        digest,
        len(archive),
        backend,
    )
    good, skipped, failed = [], [], []
    for tag, info in service.send(archive, digest, name.name, backend).items():
        fields = info if isinstance(info, dict) else {"status": "failed", "info": info}
        status, reason = str(fields.get("status")), str(fields.get("info"))
        if "ok" in status.lower():
            good.append(tag)
            logging.info("tag %s successfully uploaded", tag)
        if "skip" in status.lower():
            skipped.append(tag)
            logging.warning("found tag %s to be skipped. reason:  \n ... \t%s ", tag, reason)
        if "fail" in status.lower():
            failed.append(tag)
            logging.error("found tag %s failed to upload. reason: \n ... \t%s ", tag, reason)
    if good:
        logging.info("tags sucessfully uploaded: %s ", good)
    if skipped:
        logging.warning("tags SKIPped to upload   : %s ", skipped)
    if failed:
        logging.error("tags FAILed  to upload   : %s ", failed)
    logging.info(
        "file log at: https://%s/logs/dropBox/getFileLog?fileHash=%s", service.host, digest
    )
    return bool(good)


def _archive(data: Path, metadata: dict[str, object]) -> bytes:
    """Pack as the service wants it; with all times zero, the same content has the same hash."""
    buffer = io.BytesIO()
    text = json.dumps(metadata, sort_keys=True, indent=4).encode()
    with tarfile.open(fileobj=buffer, mode="w:bz2", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in (("data.db", data.read_bytes()), ("metadata.txt", text)):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o400
            info.uname = info.gname = "root"
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(main())
