"""What a stream's RECO and ALCA are made by, for the calibrations that share them.

Knows how the steps of cmsDriver are put together from a base and what each calibration needs, once
each, in an order that does not depend on who asked first. It is pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from condorloop.config.stream import Stream


@dataclass(frozen=True, slots=True)
class Additions:
    """What a calibration needs of the RECO and ALCA of its stream.

    Attributes
    ----------
    skims
        The ALCARECO that RECO selects for it: they are added to `ALCAPRODUCER:`, `ALCAOUTPUT:`.
    producers
        What ALCA makes for it: they are added to `ALCA:`.
    reco_customise, reco_mods, alca_customise, alca_mods
        Functions, and lines, that change the configurations of the two.
    """

    skims: tuple[str, ...] = ()
    producers: tuple[str, ...] = ()
    reco_customise: tuple[str, ...] = ()
    reco_mods: tuple[str, ...] = ()
    alca_customise: tuple[str, ...] = ()
    alca_mods: tuple[str, ...] = ()


def composed(stream: Stream, additions: Iterable[Additions]) -> Stream:
    """Give a stream whose RECO and ALCA make what all of these need.

    Names are sorted behind those of the base; functions and lines follow those of the base in the
    order that is given, each once.
    """
    wanted = [each for each in additions if each != Additions()]
    if not wanted:
        return stream
    skims = set(chain.from_iterable(each.skims for each in wanted))
    producers = set(chain.from_iterable(each.producers for each in wanted))
    reco, driver = stream.reco, stream.alca.cms_driver
    reco_changes = {
        "step": with_names(reco.step, "ALCAPRODUCER", skims),
        "customise": _once(reco.customise, [each.reco_customise for each in wanted]),
        "config_mods": _once(reco.config_mods, [each.reco_mods for each in wanted]),
    }
    steps = with_names(with_names(driver.step, "ALCAOUTPUT", skims), "ALCA", producers)
    driver_changes = {
        "step": steps,
        "customise": _once(driver.customise, [each.alca_customise for each in wanted]),
        "config_mods": _once(driver.config_mods, [each.alca_mods for each in wanted]),
    }
    alca = stream.alca.model_copy(update={"cms_driver": driver.model_copy(update=driver_changes)})
    return stream.model_copy(update={"reco": reco.model_copy(update=reco_changes), "alca": alca})


def with_names(steps: str, step: str, names: Iterable[str]) -> str:
    """Add names to the list of one step of cmsDriver's ``-s``; sorted, those that are not there.

    >>> with_names("RAW2DIGI,RECO,ALCAPRODUCER:TkAlMinBias", "ALCAPRODUCER", ["B", "A"])
    'RAW2DIGI,RECO,ALCAPRODUCER:TkAlMinBias+A+B'
    >>> with_names("RAW2DIGI,RECO", "ALCAPRODUCER", ["B", "A", "B"])
    'RAW2DIGI,RECO,ALCAPRODUCER:A+B'
    >>> with_names("", "ALCA", [])
    ''
    """
    parts = [part for part in steps.split(",") if part]
    at = next((n for n, part in enumerate(parts) if part.partition(":")[0] == step), len(parts))
    there = _names(parts[at]) if at < len(parts) else []
    new = sorted(set(names).difference(there))
    if not new:
        return steps
    parts[at:] = [f"{step}:{'+'.join([*there, *new])}", *parts[at + 1 :]]
    return ",".join(parts)


def _names(part: str) -> list[str]:
    return [name for name in part.partition(":")[2].split("+") if name]


def _once(base: Sequence[str], added: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*base, *chain.from_iterable(added)]))
