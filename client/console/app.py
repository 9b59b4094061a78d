"""The console over HTTP: every topic's routes behind one door."""

from __future__ import annotations

from aiohttp import web

from client.console.desk import Desk
from client.console.feed import Feed
from client.console.guard import BODY_BYTES_MAX, Door, door, protect
from client.console.keys import Key
from client.console.loading import Loading
from client.console.routes import experiments, files, instances, load, requests, session, share, types
from client.console.share.sharing import Sharing


def application(*, feed: Feed, desk: Desk, loading: Loading, sharing: Sharing, key: Key, gate: Door) -> web.Application:
    """The app to serve. Streams end when it shuts down."""

    async def end_streams(_: web.Application) -> None:
        feed.hub.close()

    app = web.Application(middlewares=[door(gate)], client_max_size=BODY_BYTES_MAX)
    app.on_response_prepare.append(protect)
    app.on_shutdown.append(end_streams)
    app.add_routes(files.routes(feed))
    app.add_routes(session.routes(key, gate))
    app.add_routes(requests.routes(feed, desk))
    app.add_routes(types.routes(desk))
    app.add_routes(instances.routes(desk, gate))
    app.add_routes(experiments.routes(desk, gate))
    app.add_routes(load.routes(loading, gate))
    app.add_routes(share.routes(sharing, gate))
    return app
