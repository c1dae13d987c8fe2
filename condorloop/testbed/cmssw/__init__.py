"""Stand-ins for CMSSW: its environment, cmsDriver.py, cmsRun and edmFileUtil.

Options, outputs, messages and exit codes are those of the true tools; the work is small and
honest. Only what a tool needs is imported, because each job starts several of them.
"""
