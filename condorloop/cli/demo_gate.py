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

from condorloop.model.enums import CampaignState, DagState, HeldFor
from condorloop.model.status import CampaignStatus, Status, UnsentPayload
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
    """Looks at the payload that the gate holds at a campaign's end, and approves it.

    A gate holds each payload of the run, one after the other; the last one has all of the run.
    Prints what is typed and said.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._approved: set[tuple[int, str]] = set()

    def look(self, status: Status | None, terminal: Console) -> None:
        """Do what is to be done; the first time, what has changed is looked at, too."""
        for campaign in status.campaigns if status else ():
            held = _waits_for_a_person(campaign)
            if held is None or (campaign.run, held.harvest) in self._approved:
                continue
            whose = [str(campaign.run), "-c", campaign.calibration]
            if not self._approved:
                terminal.print(f"the gate holds a payload: {held.answer}", markup=False)
                self._type(terminal, "payload", *whose, "--diff", "in-force", held.harvest)
            why = "pedestals drift from run to run"
            self._type(terminal, "approve", *whose, "--payload", held.harvest, "--why", why)
            self._approved.add((campaign.run, held.harvest))

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


def _waits_for_a_person(campaign: CampaignStatus) -> UnsentPayload | None:
    """The payload for which alone a campaign is open; None if more is to come, or none is held."""
    under_way = campaign.dags.get(DagState.PLANNED, 0) + campaign.dags.get(DagState.ACTIVE, 0)
    if campaign.state is not CampaignState.CLOSING or under_way or not campaign.unsent:
        return None
    best = campaign.unsent[-1]
    if best.held_for is not HeldFor.GATE or best.decision:
        return None
    return best if best.lumis == campaign.lumis.harvested else None
