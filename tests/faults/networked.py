"""A system whose processes reach the broker through a proxy only, and whose jobs take a detour."""

from urllib.parse import urlsplit

from orchestra.cli.queues import system_queues
from orchestra.tasks import celery, publish
from tests.faults.detour import READ, WRITTEN, Detour
from tests.faults.kit import CLI, System, bind
from tests.faults.proxy import Proxy


class NetworkedSystem(System):
    def __init__(self, folder, database_url):
        super().__init__(folder, database_url)
        self.proxy = self.detour = self.carry_on_seconds = None

    def start_broker(self):
        address = urlsplit(self.settings.broker_address())
        self.proxy = Proxy((address.hostname, address.port))
        super().start_broker()
        self.detour = Detour(f"redis://{address.netloc}", system_queues(celery))
        self.detour.start()

    def stop(self):
        for part in (self.detour, self.proxy):
            if part is not None:
                part.close()
        super().stop()

    def start_worker(self, module=CLI, *, carry_on_seconds=0):
        """Each step is a job of its own, if nobody says otherwise."""
        self.carry_on_seconds = carry_on_seconds
        super().start_worker(module, carry_on_seconds=carry_on_seconds)

    def _environment(self):
        return super()._environment() | {
            "ORCHESTRA_BROKER_URL": self._through_proxy(WRITTEN),
            "CELERY_BROKER_READ_URL": self._through_proxy(READ),
        }

    def _through_proxy(self, database):
        address = urlsplit(self.settings.broker_address())
        return f"redis://:{address.password}@127.0.0.1:{self.proxy.port}/{database}"

    def publish(self, dispatches):
        bind(self._through_proxy(WRITTEN))
        publish(dispatches)
