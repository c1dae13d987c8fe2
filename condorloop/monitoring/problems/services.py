"""Problems of what the loop depends on: services, storage, its own configuration; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from condorloop.model.problem import Problem, ProblemKind
from condorloop.model.service import Service
from condorloop.monitoring.problems.commands import DOCTOR


def of_services(services: Iterable[Service]) -> Iterator[Problem]:
    """Name the services that give no answer."""
    for service in services:
        if service.error:
            yield Problem(
                ProblemKind.SERVICE,
                f"{service.name}: {service.trouble}: {service.error}",
                DOCTOR,
                since=service.failing_since,
                service=service.name,
            )


def of_configuration(refused: str, since: float | None) -> Iterator[Problem]:
    """Name what is wrong with a configuration that was to be read anew."""
    if refused:
        text = f"new configuration rejected, the old one stays in use: {refused}"
        yield Problem(ProblemKind.CONFIGURATION, text, "condorloop validate", since=since)


def of_listing(odd_lines: Iterable[str]) -> Iterator[Problem]:
    """Name what storage lists and nobody understands."""
    for line in dict.fromkeys(odd_lines):
        yield Problem(ProblemKind.STORAGE, f"unrecognised line in the xrdfs listing: {line}")
