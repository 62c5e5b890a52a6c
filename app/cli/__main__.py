"""Lets `python -m app.cli` stand in for `doorstep`."""

from app.cli import main

main()
