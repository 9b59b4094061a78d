"""The search of one shard, as a program that runs inside an instance.

Rules: `leaf_app` refuses requests that it cannot serve in time. A leaf knows only its own shard: it never calls another
leaf or the front end.
"""
