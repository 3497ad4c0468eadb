"""What measurements share: servers, contenders that run already, and how thorough to be."""

from dataclasses import dataclass, field

from bench import throughput
from bench.bare import BareCelery
from bench.durable import Durable
from bench.ours import Orchestra
from bench.servers import Servers
from bench.shapes import WARM_UP


@dataclass
class Bench:
    servers: Servers
    rounds: int
    quick: bool
    _running: dict = field(default_factory=dict)
    _database: str | None = None

    def contenders(self, database):
        """Contenders on a database by name, warm: every process of every pool has worked.

        Those on another database are stopped: what idles still takes some time.
        """
        if self._database != database:
            self.stop_contenders()
            self._running, self._database = self._started(database), database
        return self._running

    def _started(self, database):
        found = {
            throughput.PLAIN: Orchestra(
                self.servers, "plain", database, ORCHESTRA_CARRY_ON_SECONDS="0"
            ),
            throughput.CARRYING: Orchestra(self.servers, "carrying", database),
            throughput.CELERY: BareCelery(self.servers),
        }
        if database == "postgresql":
            found[throughput.GATHERED] = Durable(self.servers, "gathered")
            found[throughput.WITH_CHILDREN] = Durable(self.servers, "with_children")
        for contender in found.values():
            contender.start()
        for contender in found.values():
            contender.wait_until_ready()
            throughput.run(contender, WARM_UP)
        return found

    def stop_contenders(self):
        for contender in self._running.values():
            contender.stop()
        self._running, self._database = {}, None
