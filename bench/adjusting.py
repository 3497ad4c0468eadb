"""``python -m bench.adjusting PROJECT RAW_FOLDER RESULTS``: adjust photos, and weigh the process.

After each photo the same is done to its file by Pillow alone, so that what disturbs the machine
disturbs both.
"""

import json
import sys
import time
import warnings
from pathlib import Path

warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)  # from httpsig
sys.path.insert(0, str(Path(__file__).parents[1] / "workflows"))

from journalism_workflow.v1 import adjust_photos  # noqa: E402
from PIL import Image, ImageOps  # noqa: E402

from bench.processes import PAGE_BYTES  # noqa: E402
from orchestra.application import create_core  # noqa: E402
from orchestra.config import Settings  # noqa: E402
from orchestra.domain.execution import running_project  # noqa: E402


def main(project_id, raw_folder, results):
    settings = Settings.from_env()
    running_project.set(int(project_id))
    sizes, bare = [], []
    adjust = adjust_photos._adjust

    def adjust_and_look(project, raw, folders, there):
        adjust(project, raw, folders, there)
        sizes.append(_resident_bytes())
        number = int(Path(raw.name).stem) % len(originals)
        bare.append(_seconds_of(by_pillow_alone, originals[number], settings.data_dir))

    originals = sorted(settings.data_dir.glob("?.jpg"))
    adjust_photos._adjust = adjust_and_look
    with create_core(settings).app_context():
        given = {"document_creation": {"raw_photo_folder": raw_folder}}
        seconds = _seconds_of(adjust_photos.autoadjust_photos, {}, given) - sum(bare)
    found = {
        "photos": len(sizes),
        "resident_bytes": {number: sizes[number - 1] for number in (len(sizes) // 10, len(sizes))},
        "peak_bytes": _peak_bytes(),
        "seconds": seconds,
        "bare_seconds": sum(bare),
    }
    Path(results).write_text(json.dumps(found))


def by_pillow_alone(original, folder):
    """The same two files, without a store, a database and a doubt about what the file is."""
    side = adjust_photos.PROCESSED.side
    with Image.open(original) as image:
        image.draft("L", (side, side * image.height // image.width))
        photo = image.convert("L")
    photo.thumbnail((side, side), Image.Resampling.LANCZOS)
    photo = ImageOps.exif_transpose(photo)
    for variant in adjust_photos.VARIANTS:
        sized = photo.copy()
        sized.thumbnail((variant.side, variant.side), Image.Resampling.LANCZOS)
        sized.save(folder / f"{variant.key}.jpg", quality=adjust_photos.QUALITY, optimize=True)


def _seconds_of(function, *arguments):
    began = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - began


def _resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def _peak_bytes():
    """Of this program: what ``getrusage`` says counts the process that started it, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
