"""The doctor: what this computer has and lacks, each finding with the command that fixes it.

Law: `findings` is pure; `probes` and `engine` look at the computer and change nothing.
"""
