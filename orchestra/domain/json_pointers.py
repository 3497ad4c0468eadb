"""JSON pointers (RFC 6901): where a value stands in JSON."""

from collections.abc import Sequence


def below(pointer: str, key: str | int) -> str:
    """The pointer of what stands under a key."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def pointer_to(path: Sequence[str | int]) -> str:
    """The pointer that leads along these keys; empty for the whole."""
    pointer = ""
    for key in path:
        pointer = below(pointer, key)
    return pointer


def keys_of(pointer: str) -> list[str]:
    """The keys along which a pointer leads."""
    return [key.replace("~1", "/").replace("~0", "~") for key in pointer.split("/")[1:]]
