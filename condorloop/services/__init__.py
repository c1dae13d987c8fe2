"""The outside world, one module each: OMS, storage, CMSSW, conditions, Kerberos."""
