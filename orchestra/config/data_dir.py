"""The data folder, and the secret key that is kept in it in development (E-10)."""

import os
import secrets
from pathlib import Path

from orchestra.errors import BadConfiguration


def made_folder(folder: Path) -> Path:
    """The folder, made if it is not there.

    :raises BadConfiguration: it cannot be made, or nothing can be written into it.
    """
    reason = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadConfiguration(
            [
                f"ORCHESTRA_DATA_DIR: nothing can be written into {folder}: "
                f"{reason or 'this user may not'}. Name another folder, or make it yours."
            ]
        )
    return folder


def secret_key_in(folder: Path) -> str:
    """The key that is kept in the folder; made once."""
    path = folder / "secret_key"
    if not path.exists():
        _make_secret_key(made_folder(folder), path)
    return path.read_text(encoding="ascii").strip()


def _make_secret_key(folder: Path, path: Path) -> None:
    """Keep a new key in the folder; of several processes that make one at once, the first wins."""
    draft = folder / f".secret_key.{os.getpid()}.{secrets.token_hex(4)}"
    with open(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(secrets.token_hex(32))
    # A link appears whole and never replaces: no process reads half a key or a second one.
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
