"""The instance metadata service (EC2's IMDS, versions 1 and 2).

Rule: the listening socket identifies the instance; no request can read another instance's data.
"""
