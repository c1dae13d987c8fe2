"""Witnesses: the files that mark a node's output as whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from condorloop.model.lumis import EMPTY, Lumis
from condorloop.rundir.records.record import Members, Record


@dataclass(frozen=True, slots=True)
class Witness(Record):
    """What marks the output of a node as whole, and tells what is in it.

    `dag_id` is the `CondorloopId` of the DAG; `files` are the inputs by name, `lumis` and `events`
    those that the job report says it read, `lacking` LS that the inputs had and it does not tell.
    In a stream that calibrations share, `made_for` are those that it was made for, and `recipe`,
    `release` and `global_tag` what it was made by.
    """

    node: str
    dag_id: str
    lumis: Lumis
    events: int
    files: tuple[str, ...]
    lacking: Lumis = EMPTY
    made_for: tuple[str, ...] = ()
    recipe: str = ""
    release: str = ""
    global_tag: str = ""

    @classmethod
    def from_members(cls, members: Members) -> Self:
        """Take it from its JSON object; `lacking` stands there only if there are such LS."""
        shared = "made_for" in members
        return cls(
            node=members.text("node"),
            dag_id=members.text("dag_id"),
            lumis=members.lumis("lumis"),
            events=members.number("events"),
            files=members.texts("files"),
            lacking=members.lumis("lacking") if "lacking" in members else EMPTY,
            made_for=members.texts("made_for") if shared else (),
            recipe=members.text("recipe") if shared else "",
            release=members.text("release") if shared else "",
            global_tag=members.text("global_tag") if shared else "",
        )

    def to_json(self) -> dict[str, Any]:
        """Give its JSON object."""
        data: dict[str, Any] = {
            "node": self.node,
            "dag_id": self.dag_id,
            "lumis": str(self.lumis),
            "events": self.events,
            "files": self.files,
        }
        if self.lacking:
            data["lacking"] = str(self.lacking)
        if self.made_for:
            data["made_for"] = self.made_for
            data["recipe"] = self.recipe
            data["release"] = self.release
            data["global_tag"] = self.global_tag
        return data
