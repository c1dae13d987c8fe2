"""Whether each LS of each good RAW file is in exactly one input of a payload.

Knows inputs with their RAW files, and the good RAW files of the run; reads nothing. It is pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from condorloop.history.campaign import FileStory, Story
from condorloop.history.verified import WRONG, Finding, FindingKind
from condorloop.model.campaign import RawFile
from condorloop.model.enums import CampaignState
from condorloop.model.lumis import EMPTY, Lumis
from condorloop.model.raw_copies import copies
from condorloop.policy.raw_overlap import Source


@dataclass(frozen=True, slots=True)
class Judged:
    """By path: who holds a file, and which of its LS are in exactly one input or in none."""

    holders: Mapping[str, tuple[str, ...]]
    once: Mapping[str, Lumis]
    none: Mapping[str, Lumis]
    twice: tuple[Finding, ...]


def judge(files: Iterable[FileStory], sources: Mapping[str, Source], made: Lumis) -> Judged:
    """Say of each good RAW file which of its LS the inputs have.

    Parameters
    ----------
    files
        The good RAW files.
    sources
        The inputs of the payload, by name.
    made
        The LS of the payload.
    """
    held: dict[str, list[Source]] = {}
    for source in sources.values():
        for path in source.raw_files:
            held.setdefault(path, []).append(source)
    good = {file.path: file.lumis for file in files}
    once, none, twice = {}, {}, []
    for path in sorted(good.keys() | held.keys()):
        holders = held.get(path, [])
        read = [source.raw_files[path] & source.lumis for source in holders]
        double = Lumis.union(a & b for a, b in combinations(read, 2))
        if double:
            names = tuple(source.name for source in holders)
            twice.append(_of_file(FindingKind.TWICE, path, double, "are in", names))
        if path in good:
            covered = Lumis.union(read) & good[path] & made
            once[path], none[path] = covered - double, good[path] - covered
    holders_of = {path: tuple(s.name for s in holders) for path, holders in held.items()}
    return Judged(holders_of, once, none, tuple(twice))


def _of_file(
    kind: FindingKind, path: str, lumis: Lumis, words: str, names: tuple[str, ...]
) -> Finding:
    text = f"{_name(path)}: LS {lumis} {words} {' and '.join(names)}"
    return Finding(
        kind=kind, wrong=kind in WRONG, text=text, lumis=lumis, files=(path,), alcareco=names
    )


def missing(
    story: Story, files: Iterable[FileStory], judged: Judged, *, restored: str, otherwise: str
) -> Iterator[Finding]:
    """Name LS of good RAW files that are in no input.

    Parameters
    ----------
    restored
        Who put the payload back; empty if nobody did.
    otherwise
        Why a later payload is not in force; empty if there is none.
    """
    for file in files:
        if not (lumis := judged.none.get(file.path, EMPTY)):
            continue
        kind = FindingKind.MISSING
        if restored:
            kind = FindingKind.GIVEN_UP
        elif story.campaign.state.open:
            kind = FindingKind.WAITING
        elif story.campaign.state is CampaignState.ABANDONED:
            kind = FindingKind.GIVEN_UP
        names = judged.holders.get(file.path, ())
        where = f"{file.dag}/{file.node}" if file.dag else "no DAG"
        words = f"lacking in {', '.join(names)}" if names else f"{file.fate}; in {where}"
        words = restored or "; ".join(filter(None, (words, otherwise)))
        text = f"{_name(file.path)}: LS {lumis} are in no input ({words})"
        yield Finding(
            kind=kind,
            wrong=kind in WRONG,
            text=text,
            lumis=lumis,
            files=(file.path,),
            alcareco=names,
        )


def foreign(story: Story, sources: Mapping[str, Source]) -> Iterator[Finding]:
    """Name RAW files of inputs that the ledger does not know of the run."""
    for name, source in sources.items():
        for path in sorted(source.raw_files):
            if story.file(path) is None:
                lumis = source.raw_files[path]
                words = "of a RAW file that the ledger does not know of this run are in"
                yield _of_file(FindingKind.FOREIGN, path, lumis, words, (name,))


def invented(story: Story, files: Iterable[FileStory], made: Lumis) -> Iterator[Finding]:
    """Name LS of the payload that no file has that is, or was, good."""
    was_good = (file.lumis for file in story.files if file.lumis)
    if more := made - Lumis.union([*was_good, *(file.lumis for file in files)]):
        text = f"LS {more} are in the payload and in no good RAW file"
        yield Finding(kind=FindingKind.FOREIGN, wrong=True, text=text, lumis=more)


def copies_in(files: Iterable[FileStory], holders: Mapping[str, object]) -> Iterator[Finding]:
    """Name possible copies; those that can be so by chance are counted, and the first named."""
    raw = [RawFile(file.path, file.size, file.lumis, file.events) for file in files]
    by_chance = []
    for found in copies(raw):
        used = [path for path in found.paths if path in holders]
        if not found.likely:
            by_chance.append(found)
            continue
        kind = FindingKind.COPIES if len(used) > 1 else FindingKind.POSSIBLE_COPIES
        where = "are in the payload" if len(used) > 1 else "are not all in the payload"
        text = f"{found}, and {where}"
        yield Finding(
            kind=kind, wrong=kind in WRONG, text=text, lumis=found.lumis, files=found.paths
        )
    if by_chance:
        more = f" ({len(by_chance) - 1} more like these)" if len(by_chance) > 1 else ""
        text = f"{by_chance[0]}{more}: usual for this stream"
        yield Finding(
            kind=FindingKind.POSSIBLE_COPIES,
            wrong=False,
            text=text,
            lumis=Lumis.union(found.lumis for found in by_chance),
            files=tuple(path for found in by_chance for path in found.paths),
        )


def _name(path: str) -> str:
    return path.rpartition("/")[2]
