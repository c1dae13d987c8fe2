"""The configuration in use, and what is made of it for all who work with it.

Knows the one present configuration, and the recipe that each campaign keeps of an earlier one;
knows neither when another is read nor who asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from condorloop.config.loader import Config
from condorloop.config.recipe import Recipe, RecipeError, in_words
from condorloop.dagman import run_configuration
from condorloop.dagman.render import Renderer
from condorloop.dagman.run_configuration import RunConfigurationError
from condorloop.model.campaign import CampaignKey
from condorloop.rundir.layout import CONFIGURATION
from condorloop.services.cmssw import Cmssw
from condorloop.services.tag_reader import TagReader

_MOST = 1000
"""So many campaigns' configurations are remembered."""


@dataclass(frozen=True, slots=True)
class _OfCampaign:
    """What counts for a campaign, as long as its file stays what it was."""

    version: tuple[int, int, int] | None
    renderer: Renderer
    kept: Mapping[str, str] = field(default_factory=dict)


class Settings:
    """Holds a configuration, which can be replaced while the loop runs.

    `ledger_id` makes the ids of DAGs unique among ledgers that share a schedd.
    """

    def __init__(self, config: Config, ledger_id: str) -> None:
        self._ledger_id = ledger_id
        self._of_campaigns: dict[CampaignKey, _OfCampaign] = {}
        self._tag_readers: dict[Path | None, TagReader | None] = {}
        self.config = config

    def replace(self, config: Config) -> None:
        """Take another configuration; DAGs that are written already stay as they are."""
        self.config = config
        self._of_campaigns.clear()
        self._tag_readers = {}
        for made in ("renderer", "cmssw"):
            self.__dict__.pop(made, None)

    @cached_property
    def renderer(self) -> Renderer:
        """What writes DAGs by this configuration."""
        return Renderer(self.config, self.config.site.work_dir, self._ledger_id)

    def renderer_of(self, key: CampaignKey) -> Renderer:
        """What writes the DAGs of a campaign: with the recipe that its run directory keeps.

        Raises
        ------
        RunConfigurationError
            That is damaged, or does not go together with the present configuration.
        OSError
            It cannot be read.
        """
        return self._of(key).renderer

    def renderer_for(self, keys: Iterable[CampaignKey]) -> Renderer:
        """What writes a DAG of campaigns that share a reconstruction: each with its own recipe.

        Release and global tag are those of the first.

        Raises
        ------
        RunConfigurationError, OSError
            As of `renderer_of`.
        """
        first, *others = keys
        of_first = self.renderer_of(first)
        theirs = {k.calibration: self.renderer_of(k).config.calibrations for k in others}
        kept = {n: each[n] for n, each in theirs.items() if n in each}
        config = of_first.config
        if all(config.calibrations.get(n) is own for n, own in kept.items()):
            return of_first
        calibrations = {**config.calibrations, **kept}
        return replace(of_first, config=replace(config, calibrations=calibrations))

    def kept(self, key: CampaignKey) -> Mapping[str, str]:
        """What a campaign keeps of an earlier configuration, by key, and what is configured.

        Raises
        ------
        RunConfigurationError, OSError
            As of `renderer_of`.
        """
        return self._of(key).kept

    def kept_if_readable(self, key: CampaignKey) -> Mapping[str, str]:
        """The same; nothing if it cannot be read: what then goes wrong is told elsewhere."""
        try:
            return self.kept(key)
        except (RunConfigurationError, OSError):
            return {}

    def take_present(self, key: CampaignKey) -> Mapping[str, str]:
        """Let the present configuration count for a campaign; tell what was otherwise.

        Raises
        ------
        OSError
            The run directory cannot be written.
        """
        try:
            kept = self.kept(key)
        except RunConfigurationError as error:
            kept = {CONFIGURATION: str(error)}
        if kept:
            self.renderer.replace_configuration(key)
        return kept

    def _of(self, key: CampaignKey) -> _OfCampaign:
        file = self.renderer.run_dir(key) / CONFIGURATION
        try:
            told = file.stat()
            version = (told.st_mtime_ns, told.st_size, told.st_ino)
        except (FileNotFoundError, NotADirectoryError):
            version = None
        known = self._of_campaigns.get(key)
        if known is None or known.version != version:
            if len(self._of_campaigns) >= _MOST:
                self._of_campaigns.clear()
            known = self._of_campaigns[key] = self._read(key, version)
        return known

    def _read(self, key: CampaignKey, version: tuple[int, int, int] | None) -> _OfCampaign:
        folder, name = self.renderer.run_dir(key), key.calibration
        configured = name in self.config.calibrations
        recipe = run_configuration.recipe_in(folder) if version and configured else None
        if recipe is None:
            return _OfCampaign(version, self.renderer)
        changes = recipe.changes(Recipe.configured(self.config, name))
        if not changes:
            return _OfCampaign(version, self.renderer)
        try:
            config = recipe.applied(self.config, name)
        except RecipeError as error:
            raise RunConfigurationError(folder / CONFIGURATION, str(error)) from error
        return _OfCampaign(version, replace(self.renderer, config=config), in_words(changes))

    @cached_property
    def cmssw(self) -> Mapping[str, str]:
        """The CMSSW environment in which RAW files are probed; made when it is first asked for.

        Raises
        ------
        Unavailable
            There is no such environment.
        """
        return Cmssw.from_config(self.config, self.config.site.storage.edm_file_util).environment()

    def tag_reader(self, auth_path: Path | None) -> TagReader | None:
        """Give what reads tags back, with the netrc file of a folder; None if nothing is to."""
        readers = self._tag_readers
        if auth_path not in readers:  # each enters the CMSSW environment once
            readers[auth_path] = TagReader.from_config(self.config, auth_path)
        return readers[auth_path]
