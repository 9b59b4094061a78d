"""The platform's API for other programs: access file, client, views and constants. Needs no engine and no cloud SDK.

The only part of `vmhost` besides `base` that `server` and `client` may import.
"""
