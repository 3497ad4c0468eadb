"""What is wrong with a definition, and where (specification D-9, D-18)."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from orchestra.domain.json_pointers import below

LONGEST_SHOWN = 80


@dataclass
class Findings:
    """Errors and warnings of one validation, in the order in which they were found."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Place:
    """A value in a file, by JSON pointer; problems about the value are noted here."""

    file: str
    findings: Findings
    pointer: str = ""
    only_code: str | None = None  # stands for every other code, here and below

    def __truediv__(self, key: str | int) -> "Place":
        return replace(self, pointer=below(self.pointer, key))

    def under(self, code: str | None) -> "Place":
        return replace(self, only_code=code)

    def error(self, code: str, message: str) -> None:
        self.findings.errors.append(
            f"{self.file}#{self.pointer}: {message} [{self.only_code or code}]"
        )

    def warn(self, message: str) -> None:
        self.findings.warnings.append(f"{self.file}#{self.pointer}: {message}")


def shown(value: object) -> str:
    """A value as a message shows it: long ones are cut."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def nearest(word: str, known: Iterable[str]) -> str:
    """A suggestion to follow a message about an unknown word, or nothing."""
    found = get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {found[0]!r}?" if found else ""
