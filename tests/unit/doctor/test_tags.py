"""The doctor on destination tags, read back with the stand-in of conddb."""

import sys

import pytest

from condorloop.config.loader import load
from condorloop.doctor import tags
from condorloop.doctor.checks import Verdict
from condorloop.model.enums import Synchronisation
from condorloop.testbed.cmssw.install import install
from condorloop.testbed.conditions import sqlite_file
from condorloop.testbed.faults import Fault, Faults
from tests.unit.examples import TOP, site_file

TAG = "EcalPedestals_NGTDemonstrator"


@pytest.fixture
def look(tmp_path):
    """Look at the tag of EcalPedestals, whose file may name a synchronisation."""
    database = tmp_path / "conditions.db"
    install(tmp_path / "cvmfs", sys.executable, tmp_path / "faults", conditions=database)
    folder = tmp_path / "calibrationYAML"
    folder.mkdir()
    (tmp_path / "ngtParameters.jsn").write_bytes((TOP / "ngtParameters.jsn").read_bytes())
    yaml = (TOP / "calibrationYAML" / "EcalPedestals.yaml").read_text()

    def look(synchronisation=None, of_tag="hlt", conditions="{}"):
        if of_tag:
            sqlite_file.write(database, TAG, "Run", "EcalPedestals", of_tag, [])
        else:
            sqlite_file.create(database)
        named = f"    synchronisation: {synchronisation}\n" if synchronisation else ""
        section = "  upload_metadata:\n"
        (folder / "EcalPedestals.yaml").write_text(yaml.replace(section, section + named))
        site = site_file(tmp_path)
        text = site.read_text().replace(
            f"{tmp_path}/work/cmsset_default.sh", f"{tmp_path}/cvmfs/cmsset_default.sh"
        )
        site.write_text(f"{text}conditions: {conditions}\n")
        [examination] = tags.examinations(load(site, folder))
        return list(examination.look())

    return look


def test_the_shipped_tag_is_the_one_that_is_looked_at(look):
    assert [check.name for check in look()] == [TAG]


@pytest.mark.parametrize("synchronisation", Synchronisation)
def test_a_tag_is_told_with_what_follows_from_its_synchronisation(look, synchronisation):
    [check] = look(synchronisation, synchronisation)
    assert (check.verdict, check.words) == (
        Verdict.FINE,
        f"{synchronisation}: {synchronisation.consequence}",
    )


def test_another_synchronisation_than_the_tag_has_is_something_to_look_at(look):
    [check] = look("any", "hlt")
    assert check.verdict is Verdict.WARNING
    assert "EcalPedestals.yaml names any" in check.words
    assert check.remedy.endswith("# upload_metadata.synchronisation: hlt")


def test_none_that_is_named_is_taken_for_one_that_moves_up(look):
    assert look(None, "express")[0].verdict is Verdict.FINE


def test_none_that_is_named_holds_older_runs_back_in_vain_elsewhere(look):
    [check] = look(None, "any")
    assert check.verdict is Verdict.WARNING
    assert "names none" in check.words


def test_a_tag_that_is_not_there_and_a_database_that_does_not_answer_are_something_to_look_at(
    look, tmp_path
):
    [missing] = look(of_tag=None)
    assert missing.verdict is Verdict.WARNING
    assert "There is no tag" in missing.words
    assert f"conddb --db pro list --limit 1 {TAG}" in missing.remedy
    Faults(tmp_path / "faults").arm([Fault("conddb", "outage", times=None)], 0.0)
    [outage] = look(of_tag=None)
    assert "cannot connect" in outage.words
    assert "is not compared with what condorloop believes" in outage.words


def test_where_no_reader_is_configured_that_is_said(look):
    [check] = look(conditions="{conddb: null}")
    assert check.verdict is Verdict.NOT_CHECKED
    assert "no reader is configured" in check.words


def test_a_release_that_cannot_be_entered_is_something_to_look_at(look, tmp_path):
    look()
    (tmp_path / "cvmfs" / "common" / "scramv1").unlink()
    [check] = look()
    assert (check.name, check.verdict) == ("reader", Verdict.WARNING)
