"""The replayed cloud over HTTP, for a console to follow: the platform's events and the front end's flow.

`python -m bench.replay_server READY SPEED`: writes its URL to READY; SPEED seconds of the stream pass in one second.
It starts with the first reader of the events. The first minute passes in three seconds, so that there is a past to
show.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from bench.replayed_cloud import SAMPLES_PER_S, ReplayedCloud, Second
from server.api.flow import FlowRecord
from vmhost.api.views import EVENTS, CloudEvent
from vmhost.base.sse import Hub, respond
from vmhost.base.web import listen, run, serve, write_ready

STEP_S = 1 / SAMPLES_PER_S
PAST_S, PAST_SPEED = 60, 20.0
_READER_EVENTS_MAX = 20_000
"""So large that a console which is a little behind misses nothing."""
_FIRST_READER_S = 30.0
_KINDS = {view: kind for kind, view in EVENTS.items()}


class ReplayServer:
    """Serves a replayed cloud to its readers."""

    def __init__(self, replay: ReplayedCloud) -> None:
        self._replay = replay
        self._recent: deque[FlowRecord] = deque(maxlen=100)
        self._platform, self._flow = Hub(capacity=_READER_EVENTS_MAX), Hub(capacity=_READER_EVENTS_MAX)

    def app(self) -> web.Application:
        """The aiohttp application with both streams, at the addresses that consoles read."""

        async def events(request: web.Request) -> web.StreamResponse:
            return await respond(request, self._platform, self._replay.snapshot)

        async def flow(request: web.Request) -> web.StreamResponse:
            return await respond(request, self._flow, self._flow_snapshot)

        async def end_streams(_: web.Application) -> None:
            self._platform.close()
            self._flow.close()

        app = web.Application()
        app.router.add_get("/_glasscloud/events", events)
        app.router.add_get("/flow", flow)
        app.on_shutdown.append(end_streams)
        return app

    async def play(self, speed: float) -> None:
        """Publish the stream until cancelled; delays are made up for."""
        async with asyncio.timeout(_FIRST_READER_S):
            while not self._platform.readers:
                await asyncio.sleep(STEP_S)
        due = time.monotonic()
        for second in itertools.count():
            rate = speed if second >= PAST_S else max(speed, PAST_SPEED)
            await self._publish(self._replay.advance(), due, rate)
            due += 1 / rate

    async def _publish(self, second: Second, due: float, speed: float) -> None:
        # Even when this is late, the streams must get time to be written.
        await asyncio.sleep(0)
        for event in second.events:
            self._platform.publish(_kind(event), event)
        for number, record in enumerate(second.records):
            if (wait := due + number * STEP_S / speed - time.monotonic()) > STEP_S / 2:
                await asyncio.sleep(wait)
            self._recent.append(record)
            self._flow.publish("request", record.to_json())
        self._flow.publish("counters", msgspec.to_builtins(second.counters))

    def _flow_snapshot(self) -> dict[str, Any]:
        recent = [record.to_json() for record in self._recent]
        return {"counters": msgspec.to_builtins(self._replay.counters()), "recent": recent}


def _kind(event: CloudEvent) -> str:
    return _KINDS[type(event)]


async def main() -> None:
    """Serve until stopped."""
    ready, speed = Path(sys.argv[1]), float(sys.argv[2])
    server = ReplayServer(ReplayedCloud(time.time()))
    async with serve(server.app(), listen("127.0.0.1", 0)) as url:
        write_ready(ready, url=url)
        await server.play(speed)


if __name__ == "__main__":
    sys.exit(run(main))
