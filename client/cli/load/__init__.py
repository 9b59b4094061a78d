"""`glasscloud load` sends requests on a schedule or as users, and reports response times and errors.

Its subcommands are `load compare`, `load sweep` and `load worker`.
"""
