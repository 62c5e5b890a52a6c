"""Where the commands write: what was asked for on standard output, what is wrong on standard error."""

from rich.console import Console

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)
