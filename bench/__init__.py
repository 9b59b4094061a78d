"""The promised numbers, measured: `make bench`, or `python -m bench NAME …`.

Law: every figure is a ratio against a named peer in the same run, or a bound on a count; it runs on loopback and on
what it made itself, ends by itself, and leaves nothing. A figure that cannot be measured here says what is missing.
"""
