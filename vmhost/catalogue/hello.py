"""The program of the image glasscloud-minimal: responds with its host name and process id. Standard library only."""

from __future__ import annotations

import os
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DEFAULT_PORT = 8080


class Hello(BaseHTTPRequestHandler):
    """Responds to every GET and HEAD with a line of text."""

    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        body = f"hello from {socket.gethostname()}, process {os.getpid()}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing, to keep the console output short."""


def main() -> None:
    """Listen on HOST and PORT, from the environment, until the process is stopped."""
    address = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", DEFAULT_PORT))
    with ThreadingHTTPServer(address, Hello) as server:
        print(f"listening on {address[0]}:{address[1]}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
