"""The shell side of a CMSSW installation: cmsset_default.sh, scramv1, and the tools' wrappers.

Plain sh, because every job of the testbed goes through it. Sources: cms-sw/cms-common
(cmsset_default.sh) and cms-sw/SCRAM (Core.py, project.py, ProjectDB.py, runtime.py). As the true
one, `runtime` ends with 0 and a whole environment though the release is gone.
"""

from __future__ import annotations

CMSSET_DEFAULT = """\
# CMS software environment: the testbed's stand-in.
cms_basedir=@FOLDER@
here=$cms_basedir
export PATH="$cms_basedir/common:$PATH"
if [ ! "$SCRAM_ARCH" ]; then
    SCRAM_ARCH=@DEFAULT_ARCH@
    export SCRAM_ARCH
fi
for arch in share "$SCRAM_ARCH"; do
    for pkg in "$here/$arch"/etc/profile.d/S*.sh; do
        [ ! -f "$pkg" ] || . "$pkg" >/dev/null 2>&1
    done
    unset pkg
done
if [ ! "$CMS_PATH" ]; then
    export CMS_PATH="$here"
fi
if [ ! "$SITECONFIG_PATH" ]; then
    export SITECONFIG_PATH="$CMS_PATH/SITECONF/local"
fi
if [ -f "$SITECONFIG_PATH/JobConfig/cmsset_local.sh" ]; then
    . "$SITECONFIG_PATH/JobConfig/cmsset_local.sh"
fi
unset here cms_basedir arch
alias cmsenv='eval `scramv1 runtime -sh`'
alias cmsrel='scramv1 project CMSSW'
"""
"""An architecture that was not set is the machine's, which need not have the release. As in the
true one, the variables `here`, `cms_basedir` and `arch` of the shell that sources it are lost, and
scripts of profile.d and of the site are sourced, whatever they return."""

PROFILE = """\
# Of one of CMS's packages: none of them is written for `set -e` or `set -u`.
[ "$CMS_PACKAGE_NOBODY_HAS" ] && export CMS_PACKAGE_NOBODY_HAS
"""
"""A script of profile.d, which returns 1."""

SCRAMV1 = """\
#!/bin/sh
# SCRAM: the testbed's stand-in. `project` and `runtime` only.
top=@FOLDER@

fatal() { echo "SCRAM fatal: $1" >&2; exit 1; }

release() { # release ARCH VERSION: where it is installed, if it is
    for kind in cmssw cmssw-patch; do
        if [ -d "$top/$1/cms/$kind/$2" ]; then
            found="$top/$1/cms/$kind/$2"
            return 0
        fi
    done
    return 1
}

project() {
    dir=$PWD name=
    while :; do
        case $1 in
            -d|--dir) dir=$2; shift 2 ;;
            -n|--name) name=$2; shift 2 ;;
            *) break ;;
        esac
    done
    [ "$1" ] || fatal 'Error parsing arguments. See "scram -help" for usage info.'
    version=${2:-$1}
    arch=$SCRAM_ARCH
    if ! release "$arch" "$version"; then
        others= count=0
        system=${arch%_*}
        for each in "$top/$system"_*; do
            each=${each##*/}
            if release "$each" "$version"; then
                others="$others
    $each"
                count=$((count + 1)) arch=$each
            fi
        done
        if [ $count -ne 1 ]; then
            echo "ERROR: Project \\"CMSSW\\" version \\"$version\\" is not available for arch \\
$SCRAM_ARCH." >&2
            if [ $count -gt 1 ]; then
                echo "       \\"CMSSW\\" is currently available for following archs." >&2
                echo "       Please set SCRAM_ARCH properly and re-run the command.$others" >&2
            else
                echo "       Please make sure you have used the correct name/version." >&2
                echo "       You can run \\"scram list \\$projectname\\" to get the list of \\
available versions." >&2
            fi
            exit 1
        fi
        release "$arch" "$version"
        echo "WARNING: Release $version is not available for architecture $SCRAM_ARCH"
        echo "         Developer's area is created for available architecture $arch."
    fi
    area=$dir/${name:-$version}
    if [ -d "$area/.SCRAM/$arch" ]; then
        echo "WARNING: There already exists $area area for SCRAM_ARCH $arch." >&2
        exit 0
    fi
    mkdir -p "$area/.SCRAM/$arch" "$area/src" "$area/lib/$arch" "$area/bin/$arch" || exit 1
    echo "RELEASETOP=$found" > "$area/.SCRAM/$arch/Environment"
    echo "SCRAM_PROJECTVERSION=$version" > "$area/.SCRAM/Environment"
}

runtime() {
    case $1 in
        -sh|--sh|-bash|sh) form=sh ;;
        -csh|--csh|-tcsh|csh) form=csh ;;
        *) fatal 'Error parsing arguments. See "scram -help" for usage info.' ;;
    esac
    area=$PWD
    while [ ! -d "$area/.SCRAM" ]; do
        [ "$area" ] || fatal "Unable to locate the top of local release. \\
Please run this command from a SCRAM-based area."
        area=${area%/*}
    done
    arch=$SCRAM_ARCH
    if [ ! -d "$area/.SCRAM/$arch" ]; then
        for each in "$area"/.SCRAM/*/; do
            each=${each%/} arch=${each##*/}
        done
    fi
    IFS== read -r _ version < "$area/.SCRAM/Environment"
    IFS== read -r _ base < "$area/.SCRAM/$arch/Environment"
    tools=$top/bin
    if [ ! -d "$base" ]; then
        echo "********** ERROR: Missing Release top ************
  The release area \\"$base\\"
  for \\"CMSSW\\" version \\"$version\\" is not available/usable." >&2
        tools=$base/bin/$arch
    fi
    set_variable CMSSW_BASE "$area"
    set_variable CMSSW_VERSION "$version"
    set_variable CMSSW_RELEASE_BASE "$base"
    set_variable LOCALRT "$area"
    set_variable SCRAM_ARCH "$arch"
    case :$PATH: in
        *:"$tools":*) set_variable PATH "$PATH" ;;
        *) set_variable PATH "$area/bin/$arch:$tools:$PATH" ;;
    esac
}

set_variable() {
    if [ $form = sh ]; then
        echo "export $1=\\"$2\\";"
    else
        echo "setenv $1 \\"$2\\";"
    fi
}

if [ ! "$SCRAM_ARCH" ]; then
    SCRAM_ARCH=@DEFAULT_ARCH@
    export SCRAM_ARCH
fi
command=$1
[ $# -gt 0 ] && shift
case $command in
    p|pro|proj|project) project "$@" ;;
    ru|run|runtime) runtime "$@" ;;
    arch) echo "$SCRAM_ARCH" ;;
    *) echo "SCRAM HELP ------------- Recognised Commands: arch project runtime" ;;
esac
"""

WRAPPER = """\
#!/bin/sh
# one thread for linear algebra: starting more costs longer than the work
export OPENBLAS_NUM_THREADS=1 CONDORLOOP_TESTBED_FAULTS=@FAULTS@@PYTHONPATH@
export CONDORLOOP_TESTBED_CONDITIONS=@CONDITIONS@
exec @PYTHON@ -m condorloop.node.fast_exit @MODULE@ "$@"
"""
