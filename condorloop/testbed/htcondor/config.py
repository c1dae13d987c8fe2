"""The configuration of the testbed's HTCondor pool: loopback only, tuned for jobs of seconds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template
from types import MappingProxyType

from condorloop.testbed.prefix.prefix import Prefix

MEMORY_POLICY: Mapping[str, str] = MappingProxyType({"use POLICY": "HOLD_IF_MEMORY_EXCEEDED"})
"""Settings with which a job that outgrows its ``request_memory`` is put on hold, as sites do."""

CONFIG = Template("""\
use ROLE:Personal

# All state in one folder, nothing from the machine's own configuration
LOCAL_CONFIG_FILE =
LOCAL_CONFIG_DIR =
LOCAL_DIR = $folder
LOG = $folder/log
SPOOL = $folder/spool
EXECUTE = $folder/execute
LOCK = $folder/lock
RUN = $folder/run
PROCD_ADDRESS = $folder/run/procd
RELEASE_DIR = $release
BIN = $bin
SBIN = $sbin
LIB = $lib
LIBEXEC = $libexec
MASTER_ADDRESS_FILE = $folder/log/.master_address
COLLECTOR_ADDRESS_FILE = $folder/log/.collector_address
SCHEDD_ADDRESS_FILE = $folder/log/.schedd_address
# the folder on each daemon's command line tells whose it is, should the master be killed
SHARED_PORT_ARGS = -pidfile $folder/run/shared_port.pid
COLLECTOR_ARGS = -pidfile $folder/run/collector.pid
NEGOTIATOR_ARGS = -pidfile $folder/run/negotiator.pid
SCHEDD_ARGS = -pidfile $folder/run/schedd.pid
STARTD_ARGS = -pidfile $folder/run/startd.pid

# Loopback only, on any free port
CONDOR_HOST = 127.0.0.1
COLLECTOR_HOST = 127.0.0.1:0
NETWORK_INTERFACE = 127.0.0.1
BIND_ALL_INTERFACES = False
USE_SHARED_PORT = True
# abstract sockets: a path in a deep folder would exceed the 108 bytes of a socket's name
DAEMON_SOCKET_DIR = auto

# Only the user who started the pool may use it; daemons and commands prove it by the file system
SEC_DEFAULT_AUTHENTICATION = REQUIRED
SEC_DEFAULT_AUTHENTICATION_METHODS = FS
SEC_PASSWORD_DIRECTORY = $folder/passwords.d
SEC_TOKEN_DIRECTORY = $folder/tokens.d
SEC_TOKEN_SYSTEM_DIRECTORY = $folder/tokens.d
# root's commands work on a pool that root started in a user namespace, where root is this user
CONDOR_IDS = 0.0
THE_USER = $$(USERNAME)@$$(UID_DOMAIN)
ALLOW_READ = $$(THE_USER)
ALLOW_WRITE = $$(THE_USER)
ALLOW_DAEMON = $$(THE_USER)
ALLOW_NEGOTIATOR = $$(THE_USER)
ALLOW_ADMINISTRATOR = $$(THE_USER)
ALLOW_READ_COLLECTOR = $$(THE_USER)
ALLOW_READ_STARTD = $$(THE_USER)
ALLOW_WRITE_COLLECTOR = $$(THE_USER)
ALLOW_WRITE_STARTD = $$(THE_USER)
ALLOW_NEGOTIATOR_SCHEDD = $$(THE_USER)

# One slot, cut to the size of each job; jobs of a testbed mostly sleep, so that it may claim
# more than the machine has
NUM_CPUS = $cpus
MEMORY = $memory
NUM_SLOTS = 1
NUM_SLOTS_TYPE_1 = 1
SLOT_TYPE_1 = 100%
SLOT_TYPE_1_PARTITIONABLE = True

# A submitted job starts within 0.1 s: negotiation and start follow the submission at once (0),
# not at the next tick of a clock; so DAGMan, which looks once a second, never misses by a little
NEGOTIATOR_INTERVAL = 2
NEGOTIATOR_MIN_INTERVAL = 0
NEGOTIATOR_CYCLE_DELAY = 0
SCHEDD_INTERVAL = 1
SCHEDD_MIN_INTERVAL = 0
# the starter asks the shadow whether input files are there; asked a moment too early the shadow
# says "ask again in 5 s", which it did to most jobs. Now it says "carry on". Costs: no transfer
# of input files common to jobs, no retry of a failed transfer in the same start
GUIDANCE_KEEP_CALM_AND = True
UPDATE_INTERVAL = 2
POLLING_INTERVAL = 2
# what holds, releases and removes jobs is looked at every 60 s by default
PERIODIC_EXPR_INTERVAL = 2
STARTER_INITIAL_UPDATE_INTERVAL = 1
STARTER_UPDATE_INTERVAL = 2
SHADOW_QUEUE_UPDATE_INTERVAL = 2
# how long a job can use more memory than it asked for before anybody knows; 15 s by default
PID_SNAPSHOT_INTERVAL = 2
# nothing to be tried out at the start of the execution point; Java would leave files in /tmp
ENABLE_URL_TRANSFERS = False
RUNBENCHMARKS = False
SINGULARITY = /usr/bin/false
DOCKER =
JAVA =

# DAGMan: at most a second behind the event log; its DAG_* attributes fresh for condor_q
DAGMAN_USER_LOG_SCAN_INTERVAL = 1
DAGMAN_QUEUE_UPDATE_INTERVAL = 2
# a testbed may well be in a folder in /tmp
DAGMAN_AVOID_SLASH_TMP = False
DAGMAN_VERBOSITY = 3

# A daemon that died comes back at once, and so does a DAGMan: tests of restarts wait for them
MASTER_BACKOFF_CONSTANT = 1
SCHEDULER_UNIVERSE_COOL_DOWN_DURATION = 3

MAIL = /bin/true
SENDMAIL = /bin/true
""")


def text(
    folder: Path, prefix: Prefix, cpus: int, memory_mb: int, settings: Mapping[str, str]
) -> str:
    """Give the configuration of a pool whose state is in `folder`.

    `settings` come last, so that they win. One named ``use POLICY`` (or another category) uses that
    template: with HOLD_IF_MEMORY_EXCEEDED a job that outgrows its request is put on hold, reason
    code 21, subcode 102, and submitted again where it has ``retry_request_memory``.
    """
    config = CONFIG.substitute(
        folder=folder,
        release=prefix.release,
        bin=prefix.bin,
        sbin=prefix.sbin,
        lib=prefix.lib,
        libexec=prefix.libexec,
        cpus=cpus,
        memory=memory_mb,
    )
    return config + lines(settings)


def lines(settings: Mapping[str, str]) -> str:
    """Write settings as lines of a configuration."""
    separators = {name: ":" if name.startswith("use ") else "=" for name in settings}
    return "".join(f"{n} {separators[n]} {value}\n" for n, value in settings.items())
