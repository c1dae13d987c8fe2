#!/bin/bash
# ALCA of EcalPedestals run398610: files of RECO to one ALCARECO.
# alca.sh NODE INPUT[,INPUT…]
set -eu
umask 002
node=$1 filein=$2
mkdir "$node"
. ./cmssw.sh
enter_cmssw @WORK_DIR@/CMSSW_16_0_7_patch1
cd "$node"
output=run398610_ecalPedsALCAOUTPUT
cmsDriver.py expressStep3 --conditions 160X_dataRun3_ExpressNGT_v0 -s ALCAOUTPUT:EcalTestPulsesRaw,ALCA:PromptCalibProdEcalPedestals --datatier ALCARECO --eventcontent ALCARECO --triggerResultsProcess RERECO --nThreads 8 --nStreams 8 -n -1 \
    --filein "$filein" --no_exec --python_filename "$output.py"
printf '%s\n' 'process.ALCARECOEcalTestPulsesRaw.TriggerResultsTag = cms.InputTag("TriggerResults", "", "RERECO")' >> "$output.py"
run_cmsrun "$output"
rm -f EcalTestPulsesRaw.root
tell_made
