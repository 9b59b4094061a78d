"""The load generator: an open schedule, prepared requests, one process of its own and numbers that say what users saw.

Law: the pacer, the requests, the histogram, the summaries and the report are pure; the engine and the worker act. The
generator shares `vmhost.base.http1` with the front end and needs neither docker, botocore nor tantivy.
"""
