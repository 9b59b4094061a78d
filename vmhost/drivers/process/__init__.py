"""The process driver: each guest is an ordinary process on this computer's operating system.

Guests end with the platform, however it ends. `capabilities()` says which limits the operating system enforces.
"""
