"""Hypervisors: each driver makes, limits, watches and removes machines of one kind behind one protocol (`base`)."""
