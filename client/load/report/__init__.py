"""A run told: to people in lines and as a page, to programs as JSON, Prometheus text and HdrHistogram logs.

Law: pure, but that `hlog.py` opens the files it is told to. A report is made from what a run measured and nothing else;
`report.py` is what all of them tell.
"""
