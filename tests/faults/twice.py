"""``python -m tests.faults.twice worker``: a worker process that publishes every job twice."""

from orchestra import cli, tasks

once = tasks.publish


def twice(dispatches):
    once(dispatches)
    once(dispatches)


if __name__ == "__main__":
    tasks.publish = twice
    cli.main()
