"""A site with the express stream and some of the calibrations that share it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from condorloop.config.loader import Config, load
from tests.unit.examples import SITE, TOP

STREAM = "Express"


def write_calibrations(folder: Path, names: Iterable[str]) -> Path:
    """Write a folder of calibrations with the express stream, these switched on; return it."""
    shipped, own = TOP / "calibrationYAML", folder / "calibrations"
    (own / "streams").mkdir(parents=True)
    shutil.copy(shipped / "streams" / f"{STREAM}.yaml", own / "streams")
    shutil.copy(TOP / "ngtParameters.jsn", folder)
    for name in names:
        text = (shipped / f"{name}.yaml").read_text(encoding="utf-8")
        assert "enabled: false" in text
        (own / f"{name}.yaml").write_text(text.replace("enabled: false", "enabled: true"))
    return own


def express_site(folder: Path, names: Iterable[str]) -> Path:
    """Write a small site file with them, and return it."""
    site = folder / "site.yaml"
    own = write_calibrations(folder, names)
    site.write_text(SITE.format(work_dir=folder / "work", calibrations=own))
    return site


def express_config(names: Iterable[str], folder: Path | None = None) -> Config:
    """Read such a site; in a folder that is gone then, if none is given."""
    if folder is not None:
        site = express_site(folder, names)
        return load(site, folder / "calibrations")
    with tempfile.TemporaryDirectory() as made:
        return express_config(names, Path(made))
