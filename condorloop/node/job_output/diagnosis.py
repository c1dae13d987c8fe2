"""Why a job of cmsRun failed: the line that matters, and the input that is the cause.

Knows cmsRun's exceptions, its log lines and its exit codes as a shell sees them (modulo 256);
knows nothing of DAGs or files on the disk. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from condorloop.node.job_output.job_report import FrameworkError
from condorloop.rundir.records.manifest import Product

CRASHES = frozenset({134, 139})
READING = frozenset({80, 84, 85, 86, 92}) | CRASHES
"""Events that are corrupt, opening, reading, ROOT, the fallback; and crashes."""
OTHER_EXCEPTIONS = frozenset({65, 66, 67, 68})

_ALIGNMENT = "PromptCalibProdSiPixelAli"
PATHS: Mapping[str, tuple[str, ...]] = {
    "PromptCalibProdSiPixelLA": ("PromptCalibProdSiPixelLorentzAngle",),
    "PromptCalibProdSiPixelLAMCS": ("PromptCalibProdSiPixelLorentzAngleMCS",),
    "PromptCalibProdSiStripLA": ("PromptCalibProdSiStripLorentzAngle",),
    "PromptCalibProdSiStripHitEff": ("PromptCalibProdSiStripHitEfficiency",),
    f"{_ALIGNMENT}HGComb": (f"{_ALIGNMENT}HG", f"{_ALIGNMENT}HGDiMu"),
    f"{_ALIGNMENT}HLTHGC": (f"{_ALIGNMENT}HLTHGMinBias", f"{_ALIGNMENT}HLTHGDiMu"),
}
"""The paths of CMSSW's producers that are not called as these, without `pathALCARECO`."""

_LONGEST = 400
_BEGIN = re.compile(r"^-{3,} Begin Fatal Exception .*$")
_END = re.compile(r"^-{3,} End Fatal Exception -*$")
_CATEGORY = re.compile(r"An exception of category '([^']*)' occurred")
_CRASH = re.compile(r"A fatal system signal has occurred: .*|.*terminate called after throwing.*")
_FILE = re.compile(
    r"(?:^|\s)(Initiating request to open|Successfully opened|Closed) file (\S.*?)\s*$"
)


def relevant(log: Iterable[str]) -> list[str]:
    """Leave out the lines that a log has by the million, one an event."""
    return [line for line in log if not line.startswith("Begin processing the ")]


def words(error: FrameworkError | None, log: Iterable[str]) -> str:
    """Say in a line why a job failed; empty if nothing tells."""
    if error is None:
        lines = [line.strip() for line in log]
        error = _exception_in(lines)
        if error is None:
            crash = next((x for x in lines if _CRASH.fullmatch(x)), "")
            return _short(crash or next(filter(None, reversed(lines)), ""))
    category = _CATEGORY.search(error.text)
    name = category[1] if category else ""
    said = " ".join(x for x in (str(error.code or ""), name) if x)
    return _short(f"{said}: {_message(error.text)}" if said else _message(error.text))


def _exception_in(lines: list[str]) -> FrameworkError | None:
    begin = next((i for i, x in enumerate(lines) if _BEGIN.match(x)), None)
    if begin is None:
        return None
    end = next((i for i in range(begin, len(lines)) if _END.match(lines[i])), len(lines))
    return FrameworkError(0, "\n".join(lines[begin + 1 : end]))


def _message(text: str) -> str:
    """An exception's message, or its first note, as those of ROOT have no message."""
    before, _, notes = text.partition("Additional Info:")
    _, _, message = before.partition("Exception Message:")
    first, _, _ = notes.partition("\n      [b]")
    note = " ".join(first.split()).removeprefix("[a] ")
    return " ".join(message.split()) or note or " ".join(before.split())


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def blamed(
    exit_code: int, error: FrameworkError | None, log: Iterable[str], inputs: Iterable[str]
) -> tuple[str, ...]:
    """Tell which inputs are the cause of a failure.

    Parameters
    ----------
    exit_code
        As a shell sees it.
    error, log
        What the job report and the log say.
    inputs
        How the inputs are called in them: the end of a path, or a part between slashes.

    Returns
    -------
    tuple of str
        Those of `inputs` that the exception names, else the one that was open last.
    """
    if exit_code not in READING | OTHER_EXCEPTIONS:
        return ()
    known = tuple(inputs)
    lines = list(log)
    error = error or _exception_in([line.strip() for line in lines])
    named = tuple(x for x in known if error and _names(error.text, x))
    if named or exit_code in OTHER_EXCEPTIONS:
        return named
    last = _open_at_the_end(lines)
    return tuple(x for x in known if last and _names(last, x))[:1]


_RUNNING = re.compile(r"Running path '(?:pathALCARECO)?(\w+)'")
_MODULE = re.compile(r"[Cc]alling method for module \w+/'ALCARECO(?:Stream)?(\w+)'")
_WANTED = re.compile(r"pathALCARECO(\w+)")
_NOT_FOUND = re.compile(r"could not be found \[([^\]]*)\]")
"""What cmsDriver.py says of names in ALCA, ALCAPRODUCER and ALCAOUTPUT that it does not know."""


def calibrations(
    exit_code: int,
    error: FrameworkError | None,
    log: Iterable[str],
    products: Mapping[str, Product],
) -> tuple[str, ...]:
    """Tell which calibrations' part of a shared job is the cause of a failure.

    Parameters
    ----------
    exit_code
        As a shell sees it.
    error, log
        What the job report and the log say.
    products
        What the job makes for each calibration.

    Returns
    -------
    tuple of str
        Those whose producer's path or module the exception names; else those that need a skim that
        it names, or that cmsDriver.py does not know. None where nothing tells.
    """
    if not products or exit_code in READING:
        return ()
    lines = [line.strip() for line in log]
    if error := error or _exception_in(lines):
        ran = [*_RUNNING.findall(error.text), *_MODULE.findall(error.text)]
        wanted = [*ran, *_WANTED.findall(error.text)]
    else:
        told = (match[1] for line in lines for match in _NOT_FOUND.finditer(line))
        ran = wanted = [name for names in told for name in re.findall(r"\w+", names)]
    by_producer = [c for c, each in products.items() if any(_is_of(each, n) for n in ran)]
    if by_producer:
        return tuple(by_producer)
    return tuple(c for c, each in products.items() if not set(each.skims).isdisjoint(wanted))


def _is_of(product: Product, name: str) -> bool:
    """Whether a path or module, without `ALCARECO`, is of a calibration's producer."""
    paths = (product.producer, *PATHS.get(product.producer, ()))
    filters = (f"FilterFor{path.removeprefix('PromptCalibProd')}" for path in paths)
    return name in paths or name.endswith(tuple(filters))


def _names(text: str, name: str) -> bool:
    """Whether a text has a name, and not one that only begins or ends with it."""
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)", text) is not None


def _open_at_the_end(log: Iterable[str]) -> str:
    """The last file that was opened, or was about to be, and not closed."""
    opened: dict[str, None] = {}
    for line in log:
        if told := _FILE.search(line):
            opened.pop(told[2], None)
            if told[1] != "Closed":
                opened[told[2]] = None
    return next(reversed(opened), "")
