"""What a calibration of a shared stream missed, and a person wants made.

Knows which RAW files can be reconstructed once more for it alone, and when none can.
"""

from __future__ import annotations

from dataclasses import dataclass

from condorloop.model.campaign import MissedFile
from condorloop.model.enums import Artifact
from condorloop.model.lumis import Lumis
from condorloop.model.request import Request
from condorloop.requests.campaign_command import Subject
from condorloop.requests.command import Step, UploadStep
from condorloop.requests.context import Context
from condorloop.requests.payloads import reopen, reopening, take_recipe
from condorloop.text import plural

_NEEDED = frozenset({Artifact.ALCARECO, Artifact.DAGS, Artifact.RUNS})
"""What a campaign has to have whose harvest is to read more."""


@dataclass(frozen=True, slots=True)
class Reprocess(UploadStep):
    """Let RAW files wait once more, for one campaign alone.

    With `recipe` the campaign takes the present release, global tag and YAML first. `gone` are RAW
    files that it missed, too, and that cannot be read.
    """

    files: tuple[MissedFile, ...]
    gone: int = 0
    recipe: bool = False

    @property
    def lumis(self) -> Lumis:
        """What is made."""
        return Lumis.union(each.file.lumis for each in self.files)

    def describe(self) -> str:
        """Say what is made."""
        files = plural(len({each.file.path for each in self.files}), "RAW file")
        words = "take the present release, global tag and YAML; " if self.recipe else ""
        words += f"reconstruct {files} (LS {self.lumis}) once more for it alone, "
        words += f"which were {len({each.reco for each in self.files})} RECO"
        if self.gone:
            words += f"; {plural(self.gone, 'RAW file')} of what it missed cannot be read"
        return words + reopening(self.campaign)

    def carry_out(self, request: Request, context: Context, now: float) -> str:
        """Open the campaign, then let the files wait; the planner makes a batch of them."""
        campaign = self.campaign
        words = [*take_recipe(campaign.key, context)] if self.recipe else []
        asked = f"what it missed, requested by {request.made_by}"
        words += reopen(campaign, asked, context, now)
        context.ledger.reconstructions.read_again(
            campaign.reconstruction_id, campaign.key.calibration
        )
        return "; ".join([f"LS {self.lumis} are reconstructed once more for it alone", *words])


def reprocess(request: Request, subject: Subject) -> Step | str:
    """Say how what a campaign missed is made, or why it is not."""
    campaign = subject.campaign
    name = campaign.key.calibration
    if request.calibration != name:
        return f"it is read once more for one calibration alone: name it, -c {name}"
    if not campaign.shares:
        return "its stream is its own: it has missed nothing that others have"
    if gone := sorted(campaign.cleaned & _NEEDED):
        return f"it cannot be made: its {', '.join(gone)} were cleaned up"
    if not subject.missed:
        return "it has missed nothing that was reconstructed"
    files = tuple(each for each in subject.missed if not each.gone)
    lost = {each.file.path for each in subject.missed if each.gone}
    if not files:
        lumis = Lumis.union(each.file.lumis for each in subject.missed)
        return f"what it missed (LS {lumis}) cannot be read: its RAW files are gone from storage"
    return Reprocess(campaign, files, len(lost), request.present_recipe)
