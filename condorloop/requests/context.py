"""What a request is carried out with: the ledger, the queue, and the parts of the cycle."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from condorloop.config.loader import Config
from condorloop.cycle.cleaner import Cleaner
from condorloop.cycle.launcher import Launcher
from condorloop.cycle.ports import JobQueue
from condorloop.cycle.settings import Settings
from condorloop.dagman.render import Renderer
from condorloop.errors import CondorloopError
from condorloop.ledger.store import Ledger
from condorloop.model.campaign import Campaign, Dag, Reconstruction
from condorloop.model.queue import QueuedDag
from condorloop.runtime.shutdown import Shutdown


class NotYet(CondorloopError):
    """Something has to end first; the request waits and is taken up again in the next cycle."""


class NotDone(CondorloopError):
    """A part could not be done, and the request is over; the text is its answer."""


@dataclass(frozen=True, slots=True)
class Context:
    """The submitter's own parts that a step of a request may use.

    `in_queue` gives the DAGs that the schedd has told of.
    """

    ledger: Ledger
    settings: Settings
    launcher: Launcher
    pool: JobQueue
    shutdown: Shutdown
    cleaner: Cleaner
    in_queue: Callable[[], Iterable[QueuedDag]] = tuple

    @property
    def renderer(self) -> Renderer:
        """What writes run directories, with the present configuration."""
        return self.settings.renderer

    @property
    def config(self) -> Config:
        """The present configuration."""
        return self.settings.config

    def next_dag(self, campaign: Campaign) -> int:
        """The next number for a DAG of a campaign that neither disk nor queue has."""
        return self.launcher.next_numbers(campaign, self.in_queue())[0]

    def dag_id(self, campaign: Campaign, dag: Dag) -> str:
        """The id that the jobs of a DAG carry in the queue."""
        return self.renderer.dag_id(campaign.reconstruction, dag.number)

    def reconstruction_of(self, campaign: Campaign) -> Reconstruction:
        """What a campaign is made from, with all campaigns of it, as the ledger has it at last."""
        return self.ledger.campaigns.reconstruction(campaign.reconstruction_id)
