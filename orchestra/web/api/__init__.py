"""The signed API of client systems."""

from flask import Flask


def register(app: Flask) -> None:
    pass
