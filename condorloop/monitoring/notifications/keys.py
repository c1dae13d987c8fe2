"""The keys by which problems that were told are remembered, and those of the version before.

Up to 0.1.0 a key ended with the words of a problem: those of a service that gives no answer, and
the command about an upload.
"""

from __future__ import annotations

from collections.abc import Mapping

from condorloop.model.notification import Memory, Notified
from condorloop.model.problem import ProblemKind, Topic
from condorloop.model.service import CONDITIONS


def written(memory: Memory) -> dict[str, Notified]:
    """Give what is remembered by its keys."""
    return {str(topic): told for topic, told in memory.items()}


def read(rows: Mapping[str, Notified]) -> dict[Topic, Notified]:
    """Give what is remembered by its topics; what cannot be read is left out.

    Where two keys mean the same, what people have been told last counts.
    """
    memory: dict[Topic, Notified] = {}
    for key, told in rows.items():
        topic = Topic.parse(_present(key))
        if topic and (topic not in memory or _last(told) > _last(memory[topic])):
            memory[topic] = told
    return memory


def _last(told: Notified) -> float:
    return -told.since if told.told_at is None else told.told_at


def _present(key: str) -> str:
    """Give the key of a problem that may have been remembered by the version before.

    >>> _present("service|||OMS does not answer"), _present("service|||OMS")
    ('service|||OMS', 'service|||OMS')
    >>> _present("upload|BeamSpot|398600|condorloop doctor")
    'upload|BeamSpot|398600|conditions'
    """
    subject, _, detail = key.rpartition("|")
    if subject.startswith(f"{ProblemKind.SERVICE}|"):
        return f"{subject}|{detail.removesuffix(' does not answer')}"
    if subject.startswith(f"{ProblemKind.UPLOAD}|") and detail.startswith("condorloop "):
        return f"{subject}|{CONDITIONS if detail == 'condorloop doctor' else ''}"
    return key
