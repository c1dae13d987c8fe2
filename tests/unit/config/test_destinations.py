"""Where payloads go: another database, tag or service is told from the same one, in both names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.config.destinations import (
    Address,
    Change,
    Configured,
    Destination,
    DestinationChanged,
    DestinationsUnreadable,
    Remembered,
    address_of,
    changes,
    configured,
    kept,
    taken,
    without_address,
)
from condorloop.text import plain
from tests.unit.examples import config

PREP, PROD = "oracle://cms_orcoff_prep/CMS_CONDITIONS", "oracle://cms_orcon_prod/CMS_CONDITIONS"
TRIAL = Destination(PREP, frozenset(["Ped_trial"]))
REAL = Destination(PROD, frozenset(["Ped_prompt"]))

texts = st.text(min_size=1)
addresses = st.builds(Address, st.text(), st.text(), st.text())
destinations = st.builds(Destination, texts, st.frozensets(texts, min_size=1), addresses)


def named(destination, folder="/mine"):
    return Configured(destination, f"{folder}/Ped.yaml", folder)


@given(st.dictionaries(texts, destinations), st.dictionaries(texts, destinations))
def test_what_differs_is_named_and_nothing_else(before, now):
    found = changes(
        {name: named(each) for name, each in now.items()},
        {name: Remembered(each, "/before") for name, each in before.items()},
    )
    both = before.keys() & now.keys()
    assert {c.calibration for c in found} == {name for name in both if before[name] != now[name]}


@pytest.mark.parametrize(
    "other",
    [
        Destination(PROD, TRIAL.tags),
        Destination(PREP, frozenset(["Ped_prompt"])),
        Destination(PREP, frozenset(["Ped_trial", "Ped_prompt"])),
        Destination(PREP, TRIAL.tags, Address(backend="offline")),
        Destination(PREP, TRIAL.tags, Address(host="elsewhere")),
        Destination(PREP, TRIAL.tags, Address(url="https://elsewhere/%s/")),
    ],
    ids=["database", "tag", "one more tag", "backend", "host", "address"],
)
def test_a_change_names_both_destinations_and_where_each_is_said(other):
    [change] = changes({"Ped": named(other)}, {"Ped": Remembered(TRIAL, "/trial")})
    said = str(DestinationChanged([change]))
    for part in ("Ped", str(TRIAL), "/trial", str(other), "/mine/Ped.yaml", "--accept-destination"):
        assert part in said


def test_another_folder_with_the_same_destinations_is_no_change():
    assert changes({"Ped": named(TRIAL, "/b")}, {"Ped": Remembered(TRIAL, "/a")}) == ()


def test_where_manifests_are_damaged_a_person_must_say_where_payloads_go():
    [change] = changes({"Ped": named(TRIAL)}, {"Ped": DestinationsUnreadable("/data/Ped")})
    assert "/data/Ped" in str(change)
    assert str(TRIAL) in str(change)


@given(destinations)
def test_a_destination_is_told_in_one_line(destination):
    change = Change("Ped", Remembered(destination, "/a"), named(destination))
    for said in (str(change), kept("b001", destination, TRIAL), taken("b001", TRIAL, destination)):
        assert plain(said) == said


@pytest.mark.parametrize(
    ("options", "address", "others"),
    [
        ([], Address(), []),
        (["-d", "-u", "U", "-a", "/auth"], Address(url="U"), ["-d", "-a", "/auth"]),
        (["-uU"], Address(url="U"), []),
        (["--urlTemplate=U", "--debug"], Address(url="U"), ["--debug"]),
        (["--url", "U"], Address(url="U"), []),
        (["-b", "B", "-H", "H"], Address("B", "H"), []),
        (["-u", "U", "-u", "V"], Address(url="V"), []),
        (["-u"], Address(), []),
    ],
)
def test_the_options_of_the_tool_say_which_service_is_asked(options, address, others):
    assert Address.from_options(options) == address
    assert without_address(options) == others
    assert Address.from_options(address_of(options)) == address


@given(st.lists(st.text() | st.sampled_from(["-u", "-b", "--url", "--hostname", "-uX", "-d"])))
def test_options_of_any_kind_are_parted_and_none_is_lost(options):
    assert sorted(without_address(options) + address_of(options)) == sorted(options)
    assert Address.from_options(address_of(options)) == Address.from_options(options)
    assert Address.from_options(without_address(options)) == Address()


def test_the_configured_destination_has_the_file_that_names_it(tmp_path):
    found = configured(config(tmp_path))["EcalPedestals"]
    assert found.destination.database == PROD
    assert found.file.endswith("calibrationYAML/EcalPedestals.yaml")
    assert found.file.startswith(found.folder)
