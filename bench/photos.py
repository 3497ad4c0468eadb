"""Does adjusting many photos stay cheap: memory and time of 200 with 12 megapixels each."""

import json
import sys

from PIL import Image

from bench.ours import Orchestra
from orchestra.workflow_kit import files

MANY, FEW = 200, 20
SIZE = (4000, 3000)
DIFFERENT = 5  # of them; the others are as large and as hard to read
STEPS = [{"slug": "wait", "name": "Wait", "description": ""}]


def measure(bench, database):
    """What :mod:`bench.adjusting` found, in a process of its own as the step has one."""
    bench.stop_contenders()
    ours = Orchestra(bench.servers, "photos", database)
    count = FEW if bench.quick else MANY
    try:
        ours.store("photos", STEPS)
        project_id = ours.create("photos")
        photos = [_photo(ours.folder / f"{number}.jpg", number) for number in range(DIFFERENT)]
        with ours.app.app_context():
            folder = _uploaded(files(project_id), photos, count)
        return _adjusted(ours, project_id, folder)
    finally:
        ours.stop()


def _photo(path, number):
    """A sky over water, with the grain of a camera."""
    tones = [Image.effect_noise(SIZE, 12 + 4 * colour) for colour in range(3)]
    sky = Image.linear_gradient("L").rotate(90 * number).resize(SIZE)
    bands = [Image.blend(tone, sky, 0.6) for tone in tones]
    exif = Image.Exif()
    exif[0x0112] = (1, 6, 3, 8)[number % 4]
    Image.merge("RGB", bands).save(path, quality=88, exif=exif)
    return path


def _uploaded(project, photos, count):
    folder = project.make_folder("Raw Photos", key="raw-photos")
    for number in range(count):
        with photos[number % len(photos)].open("rb") as content:
            project.upload(f"{number}.jpg", content, key=f"raw/{number}", folder=folder)
    return folder


def _adjusted(ours, project_id, folder):
    found = ours.folder / "found.json"
    command = [sys.executable, "-m", "bench.adjusting", str(project_id), folder, str(found)]
    process = ours.servers.launch(f"{ours.name}-adjusting", command, env=ours.env)
    if process.wait():
        raise RuntimeError("The photos could not be adjusted.")
    return json.loads(found.read_text())
