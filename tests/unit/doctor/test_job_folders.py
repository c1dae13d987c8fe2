"""Which folders a job has of its own, and which paths it does not see because of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condorloop.doctor.job_folders import private_folders, why_unseen

ROOT = {"REAL_UID": "0", "MOUNT_PRIVATE_DEV_SHM": "false"}


@pytest.mark.parametrize(
    ("told", "folders"),
    [
        ({}, {"/tmp", "/var/tmp", "/dev/shm"}),
        ({"REAL_UID": "1000", "MOUNT_UNDER_SCRATCH": '"/tmp,/var/tmp"'}, set()),
        ({"REAL_UID": "Not defined"}, {"/tmp", "/var/tmp", "/dev/shm"}),
        (ROOT, {"/tmp", "/var/tmp"}),
        (ROOT | {"MOUNT_UNDER_SCRATCH": '"/tmp, /scratch/"'}, {"/tmp", "/scratch"}),
        (ROOT | {"MOUNT_UNDER_SCRATCH": "/tmp,/scratch"}, {"/tmp", "/scratch"}),
        (ROOT | {"MOUNT_UNDER_SCRATCH": "Not defined"}, set()),
        (ROOT | {"MOUNT_UNDER_SCRATCH": ""}, set()),
        (ROOT | {"MOUNT_UNDER_SCRATCH": 'ifThenElse(Big, "/data/tmp", "")'}, {"/data/tmp"}),
        ({"MOUNT_UNDER_SCRATCH": "", "MOUNT_PRIVATE_DEV_SHM": "True"}, {"/dev/shm"}),
    ],
)
def test_which_folders_a_job_has_of_its_own(told, folders):
    assert private_folders(told) == folders


@given(st.dictionaries(st.sampled_from(["REAL_UID", "MOUNT_UNDER_SCRATCH"]), st.text()))
def test_whatever_a_machine_tells_is_folders_or_none(told):
    assert all(folder.startswith("/") for folder in private_folders(told))


NAMES = st.lists(st.sampled_from(["", ".", "..", "no-tmp", "no-var", "cc"]), max_size=6)


@given(NAMES)
def test_without_links_a_path_is_unseen_below_a_private_folder_alone(parts):
    path = "/" + "/".join(parts)
    seen = why_unseen(path, {"/no-tmp"}) is None
    last, through = [], False
    for part in parts:
        if part == "..":
            last = last[:-1]
        elif part not in ("", "."):
            last = [*last, part]
            through = through or (last[0] == "no-tmp" and len(last) > 1)
    assert seen == (not through and last != ["no-tmp"])


@pytest.fixture
def folders(tmp_path):
    """A machine's folders: `tmp` is private, `data` is not; `var` is a link to `tmp`."""
    for name in ("tmp", "data", "tmp/in"):
        (tmp_path / name).mkdir()
    (tmp_path / "data" / "cc").touch()
    (tmp_path / "tmp" / "in" / "cc").touch()
    links = {
        "var": "tmp",
        "data/to-tmp": "../tmp/in/cc",
        "data/to-folder": str(tmp_path / "tmp" / "in"),
        "tmp/to-data": "../data/cc",
        "data/through": "../tmp/to-data",
        "data/to-data": "cc",
        "data/loop": "loop",
    }
    for link, target in links.items():
        (tmp_path / link).symlink_to(target)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("data/cc", True),
        ("data/to-data", True),
        ("tmp/../data/cc", True),
        ("tmpx/cc", True),
        ("data/loop", True),
        ("tmp/in/cc", False),
        ("tmp", False),
        ("tmp/not-there", False),
        ("data/../tmp/in/cc", False),
        ("data/to-tmp", False),
        ("data/to-folder/cc", False),
        ("tmp/to-data", False),
        ("data/through", False),
        ("var/in/cc", False),
    ],
)
def test_links_are_followed_as_a_job_follows_them(folders, path, seen):
    why = why_unseen(f"{folders}/{path}", {f"{folders}/tmp"})
    assert (why is None) == seen
    assert seen or f"HTCondor gives each its own {folders}/tmp" in why


def test_a_private_folder_may_be_a_link_itself(folders):
    assert why_unseen(f"{folders}/tmp/in/cc", {f"{folders}/var"})
    assert why_unseen(f"{folders}/var/in/cc", {f"{folders}/var"})
    assert why_unseen(f"{folders}/data/cc", {f"{folders}/var"}) is None


def test_where_a_link_leads_is_told(folders):
    why = why_unseen(f"{folders}/data/to-tmp", {f"{folders}/tmp"})
    assert f"it leads to {folders}/tmp/in" in why
