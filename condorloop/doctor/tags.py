"""The doctor on destination tags: can they be read back, and what does their synchronisation mean.

Knows what a configured synchronisation should be compared with; `services.tag_reader` reads tags.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from functools import partial

from condorloop.config import credentials
from condorloop.config.calibration import Calibration
from condorloop.config.harvest_step import UploadMetadata
from condorloop.config.loader import Config
from condorloop.doctor import cmssw
from condorloop.doctor.checks import Check, Examination, fine, not_checked, warning
from condorloop.model.tag_content import TagContent
from condorloop.rundir.records.manifest import TagReaderTool
from condorloop.services.cmssw import Cmssw, CmsswError
from condorloop.services.tag_reader import TagReader, TagUnreadable, tool_of
from condorloop.text import one_line

SUBJECT = "tags"

_UNREAD = "what the database holds is not compared with what condorloop believes"


def examinations(config: Config) -> list[Examination]:
    """Say what to look at: all destination tags, one after the other."""
    tool = tool_of(config)
    if tool is None:
        return [Examination(SUBJECT, "reader", _no_reader)]
    tags = sum(len(r.tags) for c in config.calibrations.values() for r in c.harvest.records)
    longest = cmssw.LIMIT + 2 * tags * tool.timeout + 10.0
    return [Examination(SUBJECT, "reader", partial(_look, config, tool), longest)]


def _no_reader() -> Iterator[Check]:
    words = f"no reader is configured (conditions.conddb: null): {_UNREAD}"
    yield not_checked("reader", words, "$EDITOR site.yaml  # conditions.conddb: conddb")


def _look(config: Config, tool: TagReaderTool) -> Iterator[Check]:
    area = Cmssw.from_config(config, tool.command[0])
    try:
        _, environment = cmssw.entered(area)
    except CmsswError as error:
        yield warning("reader", f"{one_line(str(error))}; {_UNREAD}", "condorloop doctor")
        return
    for calibration in config.calibrations.values():
        reader = TagReader(tool, area, credentials.auth_path(calibration, config.site), environment)
        for record in calibration.harvest.records:
            for tag in record.tags:
                yield _read(config, calibration, record, reader, tool, tag)


def _read(
    config: Config,
    calibration: Calibration,
    record: UploadMetadata,
    reader: TagReader,
    tool: TagReaderTool,
    tag: str,
) -> Check:
    database = record.database
    try:
        found = reader.read(database, tag)
    except TagUnreadable as error:
        name = tool.databases.get(database, database)
        ask = shlex.join([*tool.command, "--db", name, "list", "--limit", "1", tag])
        inside = f"cd {shlex.quote(str(Cmssw.from_config(config).area / 'src'))} && cmsenv && {ask}"
        return warning(tag, f"{error}; {_UNREAD}", inside)
    return compared(record, found, str(config.files.get(calibration.name, config.folder)))


def compared(record: UploadMetadata, found: TagContent, file: str) -> Check:
    """Compare the synchronisation of a tag with the one that a calibration's file names."""
    named, true = record.synchronisation, found.synchronisation
    if true is None:
        return warning(found.tag, "the tag has a synchronisation that is not known here")
    words = f"{true}: {true.consequence}"
    if named is true or (named is None and true.moves_up):
        return fine(found.tag, words)
    said = f"names {named}" if named else "names none, so an older run is not sent after a younger"
    remedy = f"$EDITOR {shlex.quote(file)}  # upload_metadata.synchronisation: {true}"
    return warning(found.tag, f"{words}; but {file} {said}", remedy)
