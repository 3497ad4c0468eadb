"""Server time of the dashboard with 100,000 tasks in the tables."""

import time

import sqlalchemy as sa

from bench.million import BASE, LONG_AGO, NUMBERS, look_at_rows
from bench.ours import Orchestra
from orchestra.database import db
from orchestra.models import Worker
from orchestra.web import create_app

MANY = 100_000
TASKS_OF_A_PROJECT = 10
WORKERS = 100
PAGE = "/orchestra/app"
STEPS = [
    {"slug": f"step-{number}", "name": f"Step {number}", "description": ""}
    for number in range(TASKS_OF_A_PROJECT)
]

# All tasks of a project are held by one worker, and are done, but for the first projects of each:
# three of them are being worked on, and the tasks of one wait for anybody.
PROJECTS = f"""
INSERT INTO project (id, version_id, short_description, priority, task_class, project_data,
                     revision, status, started_at, created_by)
{NUMBERS} SELECT :base + i, :version, 'Project ' || i, i % 7, 'real', '{{}}', 1,
       CASE WHEN (i - 1) / :workers < 4 THEN 'active' ELSE 'completed' END, {LONG_AGO}, 'system'
FROM n
"""
TASKS = f"""
INSERT INTO task (id, project_id, step, is_human, status, created_at, ended_at, kept_drafts,
                  policy_missed, attempts, fencing_number)
{NUMBERS} SELECT :base + i, :base + 1 + (i - 1) / {TASKS_OF_A_PROJECT},
       'step-' || (i % {TASKS_OF_A_PROJECT}), :yes,
       CASE (i - 1) / {TASKS_OF_A_PROJECT} / :workers
            WHEN 0 THEN 'processing' WHEN 1 THEN 'processing' WHEN 2 THEN 'processing'
            WHEN 3 THEN 'awaiting_processing' ELSE 'complete' END,
       {LONG_AGO}, {LONG_AGO}, '{{}}', :no, 0, 0 FROM n
"""
ASSIGNMENTS = f"""
INSERT INTO assignment (id, task_id, level, worker_id, status, data, revision, created_at)
{NUMBERS} SELECT :base + i, :base + i, 0,
       :first_worker + (i - 1) / {TASKS_OF_A_PROJECT} % :workers,
       CASE WHEN (i - 1) / {TASKS_OF_A_PROJECT} / :workers < 3
            THEN 'processing' ELSE 'submitted' END,
       '{{}}', 1, {LONG_AGO}
FROM n WHERE (i - 1) / {TASKS_OF_A_PROJECT} / :workers <> 3
"""


def measure(bench, database):
    """Milliseconds of each request, every worker asking in turn, in one thread of one process."""
    bench.stop_contenders()
    ours = Orchestra(bench.servers, "dashboard", database)
    ours.store("human", STEPS)
    count = MANY // 10 if bench.quick else MANY
    app = create_app(ours.settings)
    try:
        with app.app_context():
            keys = _filled(db.engine, count)
        readers = [_reader(app, key) for key in keys]
        times = [_ask(app, client) for _ in range(bench.rounds + 1) for client in readers]
    finally:
        with app.app_context():
            db.engine.dispose()
        ours.stop()
    return {"tasks": count, "ms": times[len(readers) :]}  # the first round warms up


def _filled(engine, count):
    """Store tasks, their projects and their workers; the session keys of the workers."""
    workers = [
        Worker(username=f"worker-{n}", email=f"worker-{n}@example.org", session_key=f"key-{n}")
        for n in range(WORKERS)
    ]
    db.session.add_all(workers)
    db.session.commit()
    keys, first_worker = [worker.session_key for worker in workers], workers[0].id
    db.session.remove()
    values = {"base": BASE, "workers": WORKERS, "first_worker": first_worker}
    values |= {"yes": True, "no": False}
    with engine.begin() as connection:
        values["version"] = connection.scalar(sa.text("SELECT min(id) FROM workflow_version"))
        for statement, rows in (
            (PROJECTS, count // TASKS_OF_A_PROJECT),
            (TASKS, count),
            (ASSIGNMENTS, count),
        ):
            connection.execute(sa.text(statement), values | {"count": rows})
    look_at_rows(engine)
    return keys


def _reader(app, session_key):
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = session_key, True
    return client


def _ask(app, client):
    with app.app_context():
        began = time.perf_counter()
        response = client.get(PAGE)
        seconds = time.perf_counter() - began
    if response.status_code != 200 or b"In progress" not in response.data:
        raise ValueError(f"{PAGE} answered {response.status_code}")
    return seconds * 1000
