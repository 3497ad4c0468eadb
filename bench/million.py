"""Step time with 1,000,000 tasks in the tables, beside 1,000."""

import sqlalchemy as sa

from bench import throughput
from bench.ours import Orchestra
from bench.shapes import WARM_UP, Shape
from orchestra.database import db

FEW, MANY = 1_000, 1_000_000
TASKS_OF_A_PROJECT = 10
CHAIN = Shape("chain-200", "one chain of 200", (1,) * 200)

# A finished past: every task was done by the machine at once. The columns not named have defaults
# or may be empty; the numbers of projects and tasks are far above those that the run will give.
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
LONG_AGO = "'2026-01-01 00:00:00'"
PROJECTS = f"""
INSERT INTO project (id, version_id, short_description, priority, task_class, project_data,
                     revision, status, started_at, ended_at, created_by)
{NUMBERS} SELECT :base + i, :version, 'A finished project', 0, 'real', '{{}}', 1, 'completed',
       {LONG_AGO}, {LONG_AGO}, 'system' FROM n
"""
TASKS = f"""
INSERT INTO task (id, project_id, step, is_human, status, result, created_at, ended_at,
                  kept_drafts, policy_missed, attempts, fencing_number)
{NUMBERS} SELECT :base + i, :base + 1 + (i - 1) / {TASKS_OF_A_PROJECT}, 'step-' || (i % 10) || '-0',
       {{no}}, 'complete', '{{{{}}}}', {LONG_AGO}, {LONG_AGO}, '{{{{}}}}', {{no}}, 1, 1 FROM n
"""
ATTEMPTS = f"""
INSERT INTO attempt (task_id, number, fencing_number, host, process, celery_id, outcome,
                     started_at, ended_at)
{NUMBERS} SELECT :base + i, 1, 1, 'host', 1, 'id-' || i, 'complete', {LONG_AGO}, {LONG_AGO} FROM n
"""
ASSIGNMENTS = f"""
INSERT INTO assignment (id, task_id, level, status, data, revision, created_at)
{NUMBERS} SELECT :base + i, :base + i, 0, 'submitted', '{{}}', 1, {LONG_AGO} FROM n
"""
ITERATIONS = f"""
INSERT INTO iteration (task_id, assignment_id, number, status, submitted_data, started_at, ended_at)
{NUMBERS} SELECT :base + i, :base + i, 1, 'requested_review', '{{}}', {LONG_AGO}, {LONG_AGO} FROM n
"""
EVENTS = f"""
INSERT INTO audit_event (at, actor, source, verb, object_kind, object_id, project_id)
{NUMBERS} SELECT {LONG_AGO}, 'system', 'job', 'task_completed', 'task', :base + i,
       :base + 1 + (i - 1) / {TASKS_OF_A_PROJECT} FROM n
"""
BASE = 1_000_000_000


def measure(bench, database):
    """Milliseconds a step by round, and how many tasks there were."""
    bench.stop_contenders()
    many = MANY // 10 if bench.quick else MANY
    found = {count: _filled(bench, database, count) for count in (FEW, many)}
    try:
        for contender in found.values():
            throughput.run(contender, WARM_UP)
            throughput.run(contender, CHAIN)
        results = {count: [] for count in found}
        for number in range(2 * bench.rounds + 1):
            for count in sorted(found, reverse=number % 2 == 1):
                seconds = throughput.run(found[count], CHAIN)["seconds"]
                results[count].append(seconds * 1000 / CHAIN.steps)
    finally:
        for contender in found.values():
            contender.stop()
    return results


def _filled(bench, database, count):
    contender = Orchestra(bench.servers, f"rows-{count}", database)
    contender.workflow(CHAIN)
    with contender.app.app_context():
        fill(db.engine, count)
    contender.start()
    contender.wait_until_ready()
    return contender


def fill(engine, count):
    """Store finished projects with ``count`` tasks, and let the database look at them."""
    is_sqlite = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        if not is_sqlite:  # the rows fit together; to check each would take minutes
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        version = connection.scalar(sa.text("SELECT min(id) FROM workflow_version"))
        no = "0" if is_sqlite else "false"
        values = {"base": BASE, "count": count, "version": version}
        projects = values | {"count": count // TASKS_OF_A_PROJECT}
        connection.execute(sa.text(PROJECTS), projects)
        for statement in (TASKS.format(no=no), ASSIGNMENTS, ITERATIONS, ATTEMPTS, EVENTS):
            connection.execute(sa.text(statement), values)
    look_at_rows(engine)


def look_at_rows(engine):
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("ANALYZE")
            connection.commit()
        else:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql("VACUUM ANALYZE")  # else the server does it while steps run
            connection.exec_driver_sql("CHECKPOINT")
    engine.dispose()
