"""The conditions service and its tool: what was asked, and what was taken, to the last payload.

Stands in the place of `condorloop.runtime.subprocesses` under `condorloop.services.conditions`; the
tool's output and exit codes are those of uploadConditions.py.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from condorloop.model.campaign import CampaignKey
from condorloop.model.lumis import Lumis
from condorloop.testbed.conditions.synchronisation import RefusedError
from tests.soak.story import Agenda, Violation
from tests.soak.tags import Iovs, SimulatedTags, all_lumis
from tests.soak.tripwire import Killed
from tests.soak.weather import Weather


@dataclass(frozen=True, slots=True)
class Taken:
    """A payload that the service took."""

    at: float
    digest: str
    raw: tuple[str, ...]
    lumis: Lumis
    events: int

    @property
    def payload_rank(self) -> tuple[int, int]:
        """Payloads must only get better."""
        return len(self.lumis), self.events


class SimulatedService:
    """Takes payloads, and looks at each whether it may come."""

    def __init__(self, agenda: Agenda, rng: Random, weather: Weather, tags: SimulatedTags) -> None:
        self._agenda = agenda
        self._rng = rng
        self._weather = weather
        self.tags = tags
        self.taken: dict[CampaignKey, list[Taken]] = {}
        self._answered: set[str] = set()
        self._refused: dict[str, int] = {}
        self.asked_again: set[str] = set()
        """Run directories of which a person has had payloads asked for again."""
        self.forgotten: set[CampaignKey] = set()
        """Campaigns of which everything was deleted, so that nobody knows what was uploaded."""
        self.refused: set[CampaignKey] = set()
        """Campaigns of which a payload was refused by the rule of its tag."""

    def run(
        self, command: Sequence[str], *, folder: Path, timeout: float, **_: Any
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the tool on a payload file."""
        wrong = self._weather
        file = folder / command[-1]
        if wrong["conditions are down"]:
            if self._rng.random() < 0.3:
                return self._ended(254, "ERROR: Invalid credentials provided.")
            return self._ended(255, "ERROR: Error trying to connect to the server. Aborting.")
        if wrong["conditions hang"] and self._rng.random() < 0.5:
            raise subprocess.TimeoutExpired(list(command), timeout)
        if wrong["uploads are killed"] and self._rng.random() < 0.4:
            raise Killed
        metadata = json.loads(file.with_suffix(".txt").read_text())
        [tag] = metadata["destinationTags"]
        iovs = _iovs(file)
        digest = hashlib.sha1(file.read_bytes()).hexdigest()
        made = iovs[0][1]
        key = CampaignKey(made["calibration"], made["run"])
        self.tags.check_destination(key, metadata)
        if digest in self._answered:
            raise Violation(f"{key}: a payload that was taken, and answered for, is sent again")
        if any(digest == t.digest for t in self.taken.get(key, ())):
            return self._failed(f"Error from uploading: file {digest} was uploaded before")
        again = self._refused.get(digest) and str(folder.parent) not in self.asked_again
        if again and (wrong["conditions refuse"] or key in self.refused):
            raise Violation(f"{key}: a payload that was refused for good is sent again")
        if wrong["conditions refuse"]:
            return self._refuse(key, digest, "since is before the first safe run, too late for pcl")
        try:
            self.tags.fill(key, tag, metadata["since"], iovs)
        except RefusedError as refused:
            self.refused.add(key)
            return self._refuse(key, digest, str(refused))
        self._take(key, digest, made, all_lumis(iovs, metadata["since"]))
        if wrong["uploads are killed"] and self._rng.random() < 0.5:
            raise Killed
        if wrong["conditions lose answers"] and self._rng.random() < 0.7:
            if self._rng.random() < 0.3:
                raise subprocess.TimeoutExpired(list(command), timeout)
            return self._failed("Error from uploading: the connection was cut")
        self._answered.add(digest)
        return self._ended(0, f"INFO: tag {tag} successfully uploaded")

    def _refuse(
        self, key: CampaignKey, digest: str, reason: str
    ) -> subprocess.CompletedProcess[bytes]:
        self._refused[digest] = 1
        self._agenda.tell(f"{key}: refused")
        return self._failed(reason)

    def _take(self, key: CampaignKey, digest: str, made: Mapping[str, Any], lumis: Lumis) -> None:
        raw = tuple(path for path, _, _ in made["raw"])
        before = self.taken.setdefault(key, [])
        if before and not self.tags.replaces(key):
            lumis = Lumis.union([lumis, before[-1].lumis])
        new = Taken(self._agenda.now, digest, raw, lumis, sum(n for _, _, n in made["raw"]))
        self._agenda.tell(f"{key}: payload of LS {lumis} from {len(raw)} files is taken")
        read = [(path, ls) for path, lumis, _ in made["raw"] for ls in Lumis.parse(lumis)]
        twice = sorted(each for each, count in Counter(read).items() if count > 1)
        if twice:
            raise Violation(f"{key}: in one payload twice: {twice}")
        worse = before and new.payload_rank <= before[-1].payload_rank
        if worse and self.tags.replaces(key) and key not in self.forgotten:
            old = before[-1]
            raise Violation(
                f"{key}: a payload of {new.payload_rank} replaces one of {old.payload_rank}"
                f" (LS, events); LS {new.lumis} after {old.lumis}"
            )
        self.forgotten.discard(key)
        before.append(new)

    def _failed(self, reason: str) -> subprocess.CompletedProcess[bytes]:
        lost = f"ERROR: {reason}\n" if reason.startswith("Error from") else ""
        told = f"{lost}ERROR: found tag X failed to upload. reason: \n ... \t{reason} "
        return self._ended(1, told)

    def _ended(self, code: int, told: str) -> subprocess.CompletedProcess[bytes]:
        lines = "\n".join(
            f"[2026-09-21 14:13:20,000] {line}" if line[:1].isupper() else line
            for line in told.split("\n")
        )
        output = f"{lines}\nupload ended with code: {code}\n"
        return subprocess.CompletedProcess([], code, output.encode(), b"")


def _iovs(file: Path) -> Iovs:
    """Read a payload file: since and payload, by rising since; the last one of a since holds."""
    with closing(sqlite3.connect(file)) as db:
        rows = db.execute(
            "SELECT SINCE, DATA FROM IOV JOIN PAYLOAD ON PAYLOAD_HASH = HASH"
            " ORDER BY SINCE, IOV.ROWID"
        ).fetchall()
    return sorted({since: json.loads(data) for since, data in rows}.items())
