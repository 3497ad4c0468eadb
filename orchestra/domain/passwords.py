"""What a new password must be (specification P-7)."""

from functools import cache
from pathlib import Path

SHORTEST, LONGEST = 10, 200
COMMON = Path(__file__).with_name("common_passwords.txt")


def problems(password: str, repeated: str, *own_names: str) -> dict[str, list[str]]:
    """What is wrong, as sentences by field; empty if the password can be taken.

    :param own_names: user name and e-mail address.
    """
    problem = _problem(password, own_names)
    if problem:
        return {"password": [problem]}
    if password != repeated:
        return {"repeated": ["The two passwords differ. Type the same one twice."]}
    return {}


def _problem(password: str, own_names: tuple[str, ...]) -> str | None:
    if len(password) < SHORTEST:
        return f"Use at least {SHORTEST} characters. Three or four words make a good password."
    if len(password) > LONGEST:
        return f"Use at most {LONGEST} characters."
    if password.lower() in {name.lower() for name in own_names}:
        return "This is your user name or your e-mail address. Choose something else."
    if password.lower() in _common():
        return "Many people use this password, so it is guessed first. Choose something else."
    return None


@cache
def _common() -> frozenset[str]:
    lines = COMMON.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("# "))
