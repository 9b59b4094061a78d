"""A run on a terminal while it goes on: figures, a heat map of the response times, and keys that steer it.

Law: all but `view.py` is pure, which draws and obeys keys; `document.py` tells the same to programs. All of it lives in
the asker's process: requests are sent by others, so what is drawn here never slows the load.
"""
