"""Examining a node: all that is looked at, at the same time, each thing within its limit.

Knows the subjects and how looking can fail; knows nothing of what is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from threading import Thread

from condorloop.config.loader import Config
from condorloop.doctor import (
    clock,
    cmssw,
    job_credentials,
    kerberos,
    oms,
    pool,
    sqlite,
    storage,
    tags,
    uploads,
    work_dir,
)
from condorloop.doctor.checks import Check, Examination, Findings, not_checked, stops
from condorloop.runtime.deadline import within
from condorloop.text import one_line

_SUBJECTS = (
    pool,
    work_dir,
    sqlite,
    oms,
    storage,
    kerberos,
    job_credentials,
    cmssw,
    uploads,
    tags,
    clock,
)


def examinations(config: Config) -> list[Examination]:
    """Say what there is to be looked at on the node of a configuration."""
    return [e for subject in _SUBJECTS for e in subject.examinations(config)]


def examine(wanted: Sequence[Examination]) -> Findings:
    """Look at everything; nothing that hangs or fails keeps the rest from being looked at."""
    futures = [_begun(examination) for examination in wanted]
    findings: dict[str, list[Check]] = {}
    for examination, future in zip(wanted, futures, strict=True):
        findings.setdefault(examination.subject, []).extend(future.result())
    return findings


def _begun(examination: Examination) -> Future[list[Check]]:
    """Begin to look, in a thread that keeps nobody from ending the program."""
    future: Future[list[Check]] = Future()

    def work() -> None:
        try:
            future.set_result(_looked(examination))
        except BaseException as error:
            future.set_exception(error)

    Thread(target=work, name=examination.name, daemon=True).start()
    return future


def _looked(examination: Examination) -> list[Check]:
    found: list[Check] = []

    def look() -> None:
        for check in examination.look():
            found.append(check)

    name = examination.name
    try:
        within(look, examination.limit, name)
    except TimeoutError:
        late = f"no answer in {examination.limit:g} s: the loop would wait for it, too"
        return [*found, stops(name, late, examination.remedy)]
    except Exception as error:  # one that nobody has thought of must not hide the others
        said = one_line(f"{type(error).__name__}: {error}", 200)
        return [*found, not_checked(name, f"this look at it failed: {said}", examination.remedy)]
    return found
