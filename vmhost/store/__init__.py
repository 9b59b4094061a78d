"""What the cloud keeps across restarts: one SQLite file, one transaction for each change, migrations by version."""
