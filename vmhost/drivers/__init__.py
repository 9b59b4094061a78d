"""Drivers: each makes, limits, monitors and removes guests of one kind, behind one protocol (`base`)."""
