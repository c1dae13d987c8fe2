"""Several accounts in one loop: what each node kind's jobs, scripts and tools work with.

Nothing here asks for Kerberos tickets: a cache is a file, and whose it is stands in it.
"""

import shlex
import subprocess

import pytest

from condorloop.config.credentials import CACHE
from condorloop.dagman.logs.dag_outcome import how_ended
from condorloop.model.enums import NodeKind
from tests.pool.dags import Site, small_pool, tool, wait

SMALL = {"request_cpus": 1, "request_memory_mb": 64}

NOTE = 'env -0 >{said}/{name}; cat "${{KRB5CCNAME#FILE:}}" >{said}/{name}.account 2>/dev/null || :'
"""Shell commands that note the environment, and what the Kerberos cache holds."""

CREDMON = """\
#!/bin/sh
# What HTCondor's condor_credmon_krb does, without a realm that renews tickets.
trap 'exit 0' TERM QUIT
trap : HUP
cd {folder}
echo $$ >pid
while :; do
    for cred in *.cred; do
        [ ! -e "$cred" ] || {{ cp -p "$cred" cc.tmp && mv cc.tmp "${{cred%cred}}cc"; }}
    done
    for cc in *.cc; do
        [ -e "${{cc%cc}}cred" ] || rm -f "$cc"
    done
    touch CREDMON_COMPLETE
    sleep 1 &
    wait $!
done
"""

LOG_IN = 'echo "$(id -u)" >/proc/self/loginuid'
"""Gives this shell and its children a login name, as far as the system lets it."""

STARTER = f"""\
#!/bin/sh
# Without root the starter takes its user for who logged in, and crashes if nobody did.
{{{{ {LOG_IN}; }}}} 2>/dev/null
exec {{starter}} "$@"
"""


def cache(folder, account):
    """A file that stands for an account's Kerberos cache."""
    file = folder / f"{account}.cc"
    file.write_text(account)
    file.chmod(0o600)
    return file


