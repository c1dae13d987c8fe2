#!/bin/sh
# What this DAG does on the access point: inputs, finish NODE EXITCODE, upload.
umask 002
# -P: Python looks for no module in the DAG's directory
exec @PYTHON@ -P -m condorloop.brief condorloop.node "$@"
