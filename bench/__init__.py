"""Benchmarks: Orchestra beside bare Celery and DBOS, on the same machine in the same minutes."""
