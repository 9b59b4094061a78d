"""Load over TLS: a certificate is trusted, or taken all the same, or refused in words."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from client.load.plan.model import ClosedLoop, Plan, Target, constant
from client.load.run import LoadRun
from vmhost.base.errors import Unavailable

# A key that guards nothing: made for these tests, in the open, good for localhost until 2126.
PEM = Path(__file__).with_name("localhost.pem")


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path == "/chunked":
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(3):
                await response.write(b"x" * 20_000)
            return response
        return web.Response(text="hello")

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(PEM)
    app = web.Application()
    app.router.add_get("/{name:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://localhost:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_unknown_certificate_is_refused_with_advice(url: str) -> None:
    async with asyncio.timeout(30), LoadRun() as run:
        with pytest.raises(
            Unavailable, match=r"certificate verify failed: self.signed certificate; name its CA with --cacert"
        ):
            await run.start(constant(url, 10, duration_s=0.5))


async def test_a_certificate_that_is_trusted_is_checked_by_its_name(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
    async with asyncio.timeout(30), LoadRun() as run:
        await run.start(constant(url, 20, duration_s=0.5))
        report = await run.finished()
    assert (report.summary.ok, report.summary.failed) == (10, 0)


@pytest.mark.parametrize("closed", [False, True])
async def test_a_certificate_is_taken_all_the_same_where_that_was_said(url: str, *, closed: bool) -> None:
    plan = constant(f"{url}/chunked", 20, duration_s=0.5, insecure=True)
    if closed:
        plan = Plan(
            targets=(Target(url=f"{url}/chunked"),), closed=ClosedLoop(users=2, think_s=0.05), duration_s=0.5,
            insecure=True,
        )  # fmt: skip
    async with asyncio.timeout(30), LoadRun() as run:
        await run.start(plan)
        report = await run.finished()
    assert report.summary.failed == 0
    assert report.summary.ok >= 4
    assert report.summary.received_bytes == 60_000 * report.summary.ok
