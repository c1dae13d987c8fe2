"""What is in force for a run in a destination, against what condorloop believes; and confirmations.

Pure: it compares what was read back from a tag with what uploads have put there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from condorloop.model.enums import TimeType
from condorloop.model.lumis import Lumis
from condorloop.model.tag_content import TagContent, TagIov, run_and_ls, serving

CLOCKS = 300.0
"""Seconds by which the clocks of this machine and of the database may differ."""


class Agreement(StrEnum):
    """How what serves lumisections compares with what condorloop believes."""

    SAME = "same"
    """The payload that condorloop believes to be in force serves."""
    NOT_SENT = "not sent"
    """The campaign has sent nothing for these lumisections: what serves is another's."""
    UNANSWERED = "unanswered"
    """The payload of an upload without an answer serves: it did reach the tag."""
    DIFFERENT = "different"
    """Something else serves than what condorloop believes."""
    OBSOLETE = "obsolete"
    """An older payload of the campaign serves where a newer one was uploaded, which holds there."""
    NOT_READ = "not read"
    """The tag was not read back: there is only what condorloop believes."""

    @property
    def wrong(self) -> bool:
        """Whether lumisections are served by what should not serve them."""
        return self in (Agreement.DIFFERENT, Agreement.OBSOLETE)


@dataclass(frozen=True, slots=True)
class SentIov:
    """An IOV that an upload has put into a tag, or may have.

    Attributes
    ----------
    since, hash
        As it was sent.
    at
        When the service answered, in seconds since the epoch.
    harvest
        The harvest that made the payload, such as ``harvestJob003``.
    """

    since: int
    hash: str
    at: float
    harvest: str


@dataclass(frozen=True, slots=True)
class Believed:
    """What a campaign has put into one destination.

    `sent` are the IOVs of uploads that went in, `unanswered` those of uploads that nobody has
    answered.
    """

    sent: tuple[SentIov, ...] = ()
    unanswered: tuple[SentIov, ...] = ()


@dataclass(frozen=True, slots=True)
class Served:
    """Lumisections in a row that are served alike.

    Attributes
    ----------
    first, last
        The lumisections.
    iov
        The IOV in the database that serves the first of them; None where none does, or the tag was
        not read.
    believed
        The IOV that condorloop believes to serve it; None where it has sent none.
    agreement
        How the two compare.
    """

    first: int
    last: int
    iov: TagIov | None
    believed: SentIov | None
    agreement: Agreement

    @property
    def lumis(self) -> Lumis:
        """The lumisections."""
        return Lumis.span(self.first, self.last)


def in_force(
    content: TagContent | None, believed: Believed, time_type: TimeType, run: int, last_ls: int
) -> tuple[Served, ...]:
    """Say what serves each lumisection of a run, from 1 to the last; those served alike together.

    Parameters
    ----------
    content
        What was read back; None where nothing was.
    believed
        What the run's campaign has put there.
    time_type
        What the sinces of `believed` count.
    last_ls
        The last lumisection that matters.

    Raises
    ------
    NotByRun
        A time type counts neither runs nor lumisections.
    """
    sent = _content(time_type, believed.sent)
    of_hash = {iov.hash: iov for iov in sorted(believed.sent, key=lambda iov: iov.at)}
    maybe = {iov.hash for iov in believed.unanswered}
    uploads = [(at, _content(time_type, iovs)) for at, iovs in _by_upload(believed.sent).items()]
    found: list[Served] = []
    borders = sorted(_borders(content, sent, run, last_ls))
    for first, end in pairwise([*borders, last_ls + 1]):
        iov = serving(content, run, first) if content else None
        ours = serving(sent, run, first)
        own = of_hash[ours.hash] if ours else None
        agreement = _agreement(content is not None, iov, own, maybe)
        if agreement is Agreement.SAME and own and _is_obsolete(own, uploads, run, first):
            agreement = Agreement.OBSOLETE
        found.append(Served(first, end - 1, iov, own, agreement))
    return tuple(_folded(found))


def _by_upload(sent: Iterable[SentIov]) -> dict[float, list[SentIov]]:
    found: dict[float, list[SentIov]] = {}
    for iov in sent:
        found.setdefault(iov.at, []).append(iov)
    return found


def _is_obsolete(
    own: SentIov, uploads: Iterable[tuple[float, TagContent]], run: int, ls: int
) -> bool:
    """Whether a later upload holds where this one serves."""
    holding = (serving(content, run, ls) for at, content in uploads if at > own.at)
    return any(iov is not None and iov.hash != own.hash for iov in holding)


