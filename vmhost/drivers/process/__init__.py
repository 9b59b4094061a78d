"""The process driver: a guest is a plain process beside its neighbours on one operating system.

Law: guests end with the platform, however it ends. Whatever holds them in is told by `capabilities()`, in words.
"""
