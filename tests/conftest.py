"""One real testbed, with one HTCondor pool and one XRootD server, for all tests of a session."""

import hypothesis
import pytest

from condorloop.ledger.connection import Connection
from condorloop.testbed.prefix import prefix as prefixes
from condorloop.testbed.stack import Stack
from tests.loop import Loop, up

# How long an example takes says something about the machine only.
hypothesis.settings.register_profile("condorloop", deadline=None)
hypothesis.settings.load_profile("condorloop")

Connection.strict = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Let what a test has printed reach another process, lone surrogates and all."""
    report = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="run the tests that take minutes, too")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--long"):
        return
    late = [item for item in items if item.get_closest_marker("long")]
    items[:] = [item for item in items if item not in late]
    config.hook.pytest_deselected(items=late)


@pytest.fixture(scope="session")
def prefix(pytestconfig):
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        return prefixes.ensure(lambda line: print(line, flush=True))


@pytest.fixture(scope="session")
def stack(prefix, tmp_path_factory):
    """The testbed; the bindings of this process talk to its pool."""
    with up(Stack(tmp_path_factory.mktemp("testbed"), prefix, cpus=8)) as stack:
        yield stack


@pytest.fixture(scope="session")
def pool(stack):
    """The session's HTCondor pool."""
    return stack.pool


@pytest.fixture(scope="session")
def xrootd(stack):
    """The session's XRootD server; its files are below ``<localroot>/eos``."""
    return stack.xrootd


@pytest.fixture
def loop(stack, tmp_path, request):
    """A site and a submitter of the test's own on the session's testbed."""
    name = request.node.name.replace("[", "-").replace("]", "")
    loop = Loop(stack, tmp_path, name)
    yield loop
    loop.close()
