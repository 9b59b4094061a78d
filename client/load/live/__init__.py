"""A run on a terminal while it is active: figures, a heat map of response times, and keys that control the load.

Law: everything is pure except `live_view.py`, which draws and handles keys; `live_json.py` is the same for programs.
All of it runs in the coordinator's process, and worker processes send the requests, so drawing never slows the load.
"""
