"""Run an async command that cleans up and exits on SIGINT or SIGTERM."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from vmhost.base.errors import CloudError
from vmhost.base.web import run


def run_until_stopped(main: Callable[[], Awaitable[int]]) -> int:
    """Run `main` and return its exit code, or 0 if SIGINT or SIGTERM stopped it. Raises its first CloudError."""
    failed: list[CloudError] = []

    async def guarded() -> int:
        try:
            return await main()
        except CloudError as error:
            failed.append(error)
        except ExceptionGroup as group:
            errors = list(_flatten(group))
            if not all(isinstance(each, CloudError) for each in errors):
                raise
            # Several tasks failed: report the first error, because the others may be its consequences.
            failed.extend(each for each in errors if isinstance(each, CloudError))
        return 1

    code = run(guarded)
    if failed:
        raise failed[0]
    return code


def _flatten(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from _flatten(each)
        else:
            yield each
