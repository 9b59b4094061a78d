"""A run on a terminal while it goes on: figures, a heat map of the response times, and keys that steer it.

Law: `model.py`, `heat.py`, `screen.py`, `figures.py` and `plain.py` are pure; `view.py` draws and obeys keys. All of it
lives in the asker's process: requests are sent by others, so what is drawn here never slows the load.
"""
