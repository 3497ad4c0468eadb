"""How the demo tells its story: coloured in a terminal, plain text elsewhere."""

import ast
import json
import sys
import time
from typing import Any

import click
from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from orchestra.errors import Conflict

BREATH_SECONDS = 3


class Stopped(Exception):
    """The person at the keyboard ends the walk-through."""


class Story:
    """:param slow: rest a moment after each part, so that one can follow."""

    def __init__(self, *, slow: bool = False) -> None:
        self._console = Console(highlight=False)
        self._slow = slow
        self._is_blank = False  # whether the last line is

    def heading(self, text: str) -> None:
        self._blank_line()
        self._print(text, style="bold magenta")
        self._blank_line()

    def say(self, text: str) -> None:
        self._print(text)
        self._rest()

    def command(self, line: str) -> None:
        """A command that the reader can repeat in the shell."""
        self._print(f"  $ {line}", style="cyan")

    def call(self, code: str, answer: Any = None) -> None:
        """A call that the reader can repeat in Python, and what it answered."""
        begins = {statement.lineno for statement in ast.parse(code).body}
        for number, line in enumerate(code.splitlines(), start=1):
            self._code(line, "python", ">>> " if number in begins else "... ")
        if answer is not None:
            for line in json.dumps(answer, indent=2, ensure_ascii=False).splitlines():
                self._code(line, "json")
        self._blank_line()
        self._rest()

    def ask(self, question: str) -> None:
        """:raises Stopped: the person at the keyboard does not want to.

        :raises Conflict: nobody is there.
        """
        try:
            wanted = click.confirm(question, default=True)
        except click.Abort as error:
            if sys.stdin.isatty():
                raise Stopped from error
            raise Conflict("Nobody is here to answer; --yes does the person's part.") from error
        if not wanted:
            raise Stopped

    def _code(self, line: str, language: str, prompt: str = "") -> None:
        coloured = Syntax("", language, theme="ansi_dark").highlight(line)
        coloured.rstrip()
        self._console.print(Text.assemble((f"  {prompt}", "dim"), coloured), soft_wrap=True)
        self._is_blank = False

    def _print(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style), soft_wrap=not self._console.is_terminal)
        self._is_blank = False

    def _blank_line(self) -> None:
        if not self._is_blank:
            self._console.print()
        self._is_blank = True

    def _rest(self) -> None:
        if self._slow:
            time.sleep(BREATH_SECONDS)
