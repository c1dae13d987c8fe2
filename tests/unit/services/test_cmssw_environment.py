import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from condorloop.testbed.cmssw.install import install

RELEASE = "CMSSW_16_0_7_patch1"
ARCH = "el8_amd64_gcc13"


@dataclass(frozen=True)
class Shell:
    work: Path
    cvmfs: Path

    def __call__(self, lines: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", f"source $cvmfs/cmsset_default.sh\n{lines}"],
            cwd=self.work,
            env={"PATH": os.environ["PATH"], "cvmfs": str(self.cvmfs)},
            capture_output=True,
            text=True,
            timeout=20,
        )


@pytest.fixture
def shell(tmp_path):
    """Run bash lines in an empty folder, with the installation at hand as $cvmfs."""
    install(tmp_path / "cvmfs", sys.executable, tmp_path / "faults")
    work = tmp_path / "work"
    work.mkdir()

    return Shell(work, tmp_path / "cvmfs")


def test_the_tools_are_there_after_the_two_commands_of_a_batch_job(shell):
    done = shell(
        f"""
        export SCRAM_ARCH={ARCH}
        command -v cmsRun && echo too early
        scramv1 project CMSSW {RELEASE} && cd {RELEASE}/src && eval $(scramv1 runtime -sh)
        echo $CMSSW_BASE $CMSSW_VERSION $SCRAM_ARCH
        for tool in cmsDriver.py cmsRun edmFileUtil uploadConditions.py; do command -v $tool; done
        """
    )
    bin_folder = shell.cvmfs / "bin"
    assert done.stdout.splitlines() == [
        f"{shell.work}/{RELEASE} {RELEASE} {ARCH}",
        *(f"{bin_folder}/{t}" for t in ("cmsDriver.py", "cmsRun", "edmFileUtil")),
        f"{bin_folder}/uploadConditions.py",
    ]
    assert done.stderr == ""


def test_entering_loses_the_variables_that_the_true_script_loses(shell):
    lines = "here=mine arch=mine; source $cvmfs/cmsset_default.sh; echo ${here-lost} ${arch-lost}"
    assert shell(lines).stdout == "lost lost\n"


def test_cmsrel_and_cmsenv_are_aliases_that_only_an_interactive_shell_has(shell):
    done = shell(f"export SCRAM_ARCH={ARCH}; cmsrel {RELEASE}")
    assert done.returncode == 127
    done = shell(
        f"shopt -s expand_aliases\nexport SCRAM_ARCH={ARCH}\ncmsrel {RELEASE}\n"
        f"cd {RELEASE}/src\ncmsenv\necho $CMSSW_VERSION"
    )
    assert done.stdout == f"{RELEASE}\n"


def test_a_release_that_does_not_exist_is_refused(shell):
    done = shell(f"export SCRAM_ARCH={ARCH}; scramv1 project CMSSW CMSSW_99_0_0")
    assert done.returncode == 1
    words = f'Project "CMSSW" version "CMSSW_99_0_0" is not available for arch {ARCH}.'
    assert words in done.stderr
    assert list(shell.work.iterdir()) == []


def test_an_architecture_of_another_system_is_refused(shell):
    done = shell(f"export SCRAM_ARCH=slc7_amd64_gcc12; scramv1 project CMSSW {RELEASE}")
    assert done.returncode == 1
    assert "is not available for arch slc7_amd64_gcc12" in done.stderr


def test_without_an_architecture_scram_takes_the_only_one_that_has_the_release(shell):
    done = shell(f"scramv1 project CMSSW {RELEASE}; echo $?; ls {RELEASE}/.SCRAM")
    assert "WARNING: Release" in done.stdout
    assert done.stdout.endswith(f"0\nEnvironment\n{ARCH}\n")


def test_an_area_that_is_there_stays(shell):
    done = shell(
        f"export SCRAM_ARCH={ARCH}; scramv1 project CMSSW {RELEASE}; touch {RELEASE}/src/mine\n"
        f"scramv1 project CMSSW {RELEASE}; echo $?; ls {RELEASE}/src"
    )
    assert done.stdout == "0\nmine\n"
    assert "There already exists" in done.stderr


def test_outside_an_area_there_is_no_runtime(shell):
    done = shell("scramv1 runtime -sh")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Unable to locate the top of local release." in done.stderr


def test_a_folder_with_a_space_in_its_name_works(tmp_path):
    folder = tmp_path / "a folder"
    install(folder, sys.executable, tmp_path / "faults")
    done = subprocess.run(
        [
            "bash",
            "-c",
            f"source '{folder}/cmsset_default.sh'; export SCRAM_ARCH={ARCH}\n"
            f"scramv1 project CMSSW {RELEASE} && cd {RELEASE}/src && eval $(scramv1 runtime -sh) &&"
            " edmFileUtil -d /store/a.root",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.stdout == "/store/a.root\n", done.stderr


def test_scripts_of_profile_d_return_what_they_like_as_those_of_cms_do(tmp_path):
    install(tmp_path / "cvmfs", sys.executable, tmp_path / "faults")
    scripts = tmp_path.glob("cvmfs/*/etc/profile.d/S*.sh")
    ends = [subprocess.run(["bash", str(s)], check=False, timeout=20).returncode for s in scripts]
    assert ends
    assert set(ends) == {1}
    source = ["bash", "-ec", f"source {tmp_path}/cvmfs/cmsset_default.sh; echo there"]
    done = subprocess.run(source, capture_output=True, check=False, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


def test_a_release_that_is_gone_has_a_whole_environment_without_its_tools(shell):
    lines = f"export SCRAM_ARCH={ARCH}; scramv1 project CMSSW {RELEASE}"
    assert shell(lines).returncode == 0
    [release] = (shell.cvmfs / ARCH).glob(f"cms/*/{RELEASE}")
    release.rename(release.with_name("gone"))
    done = shell(
        f"export SCRAM_ARCH={ARCH}; cd {RELEASE}/src; runtime=$(scramv1 runtime -sh); echo $?\n"
        "eval $runtime; echo $CMSSW_VERSION; command -v cmsRun"
    )
    assert done.stdout == f"0\n{RELEASE}\n"
    assert "ERROR: Missing Release top" in done.stderr
