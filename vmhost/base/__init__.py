"""What every program here may use: errors, ids, clock, logs, units, serving, HTTP/1.1, SigV4, server-sent events."""
