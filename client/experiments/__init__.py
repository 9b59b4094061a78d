"""Experiments on a running cloud: cause a fault under load, measure before, during and after, and judge.

Rule: judging is pure; only an experiment's `run` and the runner act on the cloud. To add an experiment, write a file
with a class that has the members of `Experiment`, and list it in `_ALL` in `runner`.
"""
