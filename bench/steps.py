"""Functions of our machine steps, and what the tasks of bare Celery do as well."""

import os
import time

from bench import ending
from bench.processes import resident_bytes

LONGER_THAN_ANYBODY_WAITS = 600


def empty(project_data, prerequisites):
    return {}


def last(project_data, prerequisites):
    """Empty, but for telling the driver."""
    ending.tell("last")
    return {}


def timed(project_data, prerequisites):
    tell_time()
    return {}


def weigh(project_data, prerequisites):
    tell_weight()
    return {}


def held(project_data, prerequisites):
    hold(project_data["key"])
    return {}


def tell_time():
    ending.tell(time.time())


def tell_weight():
    """Tell how large the processes of this pool are by now."""
    ending.tell(*resident_bytes(os.getppid()))


def hold(key):
    """Tell that it runs; the first time run on until the process is killed."""
    ending.tell(key, os.getpid(), time.time())
    if ending.is_first(key):
        time.sleep(LONGER_THAN_ANYBODY_WAITS)
