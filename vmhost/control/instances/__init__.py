"""Instances: their requests, the decisions about each, and the tasks that carry the decisions out."""
