"""Which archive and which packages are chosen from what apt says, and how its failures read."""

import pytest

from condorloop.testbed.prefix import debian

INDEXTARGETS = """\
http://archive.example/debian/ bookworm Debian
http://archive.example/debian/ bookworm-updates Debian
http://archive.example/debian-security/ bookworm-security Debian
https://packages.example/node_20.x nodistro . nodistro
https://tools.example/apt stable Tools
"""

PRINT_URIS = """\
'http://archive.example/debian/dists/bookworm/InRelease' archive.example_dists_InRelease 0
'http://archive.example/debian/dists/bookworm-updates/InRelease' archive.example_InRelease 0
'http://archive.example/debian-security/dists/bookworm-security/InRelease' security_InRelease 0
'http://archive.example/debian/dists/bookworm/main/binary-amd64/Packages.xz' Packages 0
"""

SIMULATION = """\
NOTE: This is only a simulation!
Inst libc6 (2.43-7 Debian:testing [amd64])
Inst perl-base [5.36.0-7] (5.42.3-1 Debian:testing [amd64])
Inst libperl5.42 (5.42.3-1 Debian:testing [amd64])
Inst python3-requests (2.34.2-1 Debian:testing [all])
Inst libcrypt1 (1:4.5.2+20251210-1 Debian:testing [amd64]) []
Inst condor (25.14.1+dfsg-1 Debian:testing [amd64])
Conf condor (25.14.1+dfsg-1 Debian:testing [amd64])
"""


def test_the_archive_is_the_one_that_the_machine_uses_and_not_one_of_its_side_archives():
    assert debian.archives_in_use(INDEXTARGETS) == ["http://archive.example/debian/"]


def test_without_package_lists_the_configured_archives_are_tried():
    assert debian.archives_configured(PRINT_URIS) == ["http://archive.example/debian/"]


def test_no_archive_is_made_up_where_none_is_configured():
    assert debian.archives_in_use("") == debian.archives_configured("") == []


def test_interpreters_are_left_out_and_libraries_are_kept():
    assert debian.chosen(SIMULATION) == {
        "libc6": "2.43-7",
        "libcrypt1": "1:4.5.2+20251210-1",
        "condor": "25.14.1+dfsg-1",
    }


def test_what_is_wanted_by_name_is_never_left_out():
    assert "perl-base" not in debian.chosen(SIMULATION)
    assert debian.chosen(SIMULATION, ["perl-base"])["perl-base"] == "5.42.3-1"


def test_a_package_that_is_done_without_needs_nothing_either():
    shown = (
        "Package: xdg-utils\nVersion: 1.1.3\nPre-Depends: dpkg (>= 1.15.6~)\n"
        "Depends: debianutils,\n x11-common\nProvides: opener\n\n"
        "Package: libc6\nVersion: 2.36\nDepends: libgcc-s1\n"
    )
    assert debian.as_installed(shown) == (
        "Package: xdg-utils\nStatus: install ok installed\nVersion: 1.1.3\nProvides: opener\n\n"
        "Package: libc6\nStatus: install ok installed\nVersion: 2.36\n"
    )


@pytest.mark.parametrize(
    "release",
    [
        {"ID": "fedora", "PRETTY_NAME": "Fedora 42", "VERSION_CODENAME": ""},
        {"ID": "ubuntu", "PRETTY_NAME": "Ubuntu 24.04", "VERSION_CODENAME": "noble"},
        {},
    ],
)
def test_only_debian_has_a_suite_of_its_own(monkeypatch, release):
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: release)
    with pytest.raises(debian.ArchiveError, match="not Debian"):
        debian.own_suite()
    monkeypatch.setattr(
        "platform.freedesktop_os_release",
        lambda: {"ID": "debian", "VERSION_CODENAME": "bookworm"},
    )
    assert debian.own_suite() == "bookworm"


def test_a_missing_network_and_a_missing_suite_are_told_apart_in_one_line():
    no_network = "Err:1 http://archive.example forky InRelease\n  Could not resolve 'archive'\n"
    no_suite = (
        "E: The repository 'http://archive.example forky Release' does not have a Release file."
    )
    assert debian.explain(no_network, "forky").startswith("the package archive cannot be reached")
    assert "has no suite forky" in debian.explain(no_suite, "forky")
    assert "\n" not in debian.explain(no_network + no_suite, "forky")
