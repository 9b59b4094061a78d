"""The doctor: what this machine has and lacks, each finding with the command that mends it.

Law: `findings` is pure; `probes` and `engine` look at the machine and change nothing.
"""
