"""From the tables of an older condorloop to those of this one."""
