"""A checked configuration on the terminal.

Knows how calibrations and a site are shown to people; it reads and checks nothing.
"""

from __future__ import annotations

from rich.table import Table

from condorloop.config import Config
from condorloop.views.terminal import console, text


def print_config(config: Config) -> None:
    """Print what a checked configuration means."""
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
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("calibration", "runs", "stream", "payload"):
        table.add_column(title, overflow="fold")
    for calibration in config.calibrations.values():
        reco = calibration.reco
        beams = ", stable beams" if reco.stable_beam else ""
        since = "run" if calibration.since_is_run else "each IOV's own"
        table.add_row(
            text(calibration.name),
            text(f"{reco.filltype} {reco.l1hltmode}{beams}, at least {reco.min_ls} LS"),
            text(calibration.stream_path),
            text(f"{', '.join(calibration.harvest.upload.tags)}, since: {since}"),
        )
    terminal.print(table)
    terminal.print("all configuration is valid")
