"""The constants of a campaign's payloads: compared, and drawn into files.

Knows which payloads are meant by words and which file a plot goes to; `policy.constants_change`
compares, `reports.payload_plots` draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from condorloop.cli.readers import Readers
from condorloop.config.loader import Config
from condorloop.errors import CondorloopError
from condorloop.history.campaign import Story
from condorloop.history.in_force import uploads_of
from condorloop.history.payload_diff import PayloadDiff, payload_diff
from condorloop.history.payload_files import IN_FORCE, NoSuchPayload, PayloadFile, opened
from condorloop.history.reader import ledger_of
from condorloop.ledger.store import LedgerReader
from condorloop.model.constants import Constants
from condorloop.policy.constants_change import as_constants, compare
from condorloop.reports.payload_plots import Titled, draw
from condorloop.runtime.logs import complain

_FORMS = ("png", "pdf")


class NothingToDraw(CondorloopError):
    """Constants have no values by channel with places, no members of sets, and no numbers."""


@dataclass(frozen=True, slots=True)
class Payloads:
    """The payloads of a campaign, and of its calibration's other runs."""

    config: Config
    readers: Readers
    story: Story

    @property
    def _calibration(self) -> str:
        return self.story.campaign.calibration

    @property
    def _run(self) -> int:
        return self.story.campaign.run

    def diff(self, before: str, after: str, plot: Path | None = None) -> PayloadDiff:
        """Compare two payloads, and draw what has changed if that is wanted.

        Raises
        ------
        CondorloopError
            One of them is not there, or cannot be read.
        """
        with opened(self.config, self._calibration, self._run, self.readers.of_tags) as files:
            one, other = files.find(before), files.find(after)
            old, new = self._constants(one), self._constants(other)
        change = compare(old, new)
        if plot:
            title = f"{self._calibration} run {self._run}, {one.label} to {other.label}"
            for file in self._write([Titled(as_constants(change, new), title)], plot):
                complain(str(file))
        return payload_diff(self._calibration, one.label, other.label, change)

    def plot(self, target: Path | None, since_run: int | None) -> list[Path]:
        """Draw the payload in force, and trends from a run on; give the files.

        Raises
        ------
        CondorloopError
            It is not there, or cannot be read or drawn.
        OSError
            A file cannot be written.
        """
        runs = [run for run in self._known_runs(since_run) if run < self._run]
        drawn: list[Titled] = []
        for run in (*runs, self._run):
            try:
                drawn.append(self._of_run(run))
            except NoSuchPayload as error:
                if run == self._run:
                    raise
                complain(f"condorloop: {self._calibration} run {run} is not drawn: {error}")
        return self._write(drawn, target or Path())

    def _known_runs(self, since_run: int | None) -> list[int]:
        """The runs of the calibration from one on, as the ledger knows them."""
        if since_run is None:
            return []
        with LedgerReader(ledger_of(self.config.site.work_dir)) as ledger:
            known = ledger.campaigns.known(since_run)
        return sorted(key.run for key in known if key.calibration == self._calibration)

    def _of_run(self, run: int) -> Titled:
        with opened(self.config, self._calibration, run, self.readers.of_tags) as files:
            found = files.find(self._in_force(run))
            since = "" if run == self._run else f", from run {run}"
            return Titled(
                self._constants(found), f"{self._calibration} run {self._run}{since}, {found.label}"
            )

    def _in_force(self, run: int) -> str:
        """The words for what is in force: where tags are not read, what is believed to be."""
        if self.readers.of_tags(self._calibration):
            return IN_FORCE
        uploads = uploads_of(self.config, self._calibration, run).destinations.values()
        sent = [iov for believed in uploads for iov in believed.sent]
        if not sent:
            raise NoSuchPayload(f"{self._calibration} run {run} has sent no payload")
        return max(sent, key=lambda iov: iov.at).harvest

    def _constants(self, found: PayloadFile) -> Constants:
        return self.readers.constants(self._calibration, found.file, found.tag)

    def _write(self, drawn: list[Titled], target: Path) -> list[Path]:
        """Write images: one file, or a folder with a PNG and a PDF of each."""
        if form := target.suffix.removeprefix("."):
            if form not in _FORMS:
                raise NothingToDraw(f"{target}: a file that ends in .png or .pdf, or a folder")
            images = draw(drawn, [form])
            several = len(images) > 1
            named = [
                (target.with_stem(f"{target.stem}-{i.name}") if several else target, i.image)
                for i in images
            ]
        else:
            target.mkdir(parents=True, exist_ok=True)
            stem = f"{self._calibration}-run{self._run}"
            named = [(target / f"{stem}-{i.name}.{i.form}", i.image) for i in draw(drawn, _FORMS)]
        if not named:
            raise NothingToDraw(
                f"{drawn[-1].title}: the payload reader gives no places of channels, and no "
                "numbers of several IOVs"
            )
        for file, image in named:
            file.write_bytes(image)
        return [file for file, _ in named]
