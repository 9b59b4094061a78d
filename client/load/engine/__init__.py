"""Sends what a plan demands at the time it demands it, and times every response; callbacks, no task for each request.

Law: an arrival never waits for another one's response, and every request is counted: if it times out, fails or is
unfinished at the end, with the age it has reached. `load_engine.py` is what all engines share, `open_loop.py` and
`closed_loop.py` send; `transport.py` is the seam to the protocol. Decisions (schedule, requests, statistics) are pure
and lie outside.
"""
