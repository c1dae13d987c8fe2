"""A digital twin: the planner against simulated OMS, storage and pool, a year in a minute."""
