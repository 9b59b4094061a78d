"""Load with a CA, a client certificate and given addresses, against a TLS server whose certificates are made here."""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from client.load.distributed.connection import Address
from client.load.distributed.handshake import WorkerToken
from client.load.distributed.worker_pool import WorkerPool
from client.load.plan.model import constant
from client.load.run import LoadRun

ROOT = Path(__file__).parents[3]
NAME = "made-up.test"
FLOW = "async def flow(user):\n    await user.get('/')\n"
QUICK = ("--rate", "20", "--for", "0.5s")
pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl, which makes the certificates, is missing"
)


def openssl(*arguments: str, cwd: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a CA, a server's and a client's certificate that it signed, and each one's key."""
    folder = tmp_path_factory.mktemp("certificates")
    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    use = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    openssl(*new, "-subj", "/CN=a CA", *use, "-keyout", "ca.key", "-out", "ca.pem", cwd=folder)
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE")
    for name in ("server", "client"):
        names = ("-addext", f"subjectAltName=DNS:{NAME},DNS:localhost")
        openssl(
            *new, *signed, *names, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem", cwd=folder
        )
    openssl("pkey", "-in", "client.key", "-aes256", "-passout", "pass:x", "-out", "locked.key", cwd=folder)
    (folder / "rubbish.pem").write_text("no certificate")
    return folder


class Server:
    """Its port, and what each request and each handshake said."""

    def __init__(self) -> None:
        self.port = 0
        self.hosts: list[str] = []
        self.names: set[str | None] = set()
        self.clients: set[str] = set()

    async def handle(self, request: web.Request) -> web.Response:
        self.hosts.append(request.host)
        assert request.transport is not None
        if shown := request.transport.get_extra_info("peercert"):
            self.clients.add(dict(pair for (pair,) in shown["subject"])["commonName"])
        return web.Response(text="hello")


@asynccontextmanager
async def serving(
    files: Path, *, demands: bool = False, at_most: ssl.TLSVersion | None = None
) -> AsyncIterator[Server]:
    server = Server()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files / "server.pem", files / "server.key")
    context.sni_callback = lambda _sock, name, _context: server.names.add(name)
    if demands:
        context.load_verify_locations(files / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
    if at_most is not None:
        context.maximum_version = at_most
    app = web.Application()
    app.router.add_get("/", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    server.port = runner.addresses[0][1]
    yield server
    await runner.cleanup()


async def load(*arguments: str) -> tuple[int | None, str, str]:
    """The command's exit code, output and errors."""
    pipe = asyncio.subprocess.PIPE
    async with asyncio.timeout(60):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "client", "load", *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=pipe,
            stderr=pipe, cwd=ROOT,
        )  # fmt: skip
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def script(folder: Path) -> str:
    file = folder / "flow.py"
    file.write_text(FLOW)
    return str(file)


@pytest.mark.parametrize("kind", ["url", "script", "once"])
async def test_a_server_with_a_certificate_of_an_own_ca_needs_that_ca(files: Path, tmp_path: Path, kind: str) -> None:
    async with serving(files) as server:
        url = f"https://localhost:{server.port}/"
        what = {"url": (url, *QUICK), "script": (script(tmp_path), "--url", url, *QUICK), "once": (url, "--once")}[kind]
        code, _, err = await load(*what)
        assert (code, server.hosts) == (1 if kind == "once" else 2, [])
        assert "certificate verify failed: unable to get local issuer certificate; name its CA with --cacert" in err
        code, out, err = await load(*what, "--cacert", str(files / "ca.pem"))
        assert code == 0, out + err
        assert len(server.hosts) == (1 if kind == "once" else 10)


async def test_a_server_that_a_script_turns_to_and_does_not_trust_is_an_error_with_advice(
    files: Path, tmp_path: Path
) -> None:
    async with serving(files) as trusted, serving(files) as other:
        flow = tmp_path / "flow.py"
        flow.write_text(f"async def flow(user):\n    await user.get('https://127.0.0.1:{other.port}/')\n")
        base = f"https://localhost:{trusted.port}/"
        code, out, _ = await load(str(flow), "--url", base, "--once", "--cacert", str(files / "ca.pem"))
    assert code == 1
    assert "no connection could be made: certificate verify failed: IP address mismatch" in out
    assert "accept any certificate with --insecure" in out


async def test_a_certificate_for_another_name_is_refused_without_advice_about_its_ca(files: Path) -> None:
    async with serving(files) as server:
        code, _, err = await load(f"https://127.0.0.1:{server.port}/", *QUICK, "--cacert", str(files / "ca.pem"))
    assert code == 2
    assert "certificate is not valid for '127.0.0.1'; accept any certificate with --insecure" in err


@pytest.mark.parametrize("kind", ["url", "processes", "script", "once"])
async def test_a_server_that_demands_a_client_certificate_gets_it(files: Path, tmp_path: Path, kind: str) -> None:
    async with serving(files, demands=True) as server:
        url = f"https://localhost:{server.port}/"
        trust = ("--cacert", str(files / "ca.pem"))
        show = ("--cert", str(files / "client.pem"), "--key", str(files / "client.key"))
        what = {
            "url": (url, *QUICK),
            "processes": (url, *QUICK, "--processes", "2"),
            "script": (script(tmp_path), "--url", url, *QUICK),
            "once": (url, "--once"),
        }[kind]
        code, _, _ = await load(*what, *trust)
        assert code != 0
        assert server.hosts == []
        code, out, err = await load(*what, *trust, *show)
        assert code == 0, out + err
        assert server.clients == {"client"}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_demand_for_a_client_certificate_is_said_before_the_run(files: Path, version: ssl.TLSVersion) -> None:
    async with serving(files, demands=True, at_most=version) as server:
        code, _, err = await load(f"https://localhost:{server.port}/", *QUICK, "--cacert", str(files / "ca.pem"))
    assert code == 2
    assert "if it demands a client certificate, give --cert and --key" in err


@pytest.mark.parametrize("kind", ["url", "script", "once", "sweep"])
async def test_a_made_up_name_is_resolved_and_keeps_its_host_header_and_server_name(
    files: Path, tmp_path: Path, kind: str
) -> None:
    async with serving(files) as server:
        url = f"https://{NAME}:{server.port}/"
        what: tuple[str, ...] = {
            "url": (url, *QUICK),
            "script": (script(tmp_path), "--url", url, *QUICK),
            "once": (url, "--once"),
            "sweep": ("sweep", url, "--from", "20", "--to", "30", "--steps", "2", "--for", "1s", "--rest", "0s"),
        }[kind]
        code, out, err = await load(
            *what, "--cacert", str(files / "ca.pem"), "--resolve", f"{NAME}:{server.port}:127.0.0.1"
        )
        assert code == 0, out + err
        assert set(server.hosts) == {f"{NAME}:{server.port}"}
        assert server.names == {NAME}


async def test_a_plan_file_has_the_same_settings_and_finds_files_beside_itself(files: Path) -> None:
    async with serving(files, demands=True) as server:
        plan = files / "plan.toml"
        plan.write_text(
            'rate = 20\nfor = "0.5s"\ncacert = "ca.pem"\ncert = "client.pem"\nkey = "client.key"\n'
            f'resolve = ["{NAME}:{server.port}:127.0.0.1"]\n[[target]]\nurl = "https://{NAME}:{server.port}/"\n'
        )
        code, out, err = await load(str(plan), "--json")
        assert code == 0, out + err
        assert json.loads(out)["requests"]["ok"] == 10
        assert server.clients == {"client"}


async def test_the_files_go_with_the_job_to_a_worker_that_joins(files: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a token that is long enough\n")
    async with (
        asyncio.timeout(60),
        serving(files, demands=True) as server,
        WorkerPool(Address(host="127.0.0.1", port=0), WorkerToken(file=token)) as worker_pool,
    ):
        arguments = ("worker", str(worker_pool.address), "--token-file", str(token), "--wait", "30s")
        worker = asyncio.create_task(load(*arguments))
        plan = replace(
            constant(f"https://{NAME}:{server.port}/", 20, duration_s=0.5),
            cacert=str(files / "ca.pem"), cert=str(files / "client.pem"), key=str(files / "client.key"),
            resolve=(f"{NAME}:{server.port}:127.0.0.1",),
        )  # fmt: skip
        async with LoadRun(processes=1, worker_source=worker_pool) as run:
            await run.start(plan)
            report = await run.finished()
        assert report.summary.ok == 10
        assert server.clients == {"client"}
    await worker


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--cacert", "none.pem"], "none.pem cannot be read: No such file or directory"),
        (["--cacert", "."], "cannot be read: Is a directory"),
        (["--cacert", "rubbish.pem"], "rubbish.pem holds no certificate in PEM form; give a file"),
        (["--cert", "client.pem"], "a client certificate (cert) needs its private key: add key"),
        (["--key", "client.key"], "needs the client certificate that it belongs to: add cert"),
        (["--cert", "client.pem", "--key", "none.key"], "none.key cannot be read: No such file or directory"),
        (["--cert", "client.pem", "--key", "client.pem"], "client.pem holds no private key in PEM form"),
        (["--cert", "client.pem", "--key", "server.key"], "does not belong to the client certificate"),
        (["--cert", "client.pem", "--key", "locked.key"], "is protected by a password; give one without"),
        (["--resolve", "a.test:127.0.0.1"], "write HOST:PORT:ADDRESS, such as"),
        (["--resolve", "a.test:80:b.test"], "'b.test' is not an IP address"),
    ],
)
async def test_what_cannot_be_used_is_refused_before_anything_is_sent(
    files: Path, options: list[str], words: str
) -> None:
    async with serving(files) as server:
        given = [str(files / each) if each.endswith((".pem", ".key")) or each == "." else each for each in options]
        code, _, err = await load(f"https://localhost:{server.port}/", *QUICK, *given)
    assert code == 2
    assert words in err
    assert (server.hosts, server.names) == ([], set())
