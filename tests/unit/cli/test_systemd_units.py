"""systemd units mean what a site says, whatever is in its paths, and close off what they can."""

import os
import pwd
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from condorloop.cli import systemd_units
from condorloop.cli.main import cli
from condorloop.cli.systemd_units import Manager, Renewal, UnitError, UnitOptions
from tests.unit.examples import TOP, site_file

NOBODY = pwd.getpwnam("nobody")
HOSTILE = "/data/50 %h/a\"b'c\\d$HOME;é"
PRINTABLE = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), min_size=1)
DIRECTIVES = {
    "Unit": "Description Wants After RequiresMountsFor StartLimitIntervalSec StartLimitBurst",
    "Service": "Type NotifyAccess TimeoutStartSec WatchdogSec ExecStart ExecReload Restart "
    "RestartSec RestartPreventExitStatus KillMode TimeoutStopSec OOMPolicy LimitCORE Environment "
    "UMask User ProtectSystem ReadWritePaths ProtectHome PrivateDevices ProtectProc "
    "ProtectKernelTunables ProtectKernelModules ProtectKernelLogs ProtectControlGroups "
    "ProtectClock ProtectHostname CapabilityBoundingSet NoNewPrivileges RestrictRealtime "
    "LockPersonality RestrictNamespaces RestrictAddressFamilies SystemCallArchitectures "
    "SystemCallFilter SystemCallErrorNumber Nice IOSchedulingClass RuntimeDirectory "
    "RuntimeDirectoryMode RuntimeDirectoryPreserve RestrictSUIDSGID MemoryDenyWriteExecute",
    "Timer": "OnCalendar RandomizedDelaySec Persistent",
    "Install": "WantedBy",
}
NEEDS_A_NAMESPACE = re.compile(r"Protect|Private|ReadWrite|CapabilityBounding|User")


def wanted(manager=Manager.SYSTEM, **more):
    settings = {
        "name": "condorloop",
        "account": "ngt",
        "program": ("/opt/condorloop/bin/python", "-m", "condorloop"),
        "options": ("--site", "/etc/ngt/site.yaml"),
        "work_dir": Path("/data/ngt"),
        "renewal": Renewal(Path("/etc/ngt.keytab"), "ngt@CERN.CH", Path("/data/krb/cache")),
    }
    return UnitOptions(manager=manager, **(settings | more))


def settings_of(text):
    """The settings of a unit: section, name and value of each."""
    section, found = "", []
    for line in text.splitlines():
        if match := re.fullmatch(r"\[(\w+)\]", line):
            section = match[1]
        elif line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            assert equals, line
            found.append((section, name, value))
    return found


def values(text, name):
    return [value for _, found, value in settings_of(text) if found == name]


def words_of(value):
    """The words of a value, as systemd.syntax(7) has them, and its specifiers replaced."""
    items = re.findall(r'"(?:[^"\\]|\\.)*"|[^\s"]+', value)
    assert " ".join(items) == value
    bare = [i[1:-1] if i.startswith('"') else i for i in items]
    texts = [re.sub(r"\\(.)", r"\1", b) for b in bare]
    assert not any(re.sub("%%", "", t).count("%") for t in texts)
    return [t.replace("%%", "%") for t in texts]


def command_of(text):
    program, *others = words_of(values(text, "ExecStart")[0])
    assert not any(re.sub(r"\$\$", "", word).count("$") for word in others)
    return [program, *(word.replace("$$", "$") for word in others)]


@pytest.mark.parametrize("manager", Manager)
@pytest.mark.parametrize("renewal", [None, wanted().renewal])
def test_every_setting_is_one_that_systemd_knows(manager, renewal):
    for name, text in systemd_units.render(wanted(manager, renewal=renewal)).items():
        assert {"service": "Service", "timer": "Timer"}[name.rpartition(".")[2]] in text
        for section, setting, _ in settings_of(text):
            assert setting in DIRECTIVES[section].split(), (name, section, setting)


@given(PRINTABLE, PRINTABLE)
def test_any_text_reaches_the_command_as_it_is(one, other):
    assert words_of(systemd_units.words(("/bin/echo", one, other)).replace("$$", "$"))[1:] == [
        one,
        other,
    ]
    assert words_of(systemd_units.quoted(f"NAME={one}")) == [f"NAME={one}"]


