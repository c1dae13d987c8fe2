"""What each command is that a person gives to the running submitter.

A command is one module of this folder with the name of its `RequestKind`; its `COMMAND` says which
options it has, which of them are senseless together, and which steps a request comes to. A step
describes itself, and carries itself out. The command line, ``--dry-run`` and the submitter know no
more than this.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib import import_module
from typing import ClassVar

from condorloop.errors import CondorloopError
from condorloop.ledger.store import LedgerReader
from condorloop.model.campaign import Campaign, CampaignKey, Dag
from condorloop.model.enums import RequestKind
from condorloop.model.request import Request
from condorloop.requests.context import Context


class SenselessRequest(CondorloopError):
    """The options of a request make no sense together."""

    exit_code = 2


_OPTIONAL = (
    "node",
    "include_quarantined",
    "running",
    "reason",
    "present_recipe",
    "send_again",
    "harvest_again",
    "reprocess",
    "only_uploads",
    "restored",
)
"""The fields of a request that not every command has."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a command, and the field of `condorloop.model.request.Request` that it fills.

    One with a `metavar` takes a text, the others are flags; an `optional` text may be left out, and
    is empty then; an `argument` is typed without its name. `old` is the option's word of the
    version before, which is not shown and still works.
    """

    name: str
    field: str
    help: str
    metavar: str = ""
    old: str = ""
    optional: bool = False
    argument: bool = False


class Step(ABC):
    """A part of what a request comes to: for one campaign, or for all to come of a calibration.

    It holds what was found in the ledger, and changes nothing until it is carried out.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def about(self) -> CampaignKey | str:
        """The campaign; else the calibration, empty where the description says it all."""

    @property
    def continued(self) -> tuple[Dag, ...] | None:
        """The DAGs that upload as they run again or go on; None if the step lets nothing go on."""
        return None

    @property
    def sent(self) -> int | None:
        """The number of the DAG whose payload another DAG is to send; None if it sends none."""
        return None

    @abstractmethod
    def describe(self) -> str:
        """Say what is going to be done."""

    @abstractmethod
    def carry_out(self, request: Request, context: Context, now: float) -> str:
        """Do it, and say what was done; each effect can be repeated.

        Raises
        ------
        NotYet
            Something has to end first.
        NotDone
            A part could not be done, and is not tried again.
        ScheddUnavailable
            The schedd does not answer.
        """

    def __str__(self) -> str:
        return about(self, self.describe())


@dataclass(frozen=True, slots=True)
class CampaignStep(Step):
    """A step that is about one campaign."""

    campaign: Campaign

    @property
    def about(self) -> CampaignKey:
        """The campaign."""
        return self.campaign.key


@dataclass(frozen=True, slots=True)
class UploadStep(CampaignStep):
    """A step that lets payloads of a campaign go, by no DAG that has been written."""

    @property
    def continued(self) -> tuple[Dag, ...]:
        """No DAG that has been written."""
        return ()


def about(step: Step, words: str) -> str:
    """Give words with what a step is about before them."""
    return f"{step.about}: {words}" if step.about else words


@dataclass(frozen=True, slots=True)
class Plan:
    """What a request comes to: steps, and why there is none where there is none."""

    steps: tuple[Step, ...]
    remarks: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """What is to be done."""
        return tuple(map(str, self.steps))


class Command(ABC):
    """One command; its docstring is the command's help."""

    kind: ClassVar[RequestKind]
    options: ClassVar[tuple[Option, ...]] = ()
    examples: ClassVar[tuple[str, ...]] = ()
    """What to type, without ``condorloop``."""
    several_runs: ClassVar[bool] = False
    """Whether the command line takes more than one run."""
    only_stops: ClassVar[bool] = False
    """Whether it lets nothing be uploaded that would not be uploaded without it."""
    confirmed: ClassVar[bool] = False
    """Whether the command line asks a person at a terminal if that is meant."""
    in_parts: ClassVar[bool] = False
    """Whether each cycle does a part of it, so that the answer takes long."""

    def validate(self, request: Request) -> None:
        """Look whether the options of a request make sense.

        Raises
        ------
        SenselessRequest
            The command has no such option, or they make no sense together.
        """
        own = {option.field for option in self.options}
        if strange := [f for f in _OPTIONAL if f not in own and is_given(request, f)]:
            raise SenselessRequest(f"{self.kind} takes no {', '.join(strange)}")

    @abstractmethod
    def plan(self, request: Request, ledger: LedgerReader) -> Plan:
        """Say what a request comes to by what the ledger knows; nothing is changed.

        A request that was carried out and not answered comes to no step, or to the same again.
        """


def is_given(request: Request, field: str) -> bool:
    """Whether an option was given: an optional text that is empty was."""
    value = getattr(request, field)
    return value is not None if field == "send_again" else bool(value)


def command_of(kind: RequestKind) -> Command:
    """Give the command of a kind."""
    command: Command = import_module(f"condorloop.requests.{kind}").COMMAND
    return command


def planned(ledger: LedgerReader, request: Request) -> Plan:
    """Say what a request comes to.

    Raises
    ------
    SenselessRequest
        Its options make no sense together.
    """
    command = command_of(request.kind)
    command.validate(request)
    return command.plan(request, ledger)
