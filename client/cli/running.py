"""Running an async command that drains when it is told to stop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from vmhost.base.errors import CloudError
from vmhost.base.web import run


def run_until_told(main: Callable[[], Awaitable[int]]) -> int:
    """Runs it; its exit code, or 0 when SIGINT or SIGTERM ended it in good order. Raises its CloudErrors."""
    failed: list[CloudError] = []

    async def guarded() -> int:
        try:
            return await main()
        except CloudError as error:
            failed.append(error)
        except ExceptionGroup as group:
            errors = list(_leaves(group))
            if not all(isinstance(each, CloudError) for each in errors):
                raise
            # Tasks that fell together; the first fell for a reason of its own.
            failed.extend(each for each in errors if isinstance(each, CloudError))
        return 1

    code = run(guarded)
    if failed:
        raise failed[0]
    return code


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from _leaves(each)
        else:
            yield each
