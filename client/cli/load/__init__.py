"""`glasscloud load`: requests by a schedule or by users, and what they saw. `load compare`, `load sweep`, `load worker`
are commands of their own below it."""

from client.cli.load.run import EXAMPLES, HELP, NAME, add_arguments, run

SUBCOMMANDS = ("compare", "sweep", "worker")

__all__ = ["EXAMPLES", "HELP", "NAME", "SUBCOMMANDS", "add_arguments", "run"]
