"""The jobs of nodes: what each reads, what it leaves in the DAG's directory, how it ends.

Every file that a job makes tells which RAW files are in it, so that a payload can be asked. What
runs on the access point is the real thing: `condorloop.node.main`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import sqlite3
import struct
from collections.abc import Iterable, Mapping
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any

from condorloop.errors import CondorloopError
from condorloop.model.enums import TimeType
from condorloop.model.lumis import Lumis
from condorloop.node import main
from condorloop.node.dag_context import DagContext
from condorloop.node.uploads.upload import upload
from condorloop.rundir.durable import read_json
from condorloop.rundir.layout import INPUTS, JOB_REPORT, MADE, MANIFEST, PAYLOAD_DB, lumis_file
from condorloop.testbed.cmssw.steps.beam_spot import Spot, joined
from condorloop.testbed.conditions.sqlite_file import lumi_since
from condorloop.testbed.truth import Truth
from tests.soak.storage import EVENTS, SimulatedStorage
from tests.soak.story import Agenda, Violation

FEWEST_EVENTS = 10_000
"""From fewer no payload is made."""

_STRIP = "SiStripQualityHotStripIdentifierRoot"
TOO_FEW = "Not Enough Events :: Total number of events is {} Calibration NOT launched"
"""What the harvester says then."""

ON_HOLD = "on hold"
"""How a job ends that could not begin: its input files are not there."""

DETECTOR = Truth()

Raw = list[tuple[str, str, int]]
"""RAW files that are in something: path, LS, events."""

_BEGIN, _NAME = 100, 20
_KEYS = struct.Struct(">hiiiiqqq")


def root_file(raw: Raw) -> bytes:
    """Make a ROOT file, as far as its header tells, that holds a list of RAW files."""
    content = json.dumps(raw).encode()
    directory = _BEGIN + _NAME
    at = directory + _KEYS.size
    records = (at + len(content), at + len(content) + 16, at + len(content) + 32)
    end = records[2] + 16
    header = struct.pack(
        ">4siiqqiiibiqi",
        b"root",
        1_063_206,
        _BEGIN,
        end,
        records[2],
        16,
        1,
        _NAME,
        8,
        1,
        records[1],
        16,
    )
    keys = _KEYS.pack(1005, 0, 0, 16, _NAME, _BEGIN, 0, records[0])
    record = struct.pack(">i", 16) + bytes(12)
    return header.ljust(directory, b"\0") + keys + content + 3 * record


def raw_in(file: Path) -> Raw:
    """The RAW files that a file of ours was made from."""
    data = file.read_bytes()
    content = data[_BEGIN + _NAME + _KEYS.size : -3 * 16]
    try:
        return [(path, lumis, events) for path, lumis, events in json.loads(content)]
    except ValueError:
        raise Violation(f"{file.name} is read, though it came back in part") from None


class JobSelector:
    """Runs the jobs of all DAGs, each at one moment: the one at which it ends."""

    def __init__(self, agenda: Agenda, rng: Random, storage: SimulatedStorage) -> None:
        self._agenda = agenda
        self._rng = rng
        self._storage = storage
        self._weather = storage.weather

    def run(self, directory: Path, name: str, variables: Mapping[str, str]) -> int | str:
        """Run a job; leave its output in the DAG's directory; how it ended, as DAGMan tells it."""
        kind = name.partition("_")[0]
        (directory / f"{name}.out").write_text("")
        (directory / f"{name}.err").write_text("")
        code: int | str
        if kind == "UPLOAD":
            code = self._upload(directory)
        elif self._weather["jobs are killed"] and self._rng.random() < 0.5:
            code = self._rng.choice((-9, 137, 1, 243, 50))
        elif self._weather["jobs fail for good"] and self._rng.random() < 0.5:
            code = self._rng.choice((65, 73, 90))
        elif kind == "RECO":
            code = self._reco(directory, name, variables)
        elif kind == "ALCA":
            code = self._alca(directory, name, variables)
        else:
            code = self._harvest(directory, name)
        for ending in ("out", "err"):
            self.stamp(directory / f"{name}.{ending}")
        return code

    def stamp(self, path: Path) -> None:
        """Give a file the day's time."""
        if path.exists():
            os.utime(path, (self._agenda.now, self._agenda.now))

    def can_read(self, variables: Mapping[str, str]) -> bool:
        """Whether all input files of a RECO job can be opened at this moment."""
        paths = map(_path_in, variables["filein"].split(","))
        return not any(self._storage.read(path)[1] == "cannot be opened" for path in paths)

    def _reco(self, directory: Path, name: str, variables: Mapping[str, str]) -> int:
        made = directory / name
        made.mkdir(exist_ok=True)
        raw: Raw = []
        log = []
        for url in variables["filein"].split(","):
            path = _path_in(url)
            log.append(f"%MSG\n21-Sep-2026 10:00:00 UTC  Initiating request to open file {url}")
            file, wrong = self._storage.read(path)
            if wrong == "cannot be opened":
                return self._fatal(made, log, 84, 8020, "FileOpenError", f"Failed to open {url}")
            if wrong == "is corrupt" or file is None:
                return self._fatal(made, log, 85, 8021, "FileReadError", f"Reading {url} failed")
            log.append(f"21-Sep-2026 10:00:00 UTC  Successfully opened file {url}")
            if wrong == "crashes":
                (made / f"{variables['reco']}.log").write_text("\n".join(log))
                return 139
            log.append(f"21-Sep-2026 10:00:01 UTC  Closed file {url}")
            lumis = file.lumis & _told(directory / lumis_file(name), file.lumis)
            raw.append((path, str(lumis), EVENTS * len(lumis)))
        output = variables["reco"]
        texts = {f"{output}.py": "# made", f"{output}.log": "\n".join(log)}
        self._leave(directory, name, raw, f"{output}.root", texts)
        return 0

    def _fatal(
        self, made: Path, log: list[str], code: int, full: int, category: str, text: str
    ) -> int:
        error = f"An exception of category '{category}' occurred.\nException Message:\n{text}\n"
        (made / JOB_REPORT).write_text(
            f'<FrameworkJobReport><FrameworkError ExitStatus="{full}" Type="{category}">'
            f"<![CDATA[{error}]]></FrameworkError></FrameworkJobReport>"
        )
        (made / "x.log").write_text("\n".join(log))
        return code

    def _alca(self, directory: Path, name: str, variables: Mapping[str, str]) -> int | str:
        root = read_json(directory / MANIFEST)["alca"]["root"]
        inputs = [Path(path) for path in variables["reco_files"].split(", ") if path]
        if not all(path.exists() for path in inputs):
            return ON_HOLD
        raw = [each for path in inputs for each in raw_in(path)]
        self._leave(directory, name, raw, root)
        return 0

    def _harvest(self, directory: Path, name: str) -> int | str:
        manifest = read_json(directory / MANIFEST)
        try:
            inputs = (directory / INPUTS).read_text().splitlines()
            raw = [each for path in inputs for each in raw_in(directory / "inputs" / path)]
        except OSError:
            return ON_HOLD
        self._leave(directory, name, raw)
        events = sum(events for _, _, events in raw)
        log = directory / name / "cmsRun.log"
        log.unlink(missing_ok=True)
        if events >= FEWEST_EVENTS:
            self._payload(directory / name / PAYLOAD_DB, manifest, raw)
        else:
            log.write_text(f"%MSG-w {_STRIP}:  {_STRIP}:x@endRun\n{TOO_FEW.format(events)}\n%MSG\n")
        self._tell_made(directory / name)
        return 0

    def _payload(self, path: Path, manifest: Mapping[str, Any], raw: Raw) -> None:
        path.unlink(missing_ok=True)
        metadata, run = manifest["upload"]["metadata"], manifest["run"]
        by_run = metadata["since"] is not None
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA synchronous = OFF")
            db.execute("CREATE TABLE IOV (TAG_NAME, SINCE, PAYLOAD_HASH, INSERTION_TIME)")
            db.execute("CREATE TABLE PAYLOAD (HASH, DATA)")
            db.execute("CREATE TABLE TAG (NAME, TIME_TYPE)")
            time_type = TimeType.RUN if by_run else TimeType.LUMI
            db.execute("INSERT INTO TAG VALUES (?, ?)", (metadata["inputTag"], time_type))
            for lumis in [_all_lumis(raw)] if by_run else _joined(run, _all_lumis(raw)):
                made_of = {str(ls): [1, 1] for ls in lumis}
                told = {"calibration": manifest["calibration"], "run": run, "raw": raw}
                data = json.dumps({**told, "lumisections": made_of})
                digest = hashlib.sha1(data.encode()).hexdigest()
                since = run if by_run else lumi_since(run, lumis.first)
                values = (metadata["inputTag"], since, digest, self._agenda.now)
                db.execute("INSERT INTO IOV VALUES (?, ?, ?, ?)", values)
                db.execute("INSERT INTO PAYLOAD VALUES (?, ?)", (digest, data))
            db.commit()

    def _leave(
        self,
        directory: Path,
        name: str,
        raw: Raw,
        root: str = "",
        texts: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        made = directory / name
        made.mkdir(exist_ok=True)
        run = read_json(directory / MANIFEST)["run"]
        for file, text in texts.items():
            (made / file).write_text(text)
        (made / JOB_REPORT).write_text(_report(run, raw))
        if root:
            (made / root).write_bytes(root_file(raw))
        self._tell_made(made)
        if root and self._weather["jobs come back in part"] and self._rng.random() < 0.6:
            whole = (made / root).stat().st_size
            os.truncate(made / root, self._rng.randrange(whole))

    def _tell_made(self, made: Path) -> None:
        files = sorted(p for p in made.iterdir() if p.name != MADE)
        (made / MADE).write_text("".join(f"{p.stat().st_size} {p.name}\n" for p in files))

    def _upload(self, directory: Path) -> int:
        os.chdir(directory)
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            try:
                return upload(DagContext.here())
            except (CondorloopError, OSError):
                return 1


def _told(file: Path, otherwise: Lumis) -> Lumis:
    """The lumisections that a job is told to read, if it is told."""
    if not file.exists():
        return otherwise
    [ranges] = read_json(file).values()
    return Lumis.union(Lumis.span(first, last) for first, last in ranges)


def _all_lumis(raw: Raw) -> Lumis:
    return Lumis.union(Lumis.parse(lumis) for _, lumis, _ in raw)


def _joined(run: int, lumis: Lumis) -> list[Lumis]:
    """Share out lumisections among IOVs, as the beam spot's are: the borders move with them."""
    truth = [(ls, DETECTOR.beam_spot(run, ls)) for ls in lumis]
    spots = [Spot(ls, EVENTS, spot.centre, spot.width) for ls, spot in truth]
    return [Lumis.of(spot.ls for spot in iov) for iov in joined(spots)]


def _path_in(url: str) -> str:
    return "/" + url.partition("//")[2].partition("/")[2].lstrip("/")


def on_access_point(directory: Path, *arguments: str) -> int:
    """Run a script of a DAG: ``inputs`` or ``finish NODE EXITCODE``."""
    os.chdir(directory)
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        return main.main(list(arguments))


def variables_of(dag: str) -> dict[str, dict[str, str]]:
    """Read the VARS of all nodes from a DAG description."""
    found = re.findall(r"^VARS (\S+) (.*)$", dag, re.MULTILINE)
    return {name: dict(re.findall(r'(\w+)="([^"]*)"', text)) for name, text in found}


def _report(run: int, raw: Iterable[tuple[str, str, int]]) -> str:
    inputs = []
    for path, lumis, events in raw:
        rows = "".join(f'<LumiSection ID="{n}"/>' for n in Lumis.parse(lumis))
        inputs.append(
            f"<InputFile><PFN>{path}</PFN><EventsRead>{events}</EventsRead>"
            f'<Runs><Run ID="{run}">{rows}</Run></Runs></InputFile>'
        )
    return f"<FrameworkJobReport>{''.join(inputs)}</FrameworkJobReport>"
