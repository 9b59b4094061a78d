"""The person's side: the command line, the live view, the tour and the load generator.

Law: speaks to the service through `server.api` and to the platform through `vmhost.api`; starts other programs by
executing them, never by importing them.
"""
