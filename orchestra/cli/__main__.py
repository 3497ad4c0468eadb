"""``python -m orchestra.cli``: the command without its script."""

from orchestra.cli import main

main(prog_name="orchestra")
