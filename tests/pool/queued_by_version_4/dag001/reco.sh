#!/bin/bash
# RECO of EcalPedestals run398610: RAW files to one file of RECO.
# reco.sh NODE OUTPUT INPUT[,INPUT…]
set -eu
umask 002
node=$1 output=$2 filein=$3
mkdir "$node"
. ./cmssw.sh
enter_cmssw @WORK_DIR@/CMSSW_16_0_7_patch1
cd "$node"
cmsDriver.py expressStep2 --conditions 160X_dataRun3_ExpressNGT_v0 -s RAW2DIGI,RECO,ALCAPRODUCER:EcalTestPulsesRaw --datatier ALCARECO --eventcontent ALCARECO --data --process RERECO --scenario pp --era Run3 --nThreads 8 --nStreams 8 -n -1 \
    --filein "$filein" --fileout "file:$output.root" --no_exec --python_filename "$output.py"
run_cmsrun "$output" || {
    status=$?
    rm -f "$output.root"
    exit "$status"
}
tell_made
