"""The storage of the cloud: one SQLite file, one transaction for each change, migrations by version."""
