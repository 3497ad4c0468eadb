"""How one process of ours starts another: its environment, and Gunicorn's command."""

import os
import sys
from pathlib import Path

from orchestra.config import Settings


def environment(settings: Settings) -> dict[str, str]:
    """What a child needs to come to the same settings, from whatever folder it runs in."""
    above = str(Path(__file__).parents[2])
    path = os.environ.get("PYTHONPATH")
    given = {
        "ORCHESTRA_DATA_DIR": str(settings.data_dir),
        "ORCHESTRA_WEB_HOST": settings.web_host,
        "ORCHESTRA_WEB_PORT": str(settings.web_port),
        "PYTHONPATH": f"{above}{os.pathsep}{path}" if path else above,
        # The folder that the command is given in may hold modules of the same names as ours or
        # those that we use.
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
    }
    folders = [str(folder) for folder in settings.workflow_dirs]
    if not any("," in folder for folder in folders):  # else no list can hold it
        given["ORCHESTRA_WORKFLOW_DIRS"] = ",".join(folders)
    return os.environ | given


def gunicorn_command(settings: Settings) -> list[str]:
    return [
        sys.executable,
        "-m",
        "gunicorn",
        f"--bind={settings.web_host}:{settings.web_port}",
        "--worker-class=gthread",  # a page that waits must not hold up the others
        "--threads=8",
        "--timeout=60",
        "--graceful-timeout=30",  # requests under way end before the process does
        "--keep-alive=5",
        "--no-control-socket",  # one per home folder: two instances would fight for it
        "--log-level=warning",
        "orchestra.wsgi:app",
    ]
