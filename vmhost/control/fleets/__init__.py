"""Fleets: each keeps a number of instances running."""
