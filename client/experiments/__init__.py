"""Experiments on a cloud that is up: change one thing under load, measure, and judge.

Law: whatever judges is pure; only the experiments themselves and `runner` act on the cloud.
"""
