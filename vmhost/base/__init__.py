"""Shared by all programs: errors, ids, clock, logs, units, web servers, HTTP/1.1 client, SigV4, server-sent events."""