@pytest.mark.parametrize("text", ["a\nExecStart=/bin/sh", "a\x1b[31m", "\udcff"])
def test_what_cannot_be_written_in_a_unit_is_refused(text):
    with pytest.raises(UnitError):
        systemd_units.render(wanted(options=("--site", text)))


@pytest.mark.parametrize("name", ["", "../x", "a b", "a/b", "-a", "a%n"])
def test_what_is_no_name_of_a_unit_is_refused(name):
    with pytest.raises(UnitError):
        systemd_units.render(wanted(name=name))


def test_hostile_paths_and_values_arrive():
    asked = wanted(
        options=("--site", HOSTILE),
        environment={"COND_AUTH_PATH": HOSTILE},
        renewal=Renewal(Path(HOSTILE), "a$b%c", Path("/run/x/cache")),
    )
    of = systemd_units.render(asked)
    assert command_of(of["condorloop.service"])[-3:] == ["run", "--site", HOSTILE]
    assert command_of(of["condorloop-cleanup.service"])[-3:] == ["cleanup", "--site", HOSTILE]
    assert command_of(of["condorloop-kerberos.service"])[-2:] == [HOSTILE, "a$b%c"]
    environment = [w for v in values(of["condorloop.service"], "Environment") for w in words_of(v)]
    assert f"COND_AUTH_PATH={HOSTILE}" in environment


def test_only_the_work_dir_the_ticket_and_the_tmp_of_all_are_writable():
    text = systemd_units.render(wanted())["condorloop.service"]
    assert values(text, "ProtectSystem") == ["strict"]
    writable = {word for value in values(text, "ReadWritePaths") for word in words_of(value)}
    assert writable == {"/tmp", "/data/ngt", "-/data/krb"}
    assert values(text, "PrivateTmp") == []


def test_a_users_units_have_nothing_that_a_users_systemd_cannot_do():
    for name, text in systemd_units.render(wanted(Manager.USER)).items():
        refused = [s for _, s, _ in settings_of(text) if NEEDS_A_NAMESPACE.match(s)]
        assert refused == [], name
        assert set(values(text, "WantedBy")) <= {"default.target", "timers.target"}


def test_every_command_of_the_loop_finds_the_ticket_that_is_renewed():
    of = systemd_units.render(wanted())
    for name in ("condorloop.service", "condorloop-cleanup.service", "condorloop-kerberos.service"):
        assert "KRB5CCNAME=FILE:/data/krb/cache" in values(of[name], "Environment"), name


def test_each_unit_that_another_one_names_is_there():
    asked = wanted(name="ngt-2026")
    of = systemd_units.render(asked)
    assert set(systemd_units.to_enable(asked)) <= set(of)
    assert set(values(of["ngt-2026.service"], "Wants")) <= {*of, "network-online.target"}
    for timer in (name for name in of if name.endswith(".timer")):
        assert timer.replace(".timer", ".service") in of


KINIT = """#!/bin/sh
echo "$@" >> "$CALLS"
[ "$1" = -R ] || exit "$KEYTAB_FAILS"
"""


@pytest.mark.parametrize(
    ("keytab_fails", "calls"),
    [(0, ["-k -t /etc/ngt.keytab ngt@CERN.CH"]), (1, ["-k -t /etc/ngt.keytab ngt@CERN.CH", "-R"])],
)
def test_the_ticket_comes_from_the_keytab_and_else_from_the_old_ticket(
    tmp_path, keytab_fails, calls
):
    kinit = tmp_path / "kinit"
    kinit.write_text(KINIT)
    kinit.chmod(0o755)
    command = command_of(systemd_units.render(wanted())["condorloop-kerberos.service"])
    environment = {
        "PATH": f"{tmp_path}:{os.defpath}",
        "CALLS": str(tmp_path / "calls"),
        "KEYTAB_FAILS": str(keytab_fails),
    }
    subprocess.run(command, env=environment, check=True, timeout=60)
    assert (tmp_path / "calls").read_text().splitlines() == calls


