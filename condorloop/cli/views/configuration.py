"""A checked configuration on the terminal.

Knows how calibrations and a site are shown to people; it reads and checks nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table

from condorloop.cli.views.streams import stream_lines, streams_json
from condorloop.cli.views.terminal import console, text
from condorloop.config.calibration import Calibration
from condorloop.config.destinations import configured
from condorloop.config.loader import Config
from condorloop.config.run_selection import kinds_in_words
from condorloop.dagman.config_diff import own_settings
from condorloop.history.costs import StreamCosts


def print_config(config: Config, costs: Mapping[str, StreamCosts]) -> None:
    """Print what a checked configuration means, and what the jobs of its streams have cost."""
    terminal = console()
    site, parameters = config.site, config.parameters
    terminal.print(
        text(
            f"site {site.name}: work_dir {site.work_dir}, "
            f"OMS {site.oms.url}, EOS {site.storage.url}"
        )
    )
    terminal.print(
        text(
            f"release {parameters.release} ({parameters.scram_arch}), "
            f"global tag {parameters.global_tag}"
        )
    )
    to = configured(config)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("calibration", "runs", "stream", "payload"):
        table.add_column(title, overflow="fold")
    for calibration in config.calibrations.values():
        runs = calibration.runs
        kinds = f"{kinds_in_words(runs.fill_types)} {kinds_in_words(runs.modes)}"
        beams = ", stable beams" if runs.stable_beam else ""
        since = _since(calibration)
        table.add_row(
            text(calibration.name),
            text(f"{kinds}{beams}, at least {runs.min_ls} LS"),
            text(config.stream_of(calibration.name).raw_path),
            text(f"{to[calibration.name].destination}, since: {since}"),
        )
    terminal.print(table)
    for calibration in config.calibrations.values():
        for line in _synchronisations(calibration):
            terminal.print(text(line), soft_wrap=True)
    for line in stream_lines(config, costs):
        terminal.print(text(line), soft_wrap=True)
    for whose, settings in _not_the_default(config).items():
        said = ", ".join(f"{key} {value}" for key, value in settings)
        terminal.print(text(f"not the default, {whose}: {said}"), soft_wrap=True)
    terminal.print("all configuration is valid")


def _synchronisations(calibration: Calibration) -> Iterator[str]:
    """What follows from the synchronisations that a calibration's file names."""
    records = calibration.harvest.records
    for record in records:
        named = record.synchronisation
        if named is None:
            said = "not named: an older run is not sent once a younger one is in force"
        else:
            said = f"{named}: {named.consequence}"
        of_which = f" {record.input_tag}" if len(records) > 1 else ""
        yield f"synchronisation, {calibration.name}{of_which}: {said}"


def config_json(config: Config, costs: Mapping[str, StreamCosts]) -> dict[str, Any]:
    """Give a checked configuration as ``condorloop validate --json`` prints it, defaults and all.

    Times are in seconds.
    """
    return {
        "schema": 1,
        "site": config.site.model_dump(mode="json", by_alias=True, exclude={"defaults"}),
        "parameters": config.parameters.model_dump(mode="json", by_alias=True),
        "calibrations": {
            name: calibration.model_dump(mode="json", by_alias=True)
            for name, calibration in config.calibrations.items()
        },
        "streams": streams_json(config, costs),
    }


def _since(calibration: Calibration) -> str:
    """What the since of each record is expected to be; the payload file decides."""
    records = calibration.harvest.records
    told = {
        record.input_tag: "run" if calibration.expects_run(record) else "each IOV's own"
        for record in records
    }
    if len(set(told.values())) == 1:
        return told[records[0].input_tag]
    return ", ".join(f"{since} in {tag}" for tag, since in told.items())


def _not_the_default(config: Config) -> dict[str, list[tuple[str, str]]]:
    """Give the settings that are not the default, by whose they are: those of all come first."""
    settings = {
        name: [(key, _value(value)) for key, value in own_settings(calibration).items()]
        for name, calibration in config.calibrations.items()
    }
    first, *others = settings.values()
    shared = [setting for setting in first if all(setting in other for other in others)]
    own = {name: [s for s in mine if s not in shared] for name, mine in settings.items()}
    return {whose: some for whose, some in {"all": shared, **own}.items() if some}


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
