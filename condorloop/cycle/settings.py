"""The configuration in use, and what is made of it for all who work with it.

Knows the one present configuration; knows neither when another is read nor who asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from condorloop.config.loader import Config
from condorloop.dagman.render import Renderer
from condorloop.services.cmssw import Cmssw


class Settings:
    """Holds a configuration, which can be replaced while the loop runs.

    `ledger_id` makes the ids of DAGs unique among ledgers that share a schedd.
    """

    def __init__(self, config: Config, ledger_id: str) -> None:
        self._ledger_id = ledger_id
        self.config = config

    def replace(self, config: Config) -> None:
        """Take another configuration; DAGs that are written already stay as they are."""
        self.config = config
        for made in ("renderer", "cmssw"):
            self.__dict__.pop(made, None)

    @cached_property
    def renderer(self) -> Renderer:
        """What writes DAGs by this configuration."""
        return Renderer(self.config, self.config.site.work_dir, self._ledger_id)

    @cached_property
    def cmssw(self) -> Mapping[str, str]:
        """The CMSSW environment in which RAW files are probed; made when it is first asked for.

        Raises
        ------
        Unavailable
            There is no such environment.
        """
        return Cmssw.from_config(self.config, self.config.site.storage.edm_file_util).environment()
