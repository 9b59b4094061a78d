"""A shop for scripts to visit, and what tests of scripts do with a plan."""

from __future__ import annotations

import asyncio

from aiohttp import web

from client.load.plan.model import Plan
from client.load.run import LoadRun
from client.load.run_report import Report
from client.load.summary import TargetSummary
from server.api.timing import Attempt, RequestTrace, render

TRACE = render(
    RequestTrace(
        trace_id="", total_ms=2.0, frontend_ms=0.5,
        attempts=(Attempt(instance_id="i-0a12", type="t3.nano", host="host-a", shard=0, start_ms=0.2, dur_ms=1.5),),
    )
)  # fmt: skip
SHOP = """
async def setup(base_url):
    return {"words": ["cloud", "glass", "rain"]}

async def flow(user):
    page = await user.get("/login")
    assert page.status == 200, "login page"
    home = await user.post("/login", data={"name": "ada"}, name="log in")
    user.check((await home.text()).startswith("home of "), "not at home")
    found = await user.get("/search", params={"q": user.draw(user.shared["words"])}, name="search")
    user.check("hits" in await found.json(), "no hits")
"""


class Shop:
    """A server with a login, which gives each new visitor a cookie and remembers what came with it."""

    def __init__(self) -> None:
        self.url = ""
        self.visits: dict[str, list[str]] = {}
        self.queries: list[str] = []
        self.traceparents: list[str] = []
        self.arrived = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/login", self.login)
        app.router.add_post("/login", self.log_in)
        app.router.add_get("/home", self.home)
        app.router.add_get("/search", self.search)
        app.router.add_get("/visit", self.visit)
        app.router.add_get("/hang", self.hang)
        app.router.add_get("/gate", self.gate)
        app.router.add_get("/broken", self.broken)
        app.router.add_get("/circle", self.circle)
        return app

    async def login(self, request: web.Request) -> web.Response:
        return self._visited(request, web.Response(text="who are you?"))

    async def log_in(self, request: web.Request) -> web.Response:
        assert (await request.post())["name"] == "ada"
        return self._visited(request, web.Response(status=303, headers={"Location": "/home"}))

    async def home(self, request: web.Request) -> web.Response:
        return self._visited(request, web.Response(text=f"home of {request.cookies['visitor']}"))

    async def search(self, request: web.Request) -> web.Response:
        self.queries.append(request.query["q"])
        return self._visited(request, web.json_response({"hits": []}, headers={"Server-Timing": TRACE}))

    async def visit(self, request: web.Request) -> web.Response:
        return self._visited(request, web.Response(text="welcome"))

    async def hang(self, request: web.Request) -> web.Response:
        self.arrived.set()
        await asyncio.Event().wait()
        raise AssertionError("never")

    async def gate(self, request: web.Request) -> web.Response:
        self.arrived.set()
        await self.open.wait()
        return web.Response(text="through")

    async def broken(self, request: web.Request) -> web.Response:
        return web.Response(status=500)

    async def circle(self, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/circle"})

    def _visited(self, request: web.Request, response: web.Response) -> web.Response:
        self.traceparents.append(request.headers.get("traceparent", ""))
        visitor = request.cookies.get("visitor")
        if visitor is None:
            visitor = str(len(self.visits))
            self.visits[visitor] = []
            response.set_cookie("visitor", visitor)
        self.visits[visitor].append(f"{request.method} {request.path}")
        return response


async def report_of(plan: Plan, *, processes: int = 1) -> Report:
    async with asyncio.timeout(30), LoadRun(processes=processes) as load:
        await load.start(plan)
        return await load.finished()


def target(report: Report, name: str) -> TargetSummary:
    return next(each for each in report.summary.targets if each.name == name)


def flow_of(*lines: str) -> str:
    return "\n    ".join(("async def flow(user):", *lines))
