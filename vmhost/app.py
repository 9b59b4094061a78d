"""The composition root: creates a running platform from its settings."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, ip_address
from pathlib import Path

from vmhost.api.access import Access
from vmhost.api.drivers import AUTO
from vmhost.base.clock import SystemClock
from vmhost.base.errors import CloudError, Conflict, InvalidInput, NotFound
from vmhost.base.files import indented_json, write_atomically
from vmhost.base.logs import get_logger
from vmhost.base.web import listen, url_of, write_ready
from vmhost.catalogue.image_catalogue import DEFAULT_CATALOGUE, Placeholders, load_images
from vmhost.catalogue.type_catalogue import load_types
from vmhost.control.cloud import Cloud
from vmhost.control.deadline import deadline
from vmhost.control.instances.record import INSTANCES, InstanceState
from vmhost.drivers.context import DriverContext, LeftoverPolicy
from vmhost.drivers.ports import Driver
from vmhost.drivers.registry import Choice, all_drivers, choose, find_driver, make_driver
from vmhost.ec2.auth import Auth
from vmhost.http_api import serve_api
from vmhost.model.image import Image
from vmhost.model.region import REGION
from vmhost.settings import AccessCopy, Settings
from vmhost.store import Store

STORE = "cloud.sqlite"
ACCESS = "access.json"
_LOCK = "lock"
_SWEEP_S = 60.0
_DRAIN_S = 0.5
_log = get_logger("platform")


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """A running platform."""

    cloud: Cloud
    url: str
    port: int
    access: Access
    choice: Choice


@dataclass(slots=True)
class _Shutdown:
    """What happens to the cloud when its platform stops."""

    remove: bool = False
    """False until the platform is running: a failed start must not remove what an earlier platform left."""


async def run(settings: Settings) -> None:
    """Serve until cancelled; then remove the cloud, or keep its instances with `keep`."""
    async with platform(settings) as up:
        if up.choice.why:
            _log.info("driver_chosen", driver=up.choice.driver, why=up.choice.why)
        _log.info("platform_ready", url=up.url, cloud=settings.cloud.name, access=str(settings.state / ACCESS))
        with _write_errors(settings.ready or settings.state):
            write_ready(
                settings.ready,
                url=up.url,
                port=up.port,
                cloud=settings.cloud.name,
                driver=up.choice.driver,
                why=up.choice.why,
                missing=up.choice.missing,
                notes=up.cloud.capabilities().notes,
                access=str(settings.state / ACCESS),
            )
        await asyncio.get_running_loop().create_future()


@contextlib.asynccontextmanager
async def platform(settings: Settings) -> AsyncIterator[Platform]:
    """Run a platform inside the context. Raises CloudErrors that say why it cannot start."""
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(locked(settings.state))
        sock = listen(settings.bind, settings.port, search=settings.port_search)
        stack.callback(sock.close)
        images = load_catalogue(settings)
        choice = await choose(settings.driver, images)
        store = stack.enter_context(Store(settings.state / STORE))
        known = frozenset(instance_id for instance_id, _ in store.rows(INSTANCES.table))
        driver = make_driver(choice.driver.split(","), _context(settings, known=known, leftovers=settings.leftovers))
        cloud = Cloud(
            driver=driver,
            store=store,
            types=load_types(),
            images=images,
            settings=settings.cloud,
            adopt=settings.leftovers is LeftoverPolicy.ADOPT,
        )
        access = _access(settings.state / ACCESS, url_of(sock))
        shutdown = _Shutdown()
        stack.push_async_callback(_close, cloud, driver, settings, shutdown)
        await cloud.open()
        auth = Auth(
            credentials=access.credentials,
            allowed_hosts=settings.allowed_hosts,
            open=settings.open,
            from_guest=lambda peer: _is_guest(cloud, settings.network, peer),
        )
        port = int(sock.getsockname()[1])
        url = await stack.enter_async_context(serve_api(cloud, auth, sock, drain_s=_DRAIN_S))
        stack.enter_context(write_access_copy(access, settings.access_copy))
        shutdown.remove = not settings.keep
        yield Platform(cloud=cloud, url=url, port=port, access=access, choice=choice)


async def sweep(settings: Settings) -> None:
    """Remove everything that a platform of this cloud left behind, with every available driver.

    Raises Conflict while a platform uses the state folder."""
    with locked(settings.state):
        real = tuple(each.name for each in all_drivers() if not each.description.for_tests)
        names = real if settings.driver == AUTO else settings.driver.split(",")
        errors: list[CloudError] = []
        for name in names:
            try:
                await _sweep_one(make_driver([name], _context(settings, leftovers=LeftoverPolicy.SWEEP)))
            except CloudError as error:
                errors.append(error)
                _log.info("nothing_to_sweep", driver=name, why=error.message)
        if errors and settings.driver != AUTO:
            raise errors[0]
        path = settings.state / STORE
        if path.exists():
            with Store(path) as store:
                store.clear()


@contextlib.contextmanager
def locked(state: Path) -> Iterator[None]:
    """Create the state folder and lock it. Raises Conflict if another platform uses it."""
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(state / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InvalidInput(
            f"state folder {state} cannot be used ({error.strerror}); choose one with --state"
        ) from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict(
                f"a platform is using {state} already; stop it or choose another folder with --state"
            ) from None
        yield
    finally:
        os.close(fd)


def load_catalogue(settings: Settings) -> tuple[Image, ...]:
    """Load the platform's own images and those in the settings."""
    placeholders = Placeholders(
        python=sys.executable, image=settings.image, architecture="arm64" if _is_arm() else "x86_64"
    )
    return load_images((DEFAULT_CATALOGUE, *settings.images), placeholders)


