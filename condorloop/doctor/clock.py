"""The doctor on the clock of this machine: does anything keep it right.

Knows the kernel's flag and what `chronyc` prints. How far the clock is from that of OMS is
compared where OMS is looked at.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
from collections.abc import Iterator
from functools import partial

from condorloop.config.loader import Config
from condorloop.doctor.checks import (
    Check,
    Examination,
    fine,
    not_checked,
    not_needed,
    warning,
)
from condorloop.runtime import subprocesses
from condorloop.services.urls import is_here

SUBJECT = "clock"

_NAME = "synchronised"
_TIMEOUT = 5.0
"""Seconds for chronyc, which asks a daemon of this machine."""

_STA_UNSYNC = 0x0040
"""In linux/timex.h."""

_REMEDY = "sudo systemctl enable --now chronyd; chronyc tracking"
_LEAP = re.compile(r"^Leap status\s*: (\S.*)$", re.MULTILINE)
_OFF = re.compile(r"^System time\s*: (\S.*) of NTP time$", re.MULTILINE)


class _Timex(ctypes.Structure):
    """struct timex of linux/timex.h, up to the field `status`; the rest is padding."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    )


def examinations(config: Config) -> list[Examination]:
    """Say what to look at."""
    here = is_here(config.site.oms.url)
    return [Examination(SUBJECT, _NAME, partial(_look, here), remedy=_REMEDY)]


def _look(oms_is_here: bool) -> Iterator[Check]:
    if oms_is_here:
        yield not_needed(_NAME, "OMS is on this machine and has the same clock")
        return
    yield judge(_kernel(), _chrony())


def judge(kernel: bool | None, chrony: str | None) -> Check:
    """Judge by what the kernel says, and by what chronyc printed if there is one.

    chronyd lets the kernel know only where it is configured to (``rtcsync``).
    """
    if chrony is not None and (leap := _LEAP.search(chrony)):
        off = _OFF.search(chrony)
        if leap[1] == "Normal":
            return fine(_NAME, "chrony: " + (f"{off[1]}" if off else "synchronised"))
        if not kernel:
            return warning(_NAME, f"chrony: {leap[1].lower()}", _REMEDY)
    if kernel:
        return fine(_NAME, "the kernel says so")
    if kernel is None:
        return not_checked(_NAME, "the kernel does not tell")
    return warning(_NAME, "nothing keeps this machine's clock right", _REMEDY)


def _kernel() -> bool | None:
    """Ask the kernel whether its clock is synchronised; None if it does not say."""
    told = _Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(told))
    except (AttributeError, OSError):
        return None
    if state < 0:
        return None
    return not told.status & _STA_UNSYNC


def _chrony() -> str | None:
    """Ask chronyd; None where there is none."""
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocesses.run(
            ["chronyc", "-n", "tracking"], environment=environment, timeout=_TIMEOUT
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else done.stdout.decode(errors="replace")
