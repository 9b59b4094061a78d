"""Load from several computers: workers join a coordinator over the network, each side proves to the other that it knows
a token, and each worker sends its part of a run as a process of the coordinator's own computer would.

Law: the token never crosses the wire, and only one short line is read from a peer that has not proved that it knows it.
A worker opens no file that the coordinator names: file contents come with the job. What follows the proof is neither
encrypted nor signed: anyone on the way between the two can read plans with their headers, and take over connections.
One connection serves one run; then a fresh process of the worker joins for the next.
"""
