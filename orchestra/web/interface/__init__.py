"""The JSON that our own pages use, with the login session."""

from flask import Flask


def register(app: Flask) -> None:
    pass