@pytest.fixture
def systemd(tmp_path):
    """The command, in this process, in a folder of its own."""
    site = site_file(tmp_path)
    umask, environment = os.umask(0o022), dict(os.environ)

    def run(*arguments, more="", **variables):
        site.write_text(site.read_text() + more)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            command = ["systemd", "--site", str(site), *arguments]
            return CliRunner().invoke(cli, command, env=variables)

    yield run
    os.umask(umask)
    os.environ.clear()
    os.environ.update(environment)


def test_the_command_writes_units_and_says_what_to_type(tmp_path, systemd):
    done = systemd("--account", "nobody", "-c", "BeamSpot")
    assert done.exit_code == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    for line in lines:
        subprocess.run(["sh", "-nc", line], check=True, timeout=60)
    [install] = [line for line in lines if line.startswith("install ")]
    installed = [word for word in shlex.split(install) if word.startswith(str(tmp_path))]
    assert sorted(Path(f).name for f in installed) == sorted(
        f.name for f in (tmp_path / "systemd").iterdir()
    )
    text = (tmp_path / "systemd" / "condorloop.service").read_text()
    assert values(text, "User") == ["nobody"]
    assert command_of(text)[1:] == [
        "-m",
        "condorloop",
        "run",
        "--site",
        str(tmp_path / "site.yaml"),
        "-c",
        "BeamSpot",
    ]


def test_the_units_run_the_calibrations_of_the_shell_that_wrote_them(tmp_path, systemd):
    folder = shutil.copytree(TOP / "calibrationYAML", tmp_path / "trial" / "calibrationYAML")
    shutil.copy(TOP / "ngtParameters.jsn", tmp_path / "trial")
    done = systemd("--account", "nobody", CONDORLOOP_CALIBRATIONS=str(folder))
    assert done.exit_code == 0, done.stderr
    for name in ("condorloop.service", "condorloop-cleanup.service"):
        command = command_of((tmp_path / "systemd" / name).read_text())
        assert command[command.index("--calibrations") + 1] == str(folder)
    [line] = [each for each in done.stdout.splitlines() if "For your shell" in each]
    assert f"CONDORLOOP_CALIBRATIONS={folder}" in line


def test_the_variables_that_the_site_file_asks_for_go_with_it(tmp_path, systemd):
    more = "conditions: {auth_path: '${NGT_AUTH}'}\nenvironment: {KRB5CCNAME: 'FILE:/tmp/ngt'}\n"
    keytab = ["--keytab", "ngt.keytab", "--principal", "ngt@CERN.CH"]
    asked = {"more": more, "NGT_AUTH": "/nfs/50 %", "OTHER": "not asked for"}
    done = systemd("--account", "nobody", *keytab, "-e", "LANG=C.UTF-8", **asked)
    assert done.exit_code == 0, done.stderr
    text = (tmp_path / "systemd" / "condorloop.service").read_text()
    environment = {word for value in values(text, "Environment") for word in words_of(value)}
    assert environment >= {"NGT_AUTH=/nfs/50 %", "LANG=C.UTF-8", "KRB5CCNAME=FILE:/tmp/ngt"}
    assert "OTHER" not in text
    kerberos = (tmp_path / "systemd" / "condorloop-kerberos.service").read_text()
    assert command_of(kerberos)[-2] == str(tmp_path / "ngt.keytab")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--account", "root"], "runs no jobs of root"),
        (["--account", "no-such-account"], "nobody here has this name"),
        (["--account", "nobody", "--keytab", "x"], "go together"),
        (["--account", "nobody", "--name", "a b"], "no name of a unit"),
        (["--account", "nobody", "-e", "OMS_PASSWORD=x"], "not the secret"),
    ],
)
def test_what_cannot_be_is_refused_in_words(tmp_path, systemd, arguments, told):
    done = systemd(*arguments)
    assert done.exit_code == 2
    assert told in " ".join(done.stderr.split())
    assert not (tmp_path / "systemd").exists()


def test_a_ticket_that_is_in_no_file_cannot_be_renewed(systemd):
    keytab = ["--account", "nobody", "--keytab", "x", "--principal", "ngt@CERN.CH"]
    done = systemd(*keytab, more="environment: {KRB5CCNAME: 'KEYRING:persistent:1'}\n")
    assert done.exit_code == 2
    assert "KEYRING" in done.stderr
