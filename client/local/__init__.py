"""One local cloud as child programs: a supervisor runs the platform and the search service and takes them down again.

Law: whoever starts a program holds its lifeline, a pipe whose end is the program's end; so no way of dying, not even
SIGKILL, leaves anything running. Nothing here imports the platform or the service: they are executed.
"""
