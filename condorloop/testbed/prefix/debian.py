"""Packages of a suite of the Debian archive that this machine uses, fetched without root.

apt works on lists, status and cache of its own; its settings for proxies, logins and the like are
the machine's. Nothing is installed.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from condorloop.errors import CondorloopError

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

# what the executables wanted here do without: interpreters, accounts, documents
LEFT_OUT = re.compile(
    r"(lib)?(perl|python|pam|tcl).*|lib.*-perl|(base-)?passwd|adduser|login.*|dpkg|debconf|tzdata"
    r"|fonts-.*|libjs-.*|node-.*|systemd|libsystemd-shared|cron.*|expect|jq|cryptsetup.*"
)

SETTINGS = """\
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::Lists "{folder}/lists";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
// the machine's pins and default release are for its own suite
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
#clear APT::Default-Release;
// what the machine does after an update is about its own lists
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Update::Error-Mode "any";
APT::Install-Recommends "false";
Acquire::Languages "none";
"""

UNREACHABLE = (
    "Could not resolve",
    "Temporary failure",
    "Could not connect",
    "Unable to connect",
    "Network is unreachable",
    "No route to host",
    "Connection failed",
    "Connection timed out",
)
NO_SUCH_SUITE = ("does not have a Release file", "404  Not Found")


class ArchiveError(CondorloopError):
    """The packages cannot be had; the message is one line."""


def archives_in_use(indextargets: str) -> list[str]:
    """Choose the Debian archives among ``apt-get indextargets``.

    Parameters
    ----------
    indextargets
        Lines of repository URI, codename and origin.

    Returns
    -------
    list of str
        Their URIs, without those of updates and security suites, which are archives apart.
    """
    rows = (line.split() for line in indextargets.splitlines())
    uris = [row[0] for row in rows if len(row) == 3 and row[2] == "Debian" and "-" not in row[1]]
    return list(dict.fromkeys(uris))


def archives_configured(print_uris: str) -> list[str]:
    """Choose likely archives among ``apt-get update --print-uris``, where no lists are kept.

    Any archive may be among them; the Debian keyring rejects those that are not Debian's.
    """
    found = re.findall(r"^'([^']+?/?)dists/([^'/]+)/InRelease'", print_uris, re.MULTILINE)
    return list(dict.fromkeys(uri for uri, suite in found if "-" not in suite))


def chosen(simulation: str, wanted: Collection[str] = ()) -> dict[str, str]:
    """Read names and versions from ``apt-get --simulate install``, less what is left out.

    What is `wanted` by name is never left out.
    """
    rows = re.findall(r"^Inst (\S+) (?:\[\S+\] )?\((\S+) ", simulation, re.MULTILINE)
    return {name: v for name, v in rows if name in wanted or not LEFT_OUT.fullmatch(name)}


def as_installed(records: str) -> str:
    """Make from ``apt-cache show`` what apt takes for the status of installed packages.

    They depend on nothing any more, so that apt finds nothing broken.
    """
    alone = re.sub(r"^(Pre-)?Depends:.*\n( .*\n)*", "", records, flags=re.MULTILINE)
    return re.sub(
        r"^(Package: .*)$", r"\1\nStatus: install ok installed", alone, flags=re.MULTILINE
    )


def own_suite() -> str:
    """Name the suite of Debian that this machine is of, whose libraries fit the machine's libc.

    Raises
    ------
    ArchiveError
        It is of none.
    """
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    if release.get("ID") != "debian" or not release.get("VERSION_CODENAME"):
        raise ArchiveError(f"this is {release.get('PRETTY_NAME', 'a system')}, not Debian")
    return release["VERSION_CODENAME"]


def explain(output: str, suite: str) -> str:
    """Say in one line why apt failed."""
    errors = [line for line in output.splitlines() if line.startswith(("E:", "Err:", "W:"))]
    text = next((line for line in errors if line.startswith("E:")), "apt-get failed: no reason")
    if any(sign in output for sign in UNREACHABLE):
        return f"the package archive cannot be reached ({text})"
    if any(sign in output for sign in NO_SUCH_SUITE):
        return f"this machine's package archive has no suite {suite} ({text})"
    return text


@dataclass(frozen=True)
class Archive:
    """One suite of an archive, with apt's state in `folder`."""

    folder: Path
    suite: str

    @classmethod
    def open(cls, folder: Path, suite: str) -> Archive:
        """Read the package lists of `suite` from the archive that this machine's apt uses.

        Raises
        ------
        ArchiveError
            No archive is configured, none can be reached, or none has the suite.
        """
        if not KEYRING.exists():
            raise ArchiveError(f"{KEYRING} is missing (package debian-archive-keyring)")
        archive = cls(folder, suite)
        archive._write_settings()
        fields = "$(REPO_URI) $(CODENAME) $(ORIGIN)"
        uris = archives_in_use(_run(["apt-get", "indextargets", "--format", fields]).stdout)
        if not uris:
            listing = ["-o", f"Dir::State::Lists={folder}/lists", "update", "--print-uris"]
            uris = archives_configured(_run(["apt-get", *listing]).stdout)
        if not uris:
            raise ArchiveError("apt on this machine is configured for no Debian archive")
        for uri in uris:
            source = f"deb [arch=amd64 signed-by={KEYRING}] {uri} {suite} main\n"
            (folder / "sources.list").write_text(source)
            update = archive._apt("update")
            if update.returncode == 0:
                return archive
        raise ArchiveError(explain(update.stdout + update.stderr, suite))

    def needed(self, wanted: Sequence[str]) -> dict[str, str]:
        """Give names and versions of the packages `wanted` and of what they depend on."""
        plan = self._apt("--simulate", "install", *wanted)
        if plan.returncode:
            raise ArchiveError(explain(plan.stdout + plan.stderr, self.suite))
        return chosen(plan.stdout, wanted)

    def do_without(self, packages: Collection[str]) -> None:
        """Let apt take these packages for installed: neither they nor what they need is needed."""
        if packages:
            shown = self._run("apt-cache", "show", "--no-all-versions", *packages)
            if shown.returncode:
                raise ArchiveError(explain(shown.stderr, self.suite))
            (self.folder / "status").write_text(as_installed(shown.stdout))

    def megabytes(self, packages: Mapping[str, str]) -> float:
        """Give the size of the packages' files in units of 10^6 bytes."""
        listed = self._apt("download", "--print-uris", *_exact(packages)).stdout
        return sum(int(size) for size in re.findall(r"\.deb (\d+) ", listed)) / 1e6

    def download(self, packages: Mapping[str, str]) -> list[Path]:
        """Download the packages' files, checked against the signed lists."""
        debs = self.folder / "debs"
        debs.mkdir()
        done = self._apt("download", *_exact(packages), cwd=debs)
        found = sorted(debs.glob("*.deb"))
        if done.returncode or len(found) != len(packages):
            raise ArchiveError(explain(done.stdout + done.stderr, self.suite))
        return found

    def _write_settings(self) -> None:
        for name in ("lists/partial", "cache/archives/partial"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "status").touch()
        (self.folder / "apt.conf").write_text(SETTINGS.format(folder=self.folder))

    def _apt(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return self._run("apt-get", *arguments, cwd=cwd)

    def _run(
        self, tool: str, *arguments: str, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        return _run([tool, "-c", str(self.folder / "apt.conf"), *arguments], cwd)


def unpack(debs: Iterable[Path], folder: Path, whole: Collection[str]) -> None:
    """Unpack packages into `folder`: the `whole` ones, and the libraries of the others.

    Raises
    ------
    ArchiveError
        A package cannot be unpacked.
    """
    debs = list(debs)
    ours = [deb for deb in debs if deb.name.partition("_")[0] in whole]
    folder.mkdir(parents=True, exist_ok=True)
    _extract([deb for deb in debs if deb not in ours], folder)
    # the machine's own tools must stay the ones on PATH
    for name in ("bin", "sbin", "etc", "var", "usr/bin", "usr/sbin", "usr/share"):
        shutil.rmtree(folder / name, ignore_errors=True)
    _extract(ours, folder)
    shutil.rmtree(folder / "usr/share/doc", ignore_errors=True)
    shutil.rmtree(folder / "usr/share/man", ignore_errors=True)


def _extract(debs: Sequence[Path], folder: Path) -> None:
    def extract(deb: Path) -> subprocess.CompletedProcess[str]:
        return _run(["dpkg-deb", "--extract", str(deb), str(folder)])

    with ThreadPoolExecutor(max_workers=2) as workers:
        for deb, done in zip(debs, workers.map(extract, debs), strict=True):
            if done.returncode:
                raise ArchiveError(f"{deb.name} cannot be unpacked: {done.stderr.strip()}")


def _exact(packages: Mapping[str, str]) -> list[str]:
    return [f"{name}={version}" for name, version in packages.items()]


def _run(command: Sequence[str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
