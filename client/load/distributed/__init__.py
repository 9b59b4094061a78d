"""Load from several machines: workers join an asker over the network, each proves to the other that it knows a token,
and each sends its part of a run as a process of the asker's own machine would.

Law: the token never crosses the wire, and nothing but one short line is read from anybody who has not proved that he
knows it. A worker opens no file that the asker names: contents come with the job. What follows the proof is neither
encrypted nor signed: plans with their headers can be read, and connections taken over, by whoever stands between.
One connection serves one run; then a fresh process of the worker joins for the next.
"""
