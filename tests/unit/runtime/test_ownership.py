"""A path is used only if no other account could have made or can change what stands there."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.runtime.ownership import (
    Account,
    Reader,
    Standing,
    foreign_group,
    maps_all,
    why_not_lock,
    why_not_pass,
    why_not_use,
    why_not_work,
)
from tests.unit.runtime.accounts_of_others import STRANGER, give, needs_root

ME, COLLEAGUE, OTHER = 1000, 1001, 1002
OURS, THEIRS = 500, 600
ACCOUNT = Account(ME, frozenset({OURS}))
MEMBERS = {COLLEAGUE: frozenset({OURS}), OTHER: frozenset({THEIRS})}
FOLDER, FILE, LINK = stat.S_IFDIR, stat.S_IFREG, stat.S_IFLNK


def standing(mode, uid=ME, gid=OURS, links=1):
    return Standing(Path("/data/ngt"), mode, uid, gid, links, MEMBERS.get(uid, frozenset()))


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "passes"),
    [
        (0o755, 0, 0, True),
        (0o1777, 0, 0, True),  # /tmp
        (0o700, ME, OURS, True),
        (0o775, ME, OURS, True),
        (0o777, 0, 0, False),
        (0o777, ME, OURS, False),
        (0o755, OTHER, THEIRS, False),
        (0o1777, OTHER, THEIRS, False),
        (0o755, COLLEAGUE, OURS, False),  # what the group may not write is the colleague's own
        (0o2775, COLLEAGUE, OURS, True),
        (0o2775, OTHER, OURS, False),  # not a member of the group that the folder has
        (0o2775, OTHER, THEIRS, False),
    ],
)
def test_a_folder_leads_on_if_no_other_account_can_put_another_one_in_its_place(
    mode, uid, gid, passes
):
    objection = why_not_pass(standing(FOLDER | mode, uid, gid), ACCOUNT)
    assert (objection is None) is passes
    if objection:
        assert f"mode {mode:04o}" in objection.words
        assert "expected" in objection.words
        assert "/data/ngt" in objection.remedy


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "works"),
    [
        (0o2775, ME, OURS, True),
        (0o2775, 0, OURS, True),
        (0o2775, COLLEAGUE, OURS, True),
        (0o755, COLLEAGUE, OURS, False),
        (0o775, OTHER, THEIRS, False),
        (0o777, ME, OURS, False),
        (0o1777, ME, OURS, False),  # others may make a calibration's folder in it
    ],
)
def test_a_work_dir_is_the_accounts_roots_or_its_groups_and_nobody_elses(mode, uid, gid, works):
    assert (why_not_work(standing(FOLDER | mode, uid, gid), ACCOUNT) is None) is works


@pytest.mark.parametrize(
    ("mode", "uid", "group", "used"),
    [
        (FILE | 0o775, ME, OURS, True),
        (FILE | 0o664, COLLEAGUE, OURS, True),
        (FOLDER | 0o755, COLLEAGUE, OURS, True),
        (LINK | 0o777, ME, OURS, True),
        (FILE | 0o664, COLLEAGUE, None, False),  # the group may not write the work_dir
        (FILE | 0o664, OTHER, OURS, False),
        (LINK | 0o777, OTHER, OURS, False),
        (FILE | 0o666, ME, OURS, False),
        (FOLDER | 0o1777, ME, OURS, False),
        (FILE | 0o666, COLLEAGUE, OURS, False),
    ],
)
def test_what_is_in_a_work_dir_is_used_if_account_or_group_have_made_it(mode, uid, group, used):
    assert (why_not_use(standing(mode, uid), ACCOUNT, group) is None) is used


@pytest.mark.parametrize(
    ("kind", "links", "words"),
    [
        (stat.S_IFLNK, 1, "a link"),
        (stat.S_IFIFO, 1, "a named pipe"),
        (stat.S_IFDIR, 2, "a folder"),
        (stat.S_IFSOCK, 1, "a device or socket"),
        (stat.S_IFREG, 2, "a file with 2 names"),
    ],
)
def test_what_is_no_file_of_its_own_is_no_lock(kind, links, words):
    objection = why_not_lock(standing(kind | 0o660, links=links), ACCOUNT, OURS)
    assert objection is not None
    assert words in objection.words
    assert why_not_lock(standing(stat.S_IFREG | 0o660), ACCOUNT, OURS) is None


modes = st.integers(0, 0o7777)
uids = st.sampled_from([0, ME, COLLEAGUE, OTHER])
gids = st.sampled_from([0, OURS, THEIRS])


@given(modes, uids, gids, st.sampled_from([FOLDER, FILE]))
def test_nothing_is_used_that_everybody_may_write(mode, uid, gid, kind):
    if mode & stat.S_IWOTH:
        told = standing(kind | mode, uid, gid)
        assert why_not_use(told, ACCOUNT, OURS)
        assert why_not_work(told, ACCOUNT)
        assert why_not_lock(told, ACCOUNT, OURS)
        assert why_not_pass(told, ACCOUNT) or mode & stat.S_ISVTX


@given(modes, gids, st.sampled_from([FOLDER, FILE, LINK]), st.sampled_from([None, OURS]))
def test_nothing_of_an_account_outside_the_group_is_ever_used(mode, gid, kind, group):
    told = standing(kind | mode, OTHER, gid)
    assert why_not_pass(told, ACCOUNT)
    assert why_not_work(told, ACCOUNT)
    assert why_not_use(told, ACCOUNT, group)
    assert why_not_lock(told, ACCOUNT, group)


@given(modes, gids)
def test_what_is_ones_own_and_closed_to_others_is_always_used(mode, gid):
    told = standing(FOLDER | mode & ~0o002, ME, gid)
    assert why_not_pass(told, ACCOUNT) is None
    assert why_not_work(told, ACCOUNT) is None
    assert why_not_use(told, ACCOUNT, None) is None


@pytest.mark.parametrize(
    ("uid_map", "whole"),
    [
        ("         0          0 4294967295\n", True),
        ("      1000          0          1\n", False),
        ("         0       1000          1\n         1     100000      65536\n", False),
        ("", True),  # a kernel without user namespaces
    ],
)
def test_a_user_namespace_is_known_by_what_it_maps(uid_map, whole):
    assert maps_all(uid_map) is whole


def test_owners_that_a_user_namespace_does_not_know_may_lead_on_and_make_nothing():
    nobody = 65534
    inside = Account(ME, frozenset({OURS}), unmapped=nobody)
    told = standing(FOLDER | 0o755, nobody, nobody)
    assert why_not_pass(told, inside) is None
    assert why_not_pass(standing(FOLDER | 0o777, nobody, nobody), inside)
    assert why_not_work(told, inside)
    assert why_not_use(told, inside, OURS)
    assert why_not_pass(told, ACCOUNT), "outside of one that is an account like any other"


def test_a_group_that_the_account_is_not_in_is_told():
    assert foreign_group(standing(FOLDER | 0o775, 0, THEIRS), ACCOUNT)
    assert not foreign_group(standing(FOLDER | 0o775, 0, OURS), ACCOUNT)
    assert not foreign_group(standing(FOLDER | 0o755, 0, THEIRS), ACCOUNT)
    assert not foreign_group(standing(FOLDER | 0o1775, 0, THEIRS), ACCOUNT)


def test_a_way_goes_through_links_and_names_each_part_once(tmp_path):
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real/../real")
    way = Reader().way(tmp_path / "link" / "deep")
    paths = [told.path for told in way.passed]
    assert paths == [*reversed(tmp_path.parents), tmp_path, tmp_path / "link", tmp_path / "real"]
    assert way.end is not None
    assert way.end.path == tmp_path / "real" / "deep"


def test_an_absolute_link_leads_from_the_top_and_what_is_not_there_ends_the_way(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    way = Reader().way(tmp_path / "link")
    assert way.end is None
    assert [told.path for told in way.passed][-1] == tmp_path / "link"
    (tmp_path / "real").mkdir()
    end = Reader().way(tmp_path / "link").end
    assert end is not None
    assert end.path == tmp_path / "real"


def test_links_in_a_circle_are_an_error(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        Reader().way(tmp_path / "a")


@needs_root
def test_the_owner_of_a_link_counts_and_not_the_owner_of_what_it_leads_to(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert list(Reader().objections_to_place(tmp_path / "link")) == []
    give(tmp_path / "link")
    [objection] = Reader().objections_to_place(tmp_path / "link")
    assert f"owner uid {STRANGER}" in objection.words


def test_this_process_is_itself():
    assert Account.here().uid == os.geteuid()
