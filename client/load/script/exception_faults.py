"""Which fault an exception is that ended a step or a flow."""

from __future__ import annotations

import json

import aiohttp
from aiohttp.http import HttpProcessingError

from client.load.engine.resource_limits import shortage_of
from client.load.summary import Fault


def fault_of(error: BaseException) -> Fault:
    """The class of an error of the server, the network, a check, or else of the script itself."""
    match error:
        case AssertionError() | json.JSONDecodeError():
            return Fault.WRONG
        case TimeoutError():
            return Fault.TIMEOUT
        case aiohttp.InvalidURL():
            return Fault.SCRIPT
        case aiohttp.ClientConnectorError():
            return Fault.GENERATOR if shortage_of(error) else Fault.CONNECT
        case aiohttp.ClientPayloadError():
            return Fault.SHORT
        case aiohttp.ClientConnectionError():
            return Fault.RESET
        case aiohttp.ClientResponseError():
            # Also raised for an answer that was understood: too many redirects, no JSON, raise_for_status().
            return Fault.GARBAGE if isinstance(error.__cause__, HttpProcessingError) else Fault.WRONG
        case ConnectionRefusedError():
            return Fault.CONNECT
        case ConnectionError():
            return Fault.RESET
        case _:
            return Fault.SCRIPT
