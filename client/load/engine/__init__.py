"""Sending what a plan demands when it demands it, and timing every answer; callbacks, no task per request.

Law: an arrival never waits for another's answer, and nobody is left out: what times out, fails or is unfinished at the
end is counted with its age. `scheduler.py` keeps the schedule, `open_loop.py` and `closed_loop.py` send, `making.py`
puts an engine together; the decisions (schedule, requests, tallies) are pure and live outside.
"""
