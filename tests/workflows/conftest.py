"""The folder of the example workflows is on the import path, as in every process (D-2)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "workflows"))
