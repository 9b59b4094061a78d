"""The console's HTTP routes, one file for each topic.

Every client that reaches the console may read. Whatever changes something starts with `guard.require_key`.
"""
