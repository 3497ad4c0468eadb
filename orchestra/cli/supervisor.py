"""A small process group: starts processes, shows their logs, restarts what dies, stops in order."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from types import FrameType

import click

LONGEST_BACKOFF_SECONDS = 30
STEADY_SECONDS = 60  # a process that ran this long starts again without delay
POLL_SECONDS = 0.05
PATIENCE_SECONDS = 10
COLOURS = ("cyan", "green", "magenta", "blue", "yellow", "bright_cyan")


@dataclass
class Process:
    """One process of the group, over all its restarts."""

    name: str
    command: list[str]
    folder: Path | None = None
    colour: str = "white"
    running: subprocess.Popen[bytes] | None = None
    started: float = 0
    failures: int = 0
    start_at: float | None = None
    readers: list[Thread] = field(default_factory=list)

    @property
    def alive(self) -> bool:
        return self.running is not None and self.running.poll() is None

    def send(self, signal_number: int) -> None:
        if self.running is not None and self.alive:
            self.running.send_signal(signal_number)

    def wait(self, seconds: float) -> bool:
        """Whether the process ended in time; its last lines have been printed then."""
        if self.running is None:
            return True
        try:
            self.running.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        for reader in self.readers:
            reader.join(1)
        return True


class Supervisor:
    """Runs processes as its own children. Use from the main thread only.

    The kernel's parent-death signal follows the *thread* that made the child, hence the main one.
    """

    def __init__(self, environment: Mapping[str, str], width: int = 7) -> None:
        self.environment = dict(environment)
        self.processes: dict[str, Process] = {}
        self.stops = 0
        self._width = width
        self._printing = Lock()

    def listen_for_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop_asked)

    def _stop_asked(self, _number: int, _frame: FrameType | None) -> None:
        self.stops += 1

    def start(self, name: str, command: list[str], folder: Path | None = None) -> Process:
        colour = COLOURS[len(self.processes) % len(COLOURS)]
        process = Process(name, command, folder, colour)
        self.processes[name] = process
        self._launch(process)
        return process

    def _launch(self, process: Process) -> None:
        wrapper = [sys.executable, "-m", "orchestra.cli.child", str(os.getpid())]
        process.running = subprocess.Popen(
            wrapper + process.command,
            cwd=process.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # else Ctrl-C in a terminal would reach all of them at once
        )
        process.started = time.monotonic()
        process.start_at = None
        process.readers = [Thread(target=self._copy_lines, args=(process,), daemon=True)]
        process.readers[0].start()

    def _copy_lines(self, process: Process) -> None:
        if process.running is None or process.running.stdout is None:
            return
        with process.running.stdout as lines:
            for line in lines:
                self.say(line.decode(errors="replace").rstrip(), process.name, process.colour)

    def say(self, text: str, name: str = "up", colour: str = "white") -> None:
        with self._printing:
            click.echo(click.style(f"{name:<{self._width}}| ", fg=colour) + text)

    def look_after(self) -> None:
        """Notice what died, and start it again after a delay that doubles with each failure."""
        now = time.monotonic()
        for process in self.processes.values():
            if process.start_at is not None:
                if now >= process.start_at:
                    self._launch(process)
            elif not process.alive:
                self._plan_restart(process, now)

    def _plan_restart(self, process: Process, now: float) -> None:
        process.wait(0)
        process.failures = 1 if now - process.started > STEADY_SECONDS else process.failures + 1
        delay = min(2.0 ** (process.failures - 1), LONGEST_BACKOFF_SECONDS)
        process.start_at = now + delay
        code = process.running.returncode if process.running else None
        self.say(f"{process.name} ended ({_ending(code)}); starting it again in {delay:.0f} s")

    def stop(self, *names: str, patience: float | None = PATIENCE_SECONDS) -> None:
        """Ask processes to end and wait; with ``patience`` None, until somebody asks again.

        The second wish (SIGINT, SIGTERM) of the person makes it quick, the third immediate.
        """
        stopping = [self.processes[name] for name in names if name in self.processes]
        for process in stopping:
            process.send(signal.SIGTERM)
        deadline = None if patience is None else time.monotonic() + patience
        told = 1
        while any(process.alive for process in stopping):
            time.sleep(POLL_SECONDS)
            if self.stops > 2 or (deadline is not None and time.monotonic() > deadline):
                _send_all(stopping, signal.SIGKILL)
            elif self.stops > told:
                told = self.stops
                _send_all(stopping, signal.SIGQUIT)
        for process in stopping:
            process.wait(1)

    def kill(self) -> None:
        """The last resort of an orderly end: nothing that was started outlives this."""
        _send_all(self.processes.values(), signal.SIGKILL)
        for process in self.processes.values():
            process.wait(5)


def _send_all(processes: Iterable[Process], signal_number: int) -> None:
    for process in processes:
        process.send(signal_number)


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
