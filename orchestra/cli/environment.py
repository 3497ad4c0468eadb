"""The environment of the processes that one of ours starts."""

import os
from pathlib import Path

from orchestra.config import Settings


def environment(settings: Settings) -> dict[str, str]:
    """What a child needs to come to the same settings, from whatever folder it runs in."""
    above = str(Path(__file__).parents[2])
    path = os.environ.get("PYTHONPATH")
    return os.environ | {
        "ORCHESTRA_DATA_DIR": str(settings.data_dir),
        "ORCHESTRA_WEB_HOST": settings.web_host,
        "ORCHESTRA_WEB_PORT": str(settings.web_port),
        "ORCHESTRA_WORKFLOW_DIRS": ",".join(map(str, settings.workflow_dirs)),
        "PYTHONPATH": f"{above}{os.pathsep}{path}" if path else above,
        "PYTHONUNBUFFERED": "1",
    }
