"""CMSSW's tools as shell scripts that cost almost nothing, so that the manager's cost shows.

Knows what the node scripts ask of the tools, and what is looked at in what they leave. A RAW file
tells by its name, ``<run>_<LS>.root``, what is in it; files of jobs by their last line.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import uproot

from condorloop.config import shipped_known
from condorloop.config.stream import Stream
from condorloop.model.enums import TimeType
from condorloop.testbed.cmssw.install import install as install_stand_ins
from condorloop.testbed.conditions import sqlite_file

EVENTS = 100
"""Of a lumisection."""

_TOOLS = {
    "edmFileUtil": """\
#!/bin/sh
for file; do :; done
name=${file##*/} name=${name%.root}
echo "$file (1 runs, 1 lumis, @EVENTS@ events, 1 bytes)"
echo "${name%_*} ${name#*_} @EVENTS@"
""",
    "cmsDriver.py": """\
#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in
        -s) step=$2 ;;
        --filein) inputs=$2 ;;
        --fileout) output=${2#file:} ;;
        --python_filename) python=$2 ;;
    esac
    shift
done
printf '%s\\n' "$step" "$inputs" "$output" > "$python"
""",
    "cmsRun": """\
#!/bin/sh
{ read -r step; read -r inputs; read -r output; } < "$3"
@WORK@
lumis= IFS=,
for file in $inputs; do
    case $step in
        RAW2DIGI*) name=${file##*/} name=${name%.root} run=${name%_*} of_file=${name#*_} ;;
        *) read -r run of_file <<END
$(tail -n 1 "${file#file:}" | tr ' ' ,)
END
        ;;
    esac
    lumis=$lumis,$of_file
done
set -- ${lumis#,}
{
    echo "<FrameworkJobReport><InputFile><EventsRead>$(($# * @EVENTS@))</EventsRead>"
    echo "<Runs><Run ID=\\"$run\\">"
    for ls; do echo "<LumiSection ID=\\"$ls\\"/>"; done
    echo "</Run></Runs></InputFile></FrameworkJobReport>"
} > FrameworkJobReport.xml
case $step in
    ALCAHARVEST:*) cp @FOLDER@/"${step#*:}.db" promptCalibConditions.db; exit ;;
    *ALCA:*) output=${step##*ALCA:}.root ;;
esac
IFS=' '
{ cat @FOLDER@/empty.root; echo; echo "$run $*"; } > "$output"
""",
    "uploadConditions.py": """\
#!/bin/sh
for file; do :; done
tag=$(tr -d '\\n' < "${file%.db}.txt" | sed 's/.*"destinationTags": *{ *"\\([^"]*\\)".*/\\1/')
echo "tag $tag successfully uploaded"
""",
}


def install(folder: Path, work: str = "") -> Path:
    """Write the tools, and what they copy; give the script that sets CMSSW up.

    Parameters
    ----------
    work
        What each cmsRun does besides: a command of the shell.
    """
    install_stand_ins(folder, sys.executable, folder / "faults")
    with uproot.recreate(folder / "empty.root"):
        pass
    calibrations, _ = shipped_known()
    for calibration in (c for c in calibrations.values() if isinstance(c, Stream)):
        harvest = calibration.harvest
        file = folder / f"{harvest.cms_driver.step.removeprefix('ALCAHARVEST:')}.db"
        time_type = TimeType.LUMI if calibration.by_lumi else TimeType.RUN
        [record] = harvest.records
        row = (1, b"constants")
        sqlite_file.write(file, record.input_tag, time_type, "Object", "any", [row])
    values = {
        "FOLDER": shlex.quote(str(folder)),
        "EVENTS": str(EVENTS),
        "WORK": work,
    }
    for tool, text in _TOOLS.items():
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        (folder / "bin" / tool).write_text(text)
    return folder / "cmsset_default.sh"