def _content(time_type: TimeType, sent: Iterable[SentIov]) -> TagContent:
    return TagContent.of("", time_type, None, (TagIov(i.since, i.at, i.hash) for i in sent))


def _borders(content: TagContent | None, sent: TagContent, run: int, last_ls: int) -> set[int]:
    """The lumisections of a run at which another IOV may begin to serve."""
    if last_ls < 1:
        return set()
    borders = {1}
    for tag in filter(None, (content, sent)):
        at = (run_and_ls(tag.time_type, iov.since) for iov in tag.iovs)
        borders |= {ls for of, ls in at if of == run and 1 <= ls <= last_ls}
    return borders


def _agreement(
    was_read: bool, iov: TagIov | None, own: SentIov | None, maybe: set[str]
) -> Agreement:
    if not was_read:
        return Agreement.NOT_READ
    if iov and own and iov.hash == own.hash:
        return Agreement.SAME
    if iov and iov.hash in maybe:
        return Agreement.UNANSWERED
    return Agreement.DIFFERENT if own else Agreement.NOT_SENT


def _folded(found: Sequence[Served]) -> Iterator[Served]:
    """Put those together that follow each other and are served by the same payload."""
    open_: Served | None = None
    for each in found:
        if open_ and _alike(open_) == _alike(each):
            open_ = Served(open_.first, each.last, open_.iov, open_.believed, open_.agreement)
            continue
        if open_:
            yield open_
        open_ = each
    if open_:
        yield open_


def _alike(served: Served) -> tuple[str | None, str | None, Agreement]:
    in_database = served.iov.hash if served.iov else None
    believed = served.believed.hash if served.believed else None
    return in_database, believed, served.agreement


class Confirmation(StrEnum):
    """Whether what was sent is in the tag."""

    CONFIRMED = "confirmed"
    """The tag has it."""
    NOT_YET = "not yet"
    """It is not in what was read; a replica may lag behind."""
    CONTRADICTED = "contradicted"
    """What was read is younger than the upload, and does not have it."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What reading a tag back says of an upload.

    `since` is the first since that the tag has the payload at, where it has it; `words` say what is
    missing.
    """

    confirmation: Confirmation
    since: int | None = None
    words: str = ""


def confirm(content: TagContent, sent: Sequence[SentIov]) -> Confirmed:
    """Say whether a tag has all IOVs of an upload, those that later ones hide too.

    Where the tag moves late sinces up, a payload counts that is at a later since than was asked.

    Parameters
    ----------
    content
        What was read back.
    sent
        The IOVs of one upload; not empty.
    """
    moves_up = content.synchronisation is not None and content.synchronisation.moves_up
    there = {(iov.since, iov.hash) for iov in content.iovs}
    lacking = [iov for iov in sent if (iov.since, iov.hash) not in there]
    if lacking and moves_up:
        first = min(iov.since for iov in sent)
        moved = [i.since for i in content.iovs if i.since > first and i.hash == sent[-1].hash]
        lacking = [i for i in lacking if not any(since >= i.since for since in moved)]
    if not lacking:
        hashes = {iov.hash for iov in sent}
        asked = min(iov.since for iov in sent)
        sinces = (i.since for i in content.iovs if i.hash in hashes and i.since >= asked)
        return Confirmed(Confirmation.CONFIRMED, min(sinces))
    words = _lacking(content.time_type, lacking, len(sent))
    newest = max((iov.inserted for iov in content.iovs), default=0.0)
    is_younger = newest > max(iov.at for iov in sent) + CLOCKS
    return Confirmed(Confirmation.CONTRADICTED if is_younger else Confirmation.NOT_YET, words=words)


def _lacking(time_type: TimeType, lacking: Sequence[SentIov], of: int) -> str:
    first = min(lacking, key=lambda iov: iov.since)
    count = "it" if of == 1 else f"{len(lacking)} of its {of} IOVs"
    return (
        f"the tag lacks {count}: payload {first.hash} since {since_words(time_type, first.since)}"
    )


def since_words(time_type: TimeType, since: int) -> str:
    """Write a since as people read it.

    >>> since_words(TimeType.LUMI, 398600 << 32 | 7), since_words(TimeType.RUN, 398600)
    ('398600:7', '398600')
    """
    return f"{since >> 32}:{since & 0xFFFFFFFF}" if time_type is TimeType.LUMI else str(since)
