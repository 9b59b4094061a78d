"""Benchmarks for the numbers in docs/specification.md: `make bench`, or `python -m bench NAME …`.

Rules: each measurement is a ratio to a named peer in the same run, or a bound on a count. A benchmark uses only
loopback and what it has started itself, ends by itself, and leaves nothing behind. If it cannot run here, it says what
is missing.
"""
