"""Which streams reconstruct the same RAW files, and what keeps them from sharing that.

Knows what has to be the same for that, and how the rest differs; it is pure. A person decides: what
is changed in the reconstruction changes the constants.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from condorloop.config.stream import RecoStep, Stream

_COMPARED = ("step", "proc_modifier", "process", "eventcontent", "datatier", "customise")
"""What else may differ between RECO of streams that could share it."""


@dataclass(frozen=True, slots=True)
class Double:
    """Streams that read the same RAW files with the same scenario and era.

    `differences` has, by key of `step_2_config`, what each of the streams says, by name.
    """

    streams: tuple[str, ...]
    differences: Mapping[str, Mapping[str, str]]


def reconstructed_twice(streams: Iterable[Stream]) -> Iterator[Double]:
    """Give the groups of streams that could share a reconstruction, by name."""
    groups: dict[tuple[str, ...], list[Stream]] = {}
    for stream in sorted(streams, key=lambda s: s.name):
        same = (stream.raw_path, stream.reco.scenario, stream.reco.era)
        groups.setdefault(same, []).append(stream)
    for group in groups.values():
        if len(group) > 1:
            yield Double(tuple(s.name for s in group), dict(_differences(group)))


def _differences(group: Sequence[Stream]) -> Iterator[tuple[str, Mapping[str, str]]]:
    for field in _COMPARED:
        said = {s.name: _said(field, getattr(s.reco, field)) for s in group}
        if len(set(said.values())) > 1:
            yield RecoStep.model_fields[field].alias or field, said


def _said(field: str, value: object) -> str:
    if field == "step":  # what is selected can be put together
        parts = str(value).split(",")
        return ",".join(part for part in parts if not part.startswith("ALCAPRODUCER"))
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "nothing"
    return str(value or "nothing")
