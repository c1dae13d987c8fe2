"""Which archive and which packages are chosen from what apt says, and how its failures read."""

from condorloop.testbed import debian

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


def test_a_missing_network_and_a_missing_suite_are_told_apart_in_one_line():
    no_network = "Err:1 http://archive.example forky InRelease\n  Could not resolve 'archive'\n"
    no_suite = (
        "E: The repository 'http://archive.example forky Release' does not have a Release file."
    )
    assert debian.explain(no_network, "forky").startswith("the package archive cannot be reached")
    assert "has no suite forky" in debian.explain(no_suite, "forky")
    assert "\n" not in debian.explain(no_network + no_suite, "forky")
