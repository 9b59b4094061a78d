"""Drivers: each makes, limits, monitors and removes guests of one kind, behind the same ports (`ports`)."""
