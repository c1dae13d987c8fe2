"""A ledger with a DAG in the queue, whose requests are carried out."""

from dataclasses import replace

from condorloop.cycle.cleaner import Cleaner
from condorloop.cycle.isolation import Isolation
from condorloop.cycle.launcher import Launcher
from condorloop.cycle.settings import Settings
from condorloop.dagman.schedd.client import ScheddUnavailable
from condorloop.ledger.store import Ledger, open_requests
from condorloop.model.campaign import Batch, CampaignKey, Probe
from condorloop.model.enums import FileState, RequestKind
from condorloop.model.request import ALL_RUNS, Request
from condorloop.requests.context import Context
from condorloop.requests.handler import RequestHandler
from condorloop.runtime.shutdown import Shutdown
from condorloop.runtime.wakeup import Wakeup
from tests.unit.dag_plans import own_batch
from tests.unit.examples import KEY, RUN, START, config, raw_file

OTHER = CampaignKey("BeamSpot", KEY.run)
HELD = "held by alice@node"
OF_UPLOADS = {RequestKind.APPROVE, RequestKind.REJECT, RequestKind.RESTORE}
ACTING = [k for k in RequestKind if k not in OF_UPLOADS | {RequestKind.CLEANUP}]


class Queue:
    """A pool that notes what it is told, and may be silent."""

    def __init__(self):
        self.told = []
        self.silent = False

    def _note(self, *words):
        if self.silent:
            raise ScheddUnavailable("no answer in 20 s")
        self.told.append(words)
        return 2

    def hold(self, jobs, why):
        return self._note("hold", jobs, why)

    def release(self, jobs, why):
        return self._note("release", jobs, why)

    def remove(self, cluster, why):
        self._note("remove", cluster, why)

    def submit(self, dag_file, batch_name):
        self._note("submit", batch_name)
        return 99


class Requests:
    """The requests of a ledger, and the handler that carries them out at some time."""

    def __init__(self, config, ledger, pool=None, now=START + 60):
        self.ledger, self.now = ledger, now
        self.settings = Settings(config, ledger.id)
        self.pool = pool or Queue()
        shutdown = Shutdown(Wakeup())
        self.launcher = Launcher(ledger, self.settings, self.pool, shutdown)
        self.context = Context(
            ledger, self.settings, self.launcher, self.pool, shutdown, Cleaner(ledger)
        )
        self.restart()

    @property
    def config(self):
        return self.settings.config

    @property
    def renderer(self):
        return self.settings.renderer

    def restart(self):
        """Forget all that is not in the ledger, as a submitter that was killed."""
        self.handler = RequestHandler(self.context, Isolation())

    def leave(self, kind, node=None, *, run=KEY.run, calibration=None, **options):
        request = Request(kind, run, calibration, node, made_by="alice@node", **options)
        with open_requests(self.ledger.path) as requests:
            return requests.add(request)

    def handle(self):
        for request in self.ledger.requests.waiting():
            self.handler.handle(request, self.now)

    def answer(self, number):
        with open_requests(self.ledger.path) as requests:
            return requests.answer_to(number)

    def answered(self, *typed, **options):
        number = self.leave(*typed, **options)
        self.handle()
        return self.answer(number)


class Place(Requests):
    """A ledger with one campaign that has a DAG in the queue, and its requests are carried out."""

    def __init__(self, folder):
        settings = config(folder)
        settings.site.work_dir.mkdir()
        super().__init__(settings, Ledger(settings.site.work_dir / "condorloop.db", "ledger"))
        stream = self.config.stream_of(KEY.calibration).raw_path
        self.renderer.begin_run(KEY, START)
        self.ledger.campaigns.latch(KEY, stream, RUN, "running", START)
        files = [raw_file(i, i + 1, i + 1) for i in range(3)]
        self.ledger.raw_files.add(stream, KEY.run, {f.path: f.size for f in files}, START)
        for file in files:
            good = Probe(file.lumis, file.events)
            self.ledger.raw_files.probed(file.path, FileState.GOOD, good, START)
        self.run_dir = self.renderer.run_dir(KEY)
        plan = own_batch(KEY, self.config.calibrations[KEY.calibration], Batch(0, files), 0, 0)
        self.launcher.carry_out([self.campaign], plan, "a test", START)
        self.pool.told.clear()

    @property
    def campaign(self):
        [campaign] = self.ledger.campaigns.of_run(KEY.run, KEY.calibration)
        return campaign

    @property
    def reconstruction(self):
        return self.ledger.campaigns.reconstruction(self.campaign.reconstruction_id)

    @property
    def dag(self):
        [dag] = self.campaign.dags
        return dag


def ask_of_all(place, kind):
    """Ask something of all campaigns of a calibration."""
    return place.answered(kind, run=ALL_RUNS, calibration=KEY.calibration)


def latch_another(place, run=KEY.run + 1):
    stream = place.config.stream_of(KEY.calibration).raw_path
    key = CampaignKey(KEY.calibration, run)
    place.ledger.campaigns.latch(key, stream, replace(RUN, number=run), "running", START + 90)
    [campaign] = place.ledger.campaigns.of_run(run, KEY.calibration)
    return campaign


ID = f"ledger/{KEY.calibration}/{KEY.run}/0"