def _is_arm() -> bool:
    return os.uname().machine in ("arm64", "aarch64")


def _context(settings: Settings, *, leftovers: LeftoverPolicy, known: frozenset[str] = frozenset()) -> DriverContext:
    return DriverContext(
        cloud=settings.cloud.name,
        state_dir=settings.state,
        hosts=settings.hosts,
        network_cidr=settings.network,
        known=known,
        leftovers=leftovers,
    )


def _access(path: Path, url: str) -> Access:
    """Load the access file, or create it at the first start, with the present address."""
    try:
        access = replace(Access.load(path, environ={}), endpoint=_reachable(url))
    except NotFound:
        access = Access.fresh(_reachable(url), REGION)
    with _write_errors(path):
        access.save(path)
    return access


@contextlib.contextmanager
def write_access_copy(access: Access, copy: AccessCopy | None) -> Iterator[None]:
    """Keep a copy, readable by its owner only, while the context lasts. Raises InvalidInput if it cannot be written."""
    if copy is None:
        yield
        return
    try:
        text = indented_json(access) + "\n"
        write_atomically(copy.path, text, mode=0o600, owner=_other(copy.uid))
    except OSError as error:
        raise InvalidInput(
            f"the access file cannot be copied to {copy.path} ({error.strerror}); choose a folder that this program "
            "may write to; only root can make a copy for another user"
        ) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            copy.path.unlink()


def _other(uid: int | None) -> int | None:
    return None if uid == os.geteuid() else uid


@contextlib.contextmanager
def _write_errors(path: Path) -> Iterator[None]:
    """Turn OSErrors of writing into an InvalidInput that names the remedy."""
    try:
        yield
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written ({error.strerror}); make room on its disk, or choose another folder with --state"
        ) from error


def _reachable(url: str) -> str:
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


async def _close(cloud: Cloud, driver: Driver, settings: Settings, shutdown: _Shutdown) -> None:
    if settings.keep and (why := _not_kept(driver)):
        _log.warning("instances_not_kept", why=why)
    left = await cloud.close(remove=shutdown.remove)
    if left is not None:
        _log.warning(
            "cleanup_incomplete",
            why=left.why,
            instances=list(left.instances),
            fix=" && ".join(
                find_driver(name).removal_command(settings.cloud.name, settings.state)
                for name in driver.name.split(",")
            ),
        )


def _not_kept(driver: Driver) -> str:
    """Return why the driver cannot keep instances; empty if it can or could not be opened."""
    try:
        return driver.capabilities().not_kept
    except CloudError:
        return ""


async def _sweep_one(driver: Driver) -> None:
    try:
        async with deadline(SystemClock(), _SWEEP_S, f"opening the {driver.name} driver"):
            await driver.open()
    finally:
        async with deadline(SystemClock(), _SWEEP_S, f"removing everything of the {driver.name} driver"):
            await driver.close(remove=True)


def _is_guest(cloud: Cloud, network: str | None, peer: str) -> bool:
    """Whether the address is an instance's own, not shared with this computer."""
    if network is not None and ip_address(peer) in IPv4Network(network):
        return True
    return any(
        one.address == peer and one.port is None and not ip_address(peer).is_loopback
        for one in cloud.instances.all()
        if one.state is not InstanceState.TERMINATED
    )
