"""The tour: the demo's load and experiments without a person, and a report with a verdict."""
