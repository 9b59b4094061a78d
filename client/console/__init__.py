"""The console: a page that shows requests travel and instances start, run and die, and lets people act.

It keeps no state of its own. What it shows comes from the platform's events, the front end's request samples and the
load generator; what it does goes through their APIs. `publisher` folds events into `state` and streams the changes,
`commands` acts, `console_server` serves.
"""
