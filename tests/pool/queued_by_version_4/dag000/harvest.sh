#!/bin/bash
# HARVEST of EcalPedestals run398610: all complete ALCARECO to a payload.
# harvest.sh NODE
set -eu
umask 002
node=$1
mkdir "$node"
. ./cmssw.sh
enter_cmssw /nfshome0/sakura/CMSSW_16_0_7_patch1 @WORK_DIR@/CMSSW_16_0_7_patch1
cd "$node"
output=run398610_ecalPedsHARVESTING
filein=$(sed 's,^,file:../inputs/,' ../inputs.txt | paste -sd,)
cmsDriver.py expressStep4 --conditions 160X_dataRun3_ExpressNGT_v0 -s ALCAHARVEST:EcalPedestals --scenario pp --data -n -1 \
    --filein "$filein" --no_exec --python_filename "$output.py"
printf '%s\n' 'process.PoolDBOutputService.toPut[0].tag = cms.string("EcalPedestals_NGTDemonstrator")' >> "$output.py"
run_cmsrun "$output"
tell_made
