"""The console: a page that shows every request travel and every machine live and die, and lets people act.

It holds no truth of its own: what it shows it hears from the platform's events, the front end's flow and the load
generator, and what it does it asks of them. `board` keeps what is shown, `stream` tells it, `desk` acts, `app` serves.
"""
