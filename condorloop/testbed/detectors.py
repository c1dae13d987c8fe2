"""How many channels the detectors of the testbed have.

Apart from the truth about them: who reads payloads does not wait for NumPy.
"""

N_CHANNELS = 128
"""ECAL channels of the testbed; the true calorimeter has 75848."""
N_MODULES = 96
"""Strip modules of the testbed; the true tracker has 15148."""
