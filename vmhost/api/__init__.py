"""The platform as others see it: where it is, what it tells, and a client. Needs no engine and no cloud SDK.

The only part of `vmhost` besides `base` that `server` and `client` may import.
"""
