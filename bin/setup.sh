# Sourced by the launchers: makes the process unprivileged, makes the virtual environment, and sets
#   checkout   the folder above bin
#   state      where launchers keep what they start
#   venv       the virtual environment with the packages of setup.cfg
# A launcher calls `prepare "$0" "$@"` before anything else; one that starts neither HTCondor nor
# XRootD calls `set_up "$0"`, and stays who it is.

prepare() {
    [ "$(id -u)" -ne 0 ] || as_ordinary_user "$@"
    set_up "$1"
}

set_up() {
    checkout=$(CDPATH='' cd -- "$(dirname -- "$1")/.." && pwd -P)
    if [ -w "$checkout" ]; then
        state=$checkout/.testbed
        venv=$checkout/.venv
    else
        own=$(printf %s "$checkout" | cksum | cut -d ' ' -f 1)
        state=${XDG_CACHE_HOME:-$HOME/.cache}/condorloop/checkout-$own
        venv=$state/venv
    fi
    export CONDORLOOP_STATE="$state"
    make_venv
}

fail() {
    echo "condorloop: $*" >&2
    exit 1
}

# Neither HTCondor nor XRootD works as root. In a user namespace root's process is seen as another
# user, who can still read and write root's files.
as_ordinary_user() {
    launcher=$1
    shift
    user=$(getent passwd 1000 || getent passwd nobody) || fail "no user but root is known here"
    uid=$(echo "$user" | cut -d : -f 3)
    gid=$(echo "$user" | cut -d : -f 4)
    set -- --user --map-user="$uid" --map-group="$gid" -- "$launcher" "$@"
    unshare --user --map-user="$uid" --map-group="$gid" -- true 2>/dev/null ||
        fail "this is root, as whom HTCondor and XRootD do not work, and a user namespace is" \
            "forbidden here: run $launcher as an ordinary user, or allow user namespaces" \
            "(containers: --security-opt seccomp=unconfined; hosts: sysctl user.max_user_namespaces)"
    exec unshare "$@"
}

make_venv() {
    mkdir -p "$venv" "$state" 2>/dev/null || fail "$venv cannot be written"
    wanted="$(cksum <"$checkout/setup.cfg") $checkout"
    ! is_made || return 0
    [ -e "$venv/lock" ] || (umask 007 && : >"$venv/lock")
    exec 9>"$venv/lock"
    if command -v flock >/dev/null; then
        flock -n 9 || { echo "waiting for another launcher's set-up" >&2; flock 9; }
    fi
    is_made || fill_venv
    exec 9>&-
}

is_made() {
    [ "$(cat "$venv/made-for" 2>/dev/null)" = "$wanted" ] && "$venv/bin/python" -c '' 2>/dev/null
}

fill_venv() {
    began=$(date +%s)
    log=$state/setup.log
    if [ -e "$venv/made-for" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        rm "$venv/made-for"
    else
        # left by a set-up that was interrupted, or of a Python that is gone
        find "$venv" -mindepth 1 -maxdepth 1 ! -name lock -exec rm -rf {} +
        find_python
        echo "making a virtual environment in $venv with $("$python" --version)" >&2
        "$python" -m venv "$venv" >"$log" 2>&1 ||
            { "$python" -m venv --without-pip "$venv" && "$python" -m pip --python \
                "$venv/bin/python" install --quiet pip; } >>"$log" 2>&1 ||
            "$python" -m virtualenv --quiet "$venv" >>"$log" 2>&1 ||
            fail "$python cannot make a virtual environment: install its venv module" \
                "(Debian: package python3-venv); see $log"
    fi
    echo "installing the Python packages of setup.cfg (once, about a minute)" >&2
    requirements >"$state/requirements.txt" &&
        "$venv/bin/python" -m pip install --disable-pip-version-check --no-input \
            --requirement "$state/requirements.txt" >>"$log" 2>&1 ||
        fail "the Python packages cannot be installed:" \
            "$(grep -E '^ *(ERROR|error):?' "$log" | tail -n 1); see $log"
    echo "$checkout" >"$(echo "$venv"/lib/python3*/site-packages)/condorloop.pth"
    printf '#!/bin/sh\nexec "%s/bin/python" -m condorloop "$@"\n' "$venv" >"$venv/bin/condorloop"
    chmod +x "$venv/bin/condorloop"
    echo "$wanted" >"$venv/made-for"
    echo "set up in $(($(date +%s) - began)) s" >&2
}

find_python() {
    for python in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            return
        fi
    done
    fail "Python 3.11 or newer is needed, and none of python3, python3.11 ... python3.14 is one"
}

# Not `pip install -e`: that writes into the checkout, which may be another user's.
requirements() {
    "$venv/bin/python" - "$checkout/setup.cfg" <<'PYTHON'
import configparser
import sys

config = configparser.ConfigParser()
config.read(sys.argv[1])
extras = config["options.extras_require"]
for group in (config["options"]["install_requires"], *extras.values()):
    for requirement in group.split("\n"):
        if requirement and not requirement.startswith("condorloop["):
            print(requirement)
PYTHON
}
