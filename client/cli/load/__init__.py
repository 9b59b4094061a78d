"""`glasscloud load` sends requests on a schedule or as users, and reports response times and errors.

Its subcommands are `load compare`, `load sweep` and `load worker`."""

from client.cli.load.run import EXAMPLES, HELP, NAME, add_arguments, run

SUBCOMMANDS = ("compare", "sweep", "worker")

__all__ = ["EXAMPLES", "HELP", "NAME", "SUBCOMMANDS", "add_arguments", "run"]
