"""Run a local cloud as child programs: a supervisor starts the platform and the search service and stops them.

Rule: a parent holds a pipe (the lifeline) for each program that it starts, and the program ends when the pipe closes.
So nothing keeps running after any kind of death of the parent, SIGKILL included. Nothing here imports the platform or
the service; they are executed.
"""
