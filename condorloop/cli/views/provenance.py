"""Where a payload comes from, as a tree on the terminal.

Knows how `condorloop.history.provenance` is shown to people; it reads nothing. Times are UTC.
"""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text
from rich.tree import Tree

from condorloop.cli.views.show import (
    UPLOAD_STYLES,
    destination_line,
    iov_since,
    number,
    outcome,
    since,
    told_of_reading,
)
from condorloop.cli.views.terminal import clock, text
from condorloop.dagman.logs.dag_records import Software
from condorloop.history.campaign import FileStory, NodeStory, PayloadStory
from condorloop.history.provenance import AlcarecoSource, Provenance, RecoSource
from condorloop.text import size

ROOM = 60
"""Lines of a tree that fit a screen or so; what would make it longer is counted, not shown."""
_ALCARECO, _RECO, _FILES = 1, 2, 3


def provenance_view(told: Provenance, now: float, *, whole: bool = False) -> RenderableType:
    """Lay out a payload's tree: what it was made of, down to RAW files; all of it if `whole`."""
    payload = told.payload
    of = f" of {told.calibration} run {told.run}, {payload.harvest} ({payload.dag})"
    made = text(f"payload {payload.hash or '(none was made)'}", "bold")
    tree = Tree(made.append_text(text(f"{of} (times are UTC)")))
    tree.add(text(f"LS {payload.lumis}: {len(payload.lumis)} LS, {number(payload.events)} events"))
    upload = tree.add(_upload(told, now))
    for each in payload.destinations if _tells_more(payload) else ():
        upload.add(text(destination_line(each, payload, now)))
    few = len(payload.iovs) if whole else ROOM // 10
    for iov in payload.iovs[:few]:
        tree.add(text(f"IOV since {iov_since(iov.since)} of {iov.tag}: {iov.hash}"))
    if (more := len(payload.iovs) - few) > 0:
        tree.add(text(f"… and {more} more IOVs: --all", "bright_black"))
    tree.add(text(f"HARVEST{_job(told.harvest, now)}"))
    tree.add(text(_software(told.software)))
    if payload.origin:
        tree.add(text(f"taken from {payload.origin}: it has no LS of this run", "yellow"))
    for name in payload.left_out:
        tree.add(text(f"left out: {name}: it could not be used", "yellow"))
    for name, why in payload.overlaps.items():
        tree.add(text(f"left out: {name}: {why}", "yellow"))
    depth = _FILES if whole else _depth(told)
    folders = {f.path.rpartition("/")[0] for s in told.sources for r in s.recos for f in r.files}
    if depth >= _FILES and len(folders) == 1:
        tree.add(text(f"RAW files are in {folders.copy().pop()}/"))
    for source in told.sources:
        branch = tree.add(_alcareco(source, told, now))
        for reco in source.recos if depth >= _RECO else ():
            twig = branch.add(text(_reco(reco, source, now)))
            for file in reco.files if depth >= _FILES else ():
                twig.add(text(_file(file, file.path if len(folders) > 1 else file.name)))
    if depth < _FILES:
        tree.add(text("(RAW files by name: --all, or --json)", "bright_black"))
    return tree


def _tells_more(payload: PayloadStory) -> bool:
    """Whether destinations have more to say than the upload as a whole."""
    return len(payload.destinations) > 1 or told_of_reading(payload)


def _depth(told: Provenance) -> int:
    """How far down a tree is shown so that it is not too long."""
    recos = [reco for source in told.sources for reco in source.recos]
    if len(told.sources) + len(recos) > ROOM:
        return _ALCARECO
    files = sum(len(reco.files) for reco in recos)
    return _RECO if len(told.sources) + len(recos) + files > ROOM else _FILES


def _upload(told: Provenance, now: float) -> Text:
    payload = told.payload
    style = UPLOAD_STYLES.get(payload.outcome, "") if payload.outcome else ""
    line = text(outcome(payload), style)
    at = f" {clock(payload.answered_at, now)}" if payload.answered_at else ""
    tags = f" to {', '.join(payload.tags)}" if payload.tags else ""
    begins = f", since {since(payload)}" if payload.since is not None else ""
    force = " (in force)" if payload.in_force else ""
    said = f': "{payload.answer}"' if payload.answer else ""
    decided = f"; {payload.decision}" if payload.decision else ""
    return line.append_text(text(f"{at}{tags}{begins}{force}{said}{decided}"))


def _job(node: NodeStory | None, now: float) -> str:
    if node is None or node.last_job is None:
        return ": no job of it is known"
    job = node.last_job
    host = f" on {job.host}" if job.host else ""
    ended = f", {clock(node.done_at or job.ended_at, now)}"
    return f": job {job.job_id}{host}{ended}"


def _software(software: Software | None) -> str:
    if software is None:
        return "release and global tag are not known: the DAG's directory is gone"
    templates = ", ".join(f"{name} {version}" for name, version in software.templates.items())
    said = f"{software.release} ({software.scram_arch}), global tag {software.global_tag}"
    return f"{said}; templates {templates}" if templates else said


def _other(software: Software | None, than: Software | None) -> str:
    """What something was made with, if that differs from what it went into."""
    if software is None or software == than:
        return ""
    return f"; {software.release}, global tag {software.global_tag}"


def _alcareco(source: AlcarecoSource, told: Provenance, now: float) -> Text:
    if source.node is None:
        return text(f"{source.name}: its origin is unknown", "yellow")
    node = source.node
    line = text(source.name)
    count = f"{len(source.recos)} RECO, {sum(len(r.files) for r in source.recos)} RAW files"
    made = f"{source.dag}/{node.name}{_job(node, now)}; {count}"
    differs = _other(source.software, told.software)
    return line.append_text(
        text(f" LS {node.lumis}, {number(node.events)} events ← {made}{differs}")
    )


def _reco(reco: RecoSource, source: AlcarecoSource, now: float) -> str:
    node = reco.node
    read = f"LS {node.lumis}, {number(node.events)} events, {len(reco.files)} RAW files"
    return f"{node.name} {read}{_job(node, now)}{_other(reco.software, source.software)}"


def _file(file: FileStory, name: str) -> str:
    amount = size(file.size) if file.size >= 0 else "size unknown"
    return f"{name} LS {file.lumis}, {number(file.events)} events, {amount}"
