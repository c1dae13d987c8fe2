"""What a person does at the gate of the demo: looks at what has changed, then approves it.

Knows which calibration has the gate and what is typed; the commands know themselves.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from condorloop.model.enums import HeldFor
from condorloop.model.status import Status
from condorloop.testbed.stack import Stack

CALIBRATION = "EcalPedestals"

_GATE = """
gate: # from one run to the next, pedestals of the testbed drift by more
  quantities: {mean: {largest_shift: 2.5}}
  first: pass
"""
_PATIENCE = 60.0


def put_in(calibrations: Path) -> None:
    """Give the calibration a gate that the demo's second run does not pass.

    Raises
    ------
    OSError
        Its file cannot be written.
    """
    with (calibrations / f"{CALIBRATION}.yaml").open("a", encoding="utf-8") as file:
        file.write(_GATE)


class Person:
    """Looks at each payload that the gate holds, and approves it; prints what is typed and said."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._approved: set[tuple[int, str]] = set()

    def look(self, status: Status | None, terminal: Console) -> None:
        """Do what is to be done; the first time, what has changed is looked at, too."""
        for campaign in status.campaigns if status else ():
            for held in campaign.unsent[-1:]:
                payload = (campaign.run, held.harvest)
                if held.held_for is not HeldFor.GATE or held.decision or payload in self._approved:
                    continue
                whose = [str(campaign.run), "-c", campaign.calibration]
                if not self._approved:
                    terminal.print(f"the gate holds a payload: {held.answer}", markup=False)
                    self._type(terminal, "payload", *whose, "--diff", "in-force", held.harvest)
                why = "pedestals drift from run to run"
                self._type(terminal, "approve", *whose, "--payload", held.harvest, "--why", why)
                self._approved.add(payload)

    @property
    def approved(self) -> int:
        """How many payloads were approved."""
        return len(self._approved)

    def _type(self, terminal: Console, *words: str) -> None:
        """Type a command, as a person would."""
        terminal.print(f"$ condorloop {shlex.join(words)}", style="bold", markup=False)
        done = subprocess.run(
            [sys.executable, "-m", "condorloop", *words, "--site", str(self._stack.site)],
            env=os.environ | self._stack.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        terminal.print(Text(done.stdout.rstrip()))