@pytest.fixture(scope="module")
def pool(prefix, tmp_path_factory):
    """A pool whose condor_credd keeps Kerberos credentials."""
    folder = tmp_path_factory.mktemp("accounts")
    credentials = folder / "credentials"
    credentials.mkdir()
    texts = {
        "credmon": CREDMON.format(folder=credentials),
        "starter": STARTER.format(starter=prefix.tool("condor_master").with_name("condor_starter")),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    settings = {
        "DAEMON_LIST": "$(DAEMON_LIST) CREDD CREDMON_KRB",
        "CREDD_ARGS": f"-pidfile {folder}/pool/run/credd.pid",
        "CREDMON_KRB": str(folder / "credmon"),
        "STARTER": str(folder / "starter"),
        "SEC_CREDENTIAL_DIRECTORY_KRB": str(credentials),
        # a credential that is stored replaces the one before it
        "SEC_CREDENTIAL_REFRESH_INTERVAL": "0",
    }
    with small_pool(folder, prefix, settings) as pool:
        yield pool


@pytest.fixture
def credd(pool):
    """HTCondor's credd, which has no credential, and a starter that can ask it.

    Not being root, the starter asks for the credential of who is logged in.
    """
    done = subprocess.run(
        ["sh", "-c", f"{{ {LOG_IN}; }} 2>/dev/null; logname"], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("nobody is logged in here, and no login can be noted in /proc/self/loginuid")
    yield
    tool("condor_store_cred", "delete-krb")
    wait(lambda: not [*pool.folder.with_name("credentials").glob("*.c*")])


@pytest.fixture
def dag_of(tmp_path, pool):
    """Run a DAG whose jobs and scripts note what they see, to its end; give what they noted."""
    sites = []

    def run(nodes):
        jobs = {kind: SMALL | nodes.get(kind, {}) for kind in ("RECO", "ALCA", "HARVEST")}
        site = Site(tmp_path, pool, nodes=jobs | {"UPLOAD": nodes.get("UPLOAD", {})})
        sites.append(site)
        said = tmp_path / "said"
        said.mkdir()

        def note(name):
            return NOTE.format(said=shlex.quote(str(said)), name=name)

        script = (
            f"case $1 in upload) {note('UPLOAD')} ;;\n"
            f"inputs) {note('PRE')}; mkdir -p inputs; touch inputs.txt ;;\n"
            f'finish) {note("POST")}; exit "$3" ;; esac\n'
        )
        scripts = {k: f'mkdir "$1"; {note(k.upper())}' for k in ("reco", "alca", "harvest")}
        dag = site.batch(["/eos/a.root"], node=script, **scripts)
        wait(lambda: dag.queued() is None)
        assert how_ended(dag.file, dag.cluster).success
        return Said(said)

    yield run
    for site in sites:
        site.close()


class Said:
    """What jobs and scripts have noted."""

    def __init__(self, folder):
        self._folder = folder

    def environment(self, name):
        """The environment of the job of a node kind, or of the PRE or POST script."""
        words = (self._folder / name).read_bytes().decode().split("\0")[:-1]
        return dict(word.split("=", 1) for word in words)

    def account(self, name):
        """Whose Kerberos cache it had; nothing if it had none."""
        return (self._folder / f"{name}.account").read_text()


HOSTILE = {
    "BLANKS": " two  blanks ",
    "QUOTES": "it's 'quoted' and \"said\" ''\"\"",
    "DOLLARS": "$(JOB) $HOME $$(Memory) $$([1+1]) $$$z `id` $ $$",
    "BACKSLASHES": 'back\\slash \\n \\" end\\',
    "PERCENT": "100% %s # ; & | = : @ { } ~ !",
    "LETTERS": "ünïcödé 日本 🙂",
    "EMPTY": "",
}


def test_jobs_of_each_node_kind_see_their_own_environment_byte_by_byte(
    dag_of, tmp_path, monkeypatch
):
    submitters = {CACHE: f"FILE:{cache(tmp_path, 'the submitter')}"}
    monkeypatch.setenv(CACHE, submitters[CACHE])
    monkeypatch.setenv("OF_THE_SUBMITTER", "x")
    of_kind = {
        kind: HOSTILE | {f"OF_{kind}": "x", CACHE: f"FILE:{cache(tmp_path, kind.lower())}"}
        for kind in NodeKind
    }
    said = dag_of({kind: {"environment": of_kind[kind]} for kind in NodeKind})
    ours = {"OF_THE_SUBMITTER", *(name for names in of_kind.values() for name in names)}
    for who, configured in (of_kind | dict.fromkeys(("PRE", "POST"), submitters)).items():
        seen = said.environment(who)
        assert {name: seen[name] for name in ours & seen.keys()} == configured
    assert [said.account(kind) for kind in NodeKind] == ["reco", "alca", "harvest", "upload"]


def test_condor_gives_its_credential_to_the_jobs_that_ask_and_the_upload_has_its_own(
    dag_of, tmp_path, credd
):
    tool("condor_store_cred", "add-krb", "-i", str(cache(tmp_path, "eos")))
    upload = {CACHE: f"FILE:{cache(tmp_path, 'conditions')}"}
    said = dag_of(
        {
            "RECO": {"submit": ["MY.SendCredential = True"]},
            "UPLOAD": {"environment": upload},
        }
    )
    accounts = {kind: said.account(kind) for kind in NodeKind}
    assert accounts == {"RECO": "eos", "ALCA": "", "HARVEST": "", "UPLOAD": "conditions"}
    assert "/scratch/" in said.environment("RECO")[CACHE]


def test_where_dagman_makes_the_credential_it_makes_the_submitters(
    dag_of, tmp_path, monkeypatch, credd
):
    producer = tmp_path / "producer"
    producer.write_text('#!/bin/sh\nexec cat "${KRB5CCNAME#FILE:}"\n')
    producer.chmod(0o755)
    monkeypatch.setenv("_CONDOR_SEC_CREDENTIAL_PRODUCER", str(producer))
    monkeypatch.setenv(CACHE, f"FILE:{cache(tmp_path, 'the submitter')}")
    upload = {CACHE: f"FILE:{cache(tmp_path, 'conditions')}"}
    said = dag_of({"UPLOAD": {"environment": upload}})
    accounts = {kind: said.account(kind) for kind in NodeKind}
    of_jobs = dict.fromkeys(("RECO", "ALCA", "HARVEST"), "the submitter")
    assert accounts == of_jobs | {"UPLOAD": "conditions"}
