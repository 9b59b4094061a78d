"""The console's web application: the routes of every topic behind one request guard."""

from __future__ import annotations

from aiohttp import web

from client.console.commands import Commands
from client.console.console_key import ConsoleKey
from client.console.load_controller import LoadController
from client.console.publisher import Publisher
from client.console.request_guard import BODY_BYTES_MAX, RequestGuard, add_security_headers, guard_middleware
from client.console.routes import experiments, files, instances, load, requests, session, share, types
from client.console.share.sharing import Sharing


def application(
    *,
    publisher: Publisher,
    commands: Commands,
    load_controller: LoadController,
    sharing: Sharing,
    key: ConsoleKey,
    guard: RequestGuard,
) -> web.Application:
    """Return the application to serve. Its streams end when it shuts down."""

    async def end_streams(_: web.Application) -> None:
        publisher.hub.close()

    app = web.Application(middlewares=[guard_middleware(guard)], client_max_size=BODY_BYTES_MAX)
    app.on_response_prepare.append(add_security_headers)
    app.on_shutdown.append(end_streams)
    app.add_routes(files.routes(publisher))
    app.add_routes(session.routes(key, guard))
    app.add_routes(requests.routes(publisher, commands))
    app.add_routes(types.routes(commands))
    app.add_routes(instances.routes(commands, guard))
    app.add_routes(experiments.routes(commands, guard))
    app.add_routes(load.routes(load_controller, guard))
    app.add_routes(share.routes(sharing, guard))
    return app
