"""The DAGs that a run would get now, written and not submitted.

Knows storage and the renderer; needs no OMS, ledger or schedd.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from condorloop.config.loader import Config
from condorloop.dagman.plan import plan_batch
from condorloop.dagman.render import Renderer
from condorloop.model.campaign import Batch, RawFile, ReconstructionKey
from condorloop.services.cmssw import Cmssw
from condorloop.services.storage import Storage

OWNER = "by-hand"
"""Stands in `CondorloopId` where a submitter has its ledger's id."""


def render(config: Config, run: int, output: Path, say: Callable[[str], None]) -> list[Path]:
    """Write a DAG for each stream that has RAW files of a run.

    Parameters
    ----------
    output
        Stands for the work_dir: the run directories are made in it.
    say
        Gets a line for each file that cannot be used.

    Returns
    -------
    list of Path
        The DAG descriptions.

    Raises
    ------
    StorageUnavailable
        The server did not answer.
    CmsswError
        The CMSSW environment cannot be entered.
    """
    environment = Cmssw.from_config(config, config.site.storage.edm_file_util).environment()
    storage = Storage(config.site.storage, lambda: environment)
    renderer = Renderer(config, output, OWNER)
    files_of: dict[str, tuple[RawFile, ...]] = {}
    written = []
    for name, stream in config.streams.items():
        if stream.raw_path not in files_of:
            files_of[stream.raw_path] = _good_files(storage, config, stream.raw_path, run, say)
        if files := files_of[stream.raw_path]:
            of = sorted(c.name for c in config.calibrations.values() if c.stream_name == name)
            key, batch = ReconstructionKey(name, run), Batch(0, files)
            plan = plan_batch(key, stream, batch, 0, 0, made_for=of, harvested_for=of)
            written.append(renderer.write(plan))
    storage.close()
    return written


def _good_files(
    storage: Storage, config: Config, path: str, run: int, say: Callable[[str], None]
) -> tuple[RawFile, ...]:
    listing = storage.list_run(path, run)
    with ThreadPoolExecutor(config.site.storage.probes_at_once) as pool:
        probed = list(pool.map(storage.probe, listing))
    files = []
    for (path, size), contents in zip(listing.items(), probed, strict=True):
        lumis = contents.lumis(run)
        if contents.error or not lumis.ranges:
            say(f"left out: {path}: {contents.error or f'no lumisection of run {run}'}")
        else:
            files.append(RawFile(path, size, lumis, sum(contents.events[run].values())))
    return tuple(files)
