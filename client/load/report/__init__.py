"""The results of a run: text and an HTML page for people; JSON, Prometheus text and HdrHistogram logs for programs.

Law: pure, except that `hlog.py` opens files. A report contains what the run measured and nothing else. All formats are
made from the `Report` in `client/load/run_report.py`.
"""
