"""Serves a small page under a policy as strict as the console's, with the content that a test sets."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

VENDOR = Path(__file__).parents[3] / "client/console/assets/vendor"
STRICT = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'"
LOOSE = "default-src * 'unsafe-inline'"
PAGE = """<!doctype html><html lang="en"><head><title>A page</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css"><script type="module" src="/script.js"></script></head><body><main>
<h1>A page</h1><p class="text">Words.</p><button>One</button><button>Two</button></main></body></html>"""


class Served:
    """What is served next; `/vendor/` is what pages of the console load of others' work."""

    def __init__(self) -> None:
        self.port = 0
        self.page = PAGE
        self.script = ""
        self.style = "button { padding: 8px 16px }"
        self.policy = STRICT

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_static("/vendor/", VENDOR)
        app.router.add_get("/{name:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        files = {"": self.page, "script.js": self.script, "style.css": self.style, "elsewhere": ""}
        if (text := files.get(request.match_info["name"])) is None:
            raise web.HTTPNotFound
        types = {"": "text/html", "script.js": "text/javascript", "style.css": "text/css", "elsewhere": "text/plain"}
        return web.Response(
            text=text,
            content_type=types[request.match_info["name"]],
            headers={"Content-Security-Policy": self.policy},
        )
