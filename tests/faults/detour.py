"""A detour that every job takes: from the queues that are written to those that are read."""

import heapq
import itertools
import threading
import time
from collections import Counter

import redis

WRITTEN, READ = 0, 1  # databases of the broker
LOOK_SECONDS = 0.02
LONGEST_DELAY_SECONDS = 1

# How often each happens to a job in a storm; the rest arrive as they should.
FAULTS = {"dropped": 0.15, "doubled": 0.2, "delayed": 0.25, "overtakes": 0.15}


class Detour(threading.Thread):
    """Carries jobs from database 0 of a broker to database 1; in a storm not as it should.

    :param address: of the broker, without a database.
    """

    def __init__(self, address, queues):
        super().__init__(name="detour", daemon=True)
        self.written = redis.Redis.from_url(f"{address}/{WRITTEN}")
        self.read = redis.Redis.from_url(f"{address}/{READ}")
        self.queues = queues
        self.counts = Counter()  # what happened to how many jobs
        self._storm = None
        self._later = []  # heap of (when, number, queue, message)
        self._numbers = itertools.count()
        self._closing = threading.Event()

    def begin_storm(self, random):
        self.counts.clear()
        self._storm = random

    def end_storm(self):
        self._storm = None

    def close(self):
        self._closing.set()
        self.join(10)
        self.written.close()
        self.read.close()

    def run(self):
        while not self._closing.is_set():
            found = self.written.brpop(self.queues, timeout=LOOK_SECONDS)
            if found:
                self._carry(*found)
            while self._later and self._later[0][0] <= time.monotonic():
                _, _, queue, message = heapq.heappop(self._later)
                self.read.lpush(queue, message)

    def _carry(self, queue, message):
        storm = self._storm
        fault = _chosen(storm) if storm else "carried"
        self.counts[fault] += 1
        if fault == "overtakes":
            self.read.rpush(queue, message)  # the next one that is taken
        elif fault in {"carried", "doubled"}:
            self.read.lpush(queue, message)
        if fault in {"delayed", "doubled"}:
            when = time.monotonic() + storm.uniform(0, LONGEST_DELAY_SECONDS)
            heapq.heappush(self._later, (when, next(self._numbers), queue, message))


def _chosen(storm):
    drawn = storm.random()
    for fault, share in FAULTS.items():
        drawn -= share
        if drawn < 0:
            return fault
    return "carried"
