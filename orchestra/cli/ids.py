"""Ids on the command line."""

import click

ROW_ID = click.IntRange(1, 2**63 - 1)  # a larger number is an error of the database
