"""The load generator: a schedule, prepared requests, worker processes and numbers that show what users experienced.

Law: `plan/`, the schedule, the requests, histograms, interval statistics, the verdict and `report/` are pure; `engine/`
and `worker.py` run inside worker processes, `run.py` and `workers.py` in the coordinator. The load generator
shares `vmhost.base.http1` with the front end and needs neither docker, botocore nor tantivy.
"""
