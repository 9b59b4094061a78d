"""The client side: command line, terminal screen, console, experiments and load generator.

Rule: it talks to the service through `server.api` and to the platform through `vmhost.api`. It starts other programs by
executing them, never by importing them.
"""
