"""After set-up everything works offline: in a network namespace with only a loopback interface."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="network namespaces are Linux's"),
]
ROOT = Path(__file__).parents[3]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Raises the loopback interface of the new namespace (SIOCSIFFLAGS: up, loopback, running), then executes the command.
_BEHIND_LOOPBACK = """
import fcntl, os, socket, struct, sys
with socket.socket() as sock:
    fcntl.ioctl(sock, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x8 | 0x40))
os.execvp(sys.argv[1], sys.argv[1:])
"""


def offline(*command: str, home: Path, timeout_s: float) -> subprocess.CompletedProcess[str]:
    """Run the command without network and without an engine."""
    return subprocess.run(
        ["unshare", "--net", sys.executable, "-c", _BEHIND_LOOPBACK, *command],
        cwd=ROOT,
        env={"PATH": PATH, "HOME": str(home), "TMPDIR": str(home), "DOCKER_HOST": f"unix://{home}/none.sock"},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def test_tour_works_offline(tmp_path: Path) -> None:
    words = ("-P", "-m", "client", "demo", "--once", "--json", "--driver", "process", "--port", "0", "--api-port", "0")
    done = offline(sys.executable, *words, "--seconds", "2", "--rate", "40", home=tmp_path, timeout_s=90)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)


def test_ready_works_offline_the_second_time(tmp_path: Path) -> None:
    command = "make setup && .venv/bin/glasscloud ready --seconds 1"
    done = offline("sh", "-c", command, home=tmp_path, timeout_s=120)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "installing" not in done.stdout
    assert done.stdout.endswith("\nReady. You can work offline now.\n")
