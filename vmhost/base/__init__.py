"""What every program of the project may use: errors, ids, clock, logs, units, serving aiohttp apps, HTTP/1.1, SigV4, SSE."""
