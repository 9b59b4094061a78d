"""The audience: a page for phones on the same network, served beside the console only after the presenter has agreed.

It has a listener of its own with a few files, a read-only stream, and searches that are limited for each address and
for all together; nothing of the console is reachable there. `sharing` starts and stops it, `audience` answers requests,
`audience_state` decides what phones receive, `participants` and `audience_stream` limit them.
"""
