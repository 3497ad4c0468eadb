"""Settings of Celery, each with the failure it prevents."""

from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from celery.schedules import schedule
from celery.signals import setup_logging
from kombu.entity import Exchange, Queue

from orchestra import logs
from orchestra.config import Settings
from orchestra.errors import Unavailable
from orchestra.outbox import Job

settings = Settings.from_env()
LONGEST_STEP_SECONDS = 86_400  # the most that a version may allow one attempt


def _configure_logs(**_: Any) -> None:
    logs.configure(settings)


setup_logging.connect(_configure_logs)  # once connected, Celery leaves our log lines alone


def _broker_address() -> str:
    """The broker, or a port where nobody listens: before the first `orchestra up` there is none,
    and what cannot be published now waits in the outbox."""
    try:
        return settings.broker_address()
    except Unavailable:
        return "redis://127.0.0.1:1/0"


# --- Broker -----------------------------------------------------------------------------------

broker_url = _broker_address()
broker_connection_retry_on_startup = True  # a worker process started before its broker would exit
broker_connection_max_retries = None  # after 100 tries, about an hour, a worker process would exit
broker_connection_timeout = 1  # a person who submits would wait for a broker that is not there

# A person who submits waits for the broker as long as these allow: not at all when nobody listens,
# a second when it is frozen. What was not published then is published by the sweep.
task_publish_retry_policy = {"max_retries": 0, "interval_start": 0.05, "interval_max": 0.1}

if broker_url.startswith("redis"):
    broker_transport_options = {
        # A job that runs longer than this is delivered a second time while it runs.
        "visibility_timeout": LONGEST_STEP_SECONDS + 3600,
        # With the defaults a dead worker process's messages are looked for every 100 s only.
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        # Without these a broker that vanished without a word blocks the sender for ever.
        "socket_timeout": 1,
        "socket_connect_timeout": 1,
        "socket_keepalive": True,
    }
else:
    # Without confirmation RabbitMQ may lose what it has not yet written.
    broker_transport_options = {"confirm_publish": True}
    # The Redis client renews a connection that died unused by itself; this one does not.
    task_publish_retry_policy["max_retries"] = 1

# --- Queues -----------------------------------------------------------------------------------

QUEUES = ("engine", "machine", "messages", "bots")
# Exchange and key by name: by default all would share one key, and each job reach every queue.
task_queues = [Queue(name, exchange=Exchange(name), routing_key=name) for name in QUEUES]
task_default_queue = "engine"
# A step may name a queue of its own, for hosts of its own: `celery worker -Q gpu` would refuse it
# otherwise. A misspelt name cannot get here, because the sender names the queue explicitly, from
# a version that was checked when it was loaded; a queue that nobody consumes fails `doctor`.
task_create_missing_queues = True

# --- Jobs -------------------------------------------------------------------------------------

task_acks_late = True  # acknowledged early, a job is lost with the process that runs it
task_reject_on_worker_lost = True  # so it would be with a pool process that is killed
task_ignore_result = True  # results are rows; a result backend would be a second truth to lose
result_backend = None
accept_content = ["json"]  # pickle would let whoever reaches the broker run code
task_serializer = "json"
# Backstop only: the step's own limit is kept by the step. It must end before the broker delivers
# the message again.
task_time_limit = LONGEST_STEP_SECONDS + 600
task_send_sent_event = False  # a publication for each job, to say that it was published
timezone = "UTC"

# --- Worker process ---------------------------------------------------------------------------

worker_prefetch_multiplier = 1  # work reserved by a busy process waits although another is idle
worker_max_tasks_per_child = 10_000  # memory that leaks in a step would grow for ever
worker_max_memory_per_child = 600_000  # KiB; so would memory that one step took
worker_eta_task_limit = 1000  # a flood of delayed jobs would be held in memory
# A killed pool process would keep its place for 10 s; with all of them killed, nothing is swept.
worker_lost_wait = 1
# Three messages for each job, which nobody reads while no Flower runs. While one runs, it asks for
# them every few seconds.
worker_send_task_events = False
worker_hijack_root_logger = False  # our log lines would be replaced
# How long steps may go on when the worker is asked to stop; then they are given back. Docker waits
# 10 s before it kills.
worker_soft_shutdown_timeout = 8
worker_enable_soft_shutdown_on_idle = False
# A step that is running ends in the database, not in the broker; to kill it because the broker
# blinked would cost an attempt and save nothing.
worker_cancel_long_running_tasks_on_connection_loss = False

# --- Beat -------------------------------------------------------------------------------------


def _steady_now() -> datetime:
    """Beat's time: were its clock put back by an hour, it would wait for an hour."""
    return _began_at + timedelta(seconds=monotonic() - _began)


_began, _began_at = monotonic(), datetime.now(UTC)

# Beat only ticks; each tick takes what is due from the database, so none, one or three beats have
# the same effects. A tick does not expire: the worker process would compare beat's clock with its
# own, and where the two differ by more than an interval, nothing would ever be swept.
beat_schedule = {
    job.value: {
        "task": job.value,
        "schedule": schedule(interval, nowfun=_steady_now),
        "options": {"queue": queue},
    }
    for job, interval, queue in (
        (Job.SWEEP, settings.sweep_interval_seconds, "engine"),
        (Job.SEND_STAFFING_REQUESTS, settings.staffbot_interval, "bots"),
        (Job.REMIND_WORKERS, settings.remind_check_interval, "bots"),
        (Job.WARN_STAFFING_TEAM, settings.warn_check_interval, "bots"),
        (Job.CHECK_PROJECTS, settings.sanity_interval, "bots"),
    )
}
beat_max_loop_interval = settings.sweep_interval_seconds
# Nothing is kept from start to start: beats would fight for the file, and one whose clock was put
# back meanwhile would wait until the time of its last tick comes again.
beat_scheduler = "celery.beat:Scheduler"
