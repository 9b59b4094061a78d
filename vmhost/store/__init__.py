"""What the cloud remembers across restarts: one SQLite file, one transaction a change, a schema version."""
