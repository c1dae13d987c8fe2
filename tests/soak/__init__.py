"""The soak: simulated days of a calibration node, with random faults of all kinds from a seed.

Real are the planner, the ledger, the submitter with all its parts, the renderer, and what DAGs run
on the access point. Simulated are the clock, OMS, storage, the pool with its DAGMans, the jobs and
the conditions service. The promises of the design are looked at after every step, from the books
of the simulated world.

``python -m tests.soak --seed 1 --hours 24 --repeat 10`` lives through days of the seeds 1 to 10
and prints a line of each; a broken promise is told with the last events before it, and the exit
code is 1. ``--tell`` prints the whole story, ``--only KIND`` and ``--without KIND`` choose faults
(`tests.soak.weather` names them), ``--calm`` has none, ``--keep`` leaves the folder of a broken
day. The same seed and hours are the same day, to the last word of its story.
"""
