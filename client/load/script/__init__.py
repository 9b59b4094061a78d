"""Flows written in async Python, with cookies, redirects and logic, on a general HTTP client.

Law: a flow is to a run what a request is elsewhere: due by the schedule, counted once, whatever its script does. A
script runs with the rights of the user who starts it, in the load generator's processes on the same computer only.
`script_loader.py` imports no HTTP client, so that a plan can be completed without one.
"""
