"""`step_4_config` of a calibration: how ALCARECO becomes a payload, and where its records go.

Knows the keys of that section, and which of them cannot work together; it opens no file.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from condorloop.config.fields import (
    FILE_NAME,
    ONE,
    SEVERAL,
    FileName,
    Line,
    Section,
    form_of,
    mistake_at,
)
from condorloop.model.enums import Synchronisation
from condorloop.rundir.layout import HARVEST_FOLDER_NAMES

_WRITES_TAG = re.compile(r"""\.tag\s*=\s*cms\.(?:untracked\.)?string\(\s*["']([^"']*)["']""")
"""In lines of a job's configuration: the tag of a record that the harvest puts into its file."""


class HarvestDriver(Section):
    """`step_4_config.cms_driver`: the cmsDriver.py call that harvests."""

    step: Line
    """The steps of HARVEST: cmsDriver's `-s`."""
    scenario: Line
    """The scenario of HARVEST: cmsDriver's `--scenario`."""
    python_affix: FileName = Field(alias="python_filename_affix")
    """Suffix of the job configuration's name, between `run<N>` and `.py`."""
    customise: tuple[Line, ...] = ()
    """Functions that change the job's configuration: cmsDriver's `--customise`."""
    config_mods: tuple[Line, ...] = Field((), alias="python_config_mods")
    """Lines appended verbatim to the job's configuration."""


class UploadMetadata(Section):
    """`step_4_config.upload_metadata`: what uploadConditions.py is told.

    `since` is ours: ``run`` gives the payload the run number as its since, ``iov`` leaves each
    IOV its own. Without it the time type of the tag in the payload file says it.
    `synchronisation` is ours, too. Of a file of several records, each is a mapping of a list.
    """

    database: Line = Field(alias="destinationDatabase")
    """Destination database."""
    tags: dict[str, dict[str, Any]] = Field(alias="destinationTags", min_length=1)
    """Destination tags, each with its options for uploadConditions.py."""
    input_tag: Line = Field(alias="inputTag")
    """Tag of the payload in the file that HARVEST makes."""
    user_text: str = Field(alias="userText")
    """Text in the log of the conditions service; condorloop adds id, LS and events to it."""
    since: Literal["run", "iov"] | None = None
    """Whether the payload's since is the run, or each IOV keeps its own; it must fit the file."""
    synchronisation: Synchronisation | None = None
    """The synchronisation of the destination tags. In tags of `hlt`, `express` and `prompt`, and
    where it is not given, a run is not uploaded after a younger one.
    """


class HarvestStep(Section):
    """`step_4_config`: how ALCARECO becomes a payload, and where that goes."""

    witness: FileName = Field(alias="step_3_witness_suffix")
    """The same as `step_3_config.cms_driver.step_3_witness_suffix`."""
    root_filename: FileName = Field(alias="step_3_root_filename")
    """The name of the file that ALCA makes and HARVEST reads."""
    cmssw_base_path: str | None = None
    """A folder with a release area that HARVEST enters before condorloop's own is tried."""
    cms_driver: HarvestDriver
    """The call of cmsDriver.py."""
    upload: Annotated[
        Annotated[UploadMetadata, Tag(ONE)]
        | Annotated[tuple[UploadMetadata, ...], Tag(SEVERAL), Field(min_length=1)],
        Discriminator(form_of),
    ] = Field(alias="upload_metadata")
    """Metadata for uploadConditions.py: a mapping, or a list of them, one a record of the file."""
    metadata_filename: FileName
    """Name of the metadata file that is uploaded with the payload."""
    final_db_name: FileName
    """Name of the payload file at upload. The second record of several has its inputTag in both
    names, as in ``NAME_TAG.db``, and so have those that follow.
    """

    @property
    def records(self) -> tuple[UploadMetadata, ...]:
        """What is told of each record of the payload file."""
        return self.upload if isinstance(self.upload, tuple) else (self.upload,)

    @property
    def file_names(self) -> tuple[tuple[str, str], ...]:
        """The names of payload file and metadata of each record."""
        stem = self.final_db_name.removesuffix(".db")
        others = (f"{stem}_{record.input_tag}" for record in self.records[1:])
        first = (self.final_db_name, self.metadata_filename)
        return (first, *((f"{name}.db", f"{name}.txt") for name in others))

    def named_records(self) -> list[tuple[tuple[str | int, ...], UploadMetadata]]:
        """Give each record with the keys that lead to it."""
        if not isinstance(self.upload, tuple):
            return [(("upload_metadata",), self.upload)]
        return [(("upload_metadata", n), record) for n, record in enumerate(self.upload)]

    @model_validator(mode="after")
    def _input_tags_are_written(self) -> Self:
        """Refuse an input tag that is misspelt: nothing writes it, and a written one has no record.

        Lines that name the tags of some records say nothing of those of the others.
        """
        written = [m[1] for mod in self.cms_driver.config_mods for m in _WRITES_TAG.finditer(mod)]
        named = {record.input_tag for record in self.records}
        for where, record in self.named_records():
            if record.input_tag not in written and (lacking := sorted({*written} - named)):
                raise mistake_at(
                    (*where, "inputTag"),
                    record.input_tag,
                    f"inputTag {record.input_tag!r} is not a tag that "
                    f"cms_driver.python_config_mods write: {', '.join(written)}; no record names "
                    f"{', '.join(lacking)}",
                )
        return self

    @model_validator(mode="after")
    def _records_go_together(self) -> Self:
        database = self.records[0].database
        input_tags: set[str] = set()
        tags: set[str] = set()
        for where, record in self.named_records():
            if record.database != database:
                raise mistake_at(
                    (*where, "destinationDatabase"),
                    record.database,
                    f"all records of a calibration go to one database, here {database}",
                )
            if record.input_tag in input_tags:
                raise mistake_at(
                    (*where, "inputTag"),
                    record.input_tag,
                    "the inputTag of no other record: one record can have several destinationTags",
                )
            for tag in record.tags:
                if tag in tags:
                    raise mistake_at(
                        (*where, "destinationTags", tag), tag, "a tag that no other record goes to"
                    )
            input_tags.add(record.input_tag)
            tags.update(record.tags)
        return self

    @model_validator(mode="after")
    def _files_go_together(self) -> Self:
        for key in ("final_db_name", "metadata_filename"):
            if getattr(self, key) in HARVEST_FOLDER_NAMES:
                raise ValueError(f"{key} {getattr(self, key)!r} is the name of another file there")
        stem, dot, ending = self.final_db_name.rpartition(".")
        if (dot, ending) != (".", "db") or self.metadata_filename != f"{stem}.txt":
            raise ValueError(
                f"final_db_name {self.final_db_name!r} and metadata_filename "
                f"{self.metadata_filename!r} must be NAME.db and NAME.txt: uploadConditions.py "
                "looks for the one beside the other"
            )
        for (where, record), (name, _) in zip(self.named_records(), self.file_names, strict=True):
            if not FILE_NAME.fullmatch(name) or name in HARVEST_FOLDER_NAMES:
                raise mistake_at(
                    (*where, "inputTag"),
                    record.input_tag,
                    f"a tag that makes the name of a file of at most 100 characters, not {name}",
                )
        return self
