"""The audience: a page for phones on the same network, served beside the console only after the trainer said yes.

It has a listener of its own, and nothing of the console's is reachable there: a few files, a reduced stream that only
tells, and searches, of which each address and all together may send so many. `sharing` begins and ends it, `audience`
answers, `view` decides what phones are told, `connections` and `limits` hold them to their share.
"""
