"""The load generator: a schedule, prepared requests, processes of its own and numbers that say what users saw.

Law: `plan/`, the schedule, the requests, the histograms, the tallies, the verdict and `report/` are pure; `engine/` and
`worker.py` act inside the generator's processes, `control.py` and `crew.py` in their asker's. The generator shares
`vmhost.base.http1` with the front end and needs neither docker, botocore nor tantivy.
"""
