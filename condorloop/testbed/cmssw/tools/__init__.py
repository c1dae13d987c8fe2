"""The programs: cmsDriver.py, cmsRun, edmFileUtil."""
