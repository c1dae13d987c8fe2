# Sourced by the node scripts: enters CMSSW_16_0_7_patch1 and runs what cmsDriver.py has written.

# enter_cmssw AREA…: the first area that works, else one made in this sandbox. An area that is being
# made, or whose making was cut short, does not.
enter_cmssw() {
    # CMS's own scripts use short names such as "here"
    local condorloop_sandbox=$PWD condorloop_area= condorloop_runtime=
    set +u
    . @SETUP@
    export SCRAM_ARCH=el8_amd64_gcc13
    for condorloop_area in "$@"; do
        [ -d "$condorloop_area/src" ] || continue
        condorloop_runtime=$(cd "$condorloop_area/src" && scramv1 runtime -sh) || condorloop_runtime=
        case $condorloop_runtime in *CMSSW_VERSION=\"\"*) condorloop_runtime= ;; esac
        [ -z "$condorloop_runtime" ] || break
    done
    if [ -z "$condorloop_runtime" ]; then
        scramv1 project CMSSW CMSSW_16_0_7_patch1
        cd "$condorloop_sandbox"/CMSSW_16_0_7_patch1/src
        condorloop_runtime=$(scramv1 runtime -sh)
    fi
    eval "$condorloop_runtime"
    set -u
    cd "$condorloop_sandbox"
}

# run_cmsrun NAME: NAME.py is the configuration, NAME.log gets the output.
run_cmsrun() {
    local status=0
    cmsRun -j FrameworkJobReport.xml "$1.py" > "$1.log" 2>&1 || status=$?
    tail -n 40 "$1.log"
    return "$status"
}

# tell_made: lists the files of this folder and their sizes, so that on the access point no file of
# an earlier attempt, and none that came back in part, is taken for this one's.
tell_made() {
    stat -c '%s %n' -- * > made.list
    mv made.list made.txt
}
