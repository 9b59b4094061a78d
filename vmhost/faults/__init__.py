"""Faults that can be injected into instances. Each is bounded in time and amount.

To add one, write a file with a subclass of `Fault` and list the class in `registry.FAULTS`.
"""
