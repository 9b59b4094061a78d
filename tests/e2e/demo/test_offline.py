"""Once set up, everything works without a network: in a network namespace that has nothing but its loopback."""

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
# Raises the loopback interface of the new namespace (SIOCSIFFLAGS: up, loopback, running), then becomes the command.
_BEHIND_LOOPBACK = """
import fcntl, os, socket, struct, sys
with socket.socket() as sock:
    fcntl.ioctl(sock, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x8 | 0x40))
os.execvp(sys.argv[1], sys.argv[1:])
"""


def offline(*command: str, home: Path, timeout_s: float) -> subprocess.CompletedProcess[str]:
    """What the command does where there is no network but its own loopback, and no engine."""
    return subprocess.run(
        ["unshare", "--net", sys.executable, "-c", _BEHIND_LOOPBACK, *command],
        cwd=ROOT,
        env={"PATH": PATH, "HOME": str(home), "TMPDIR": str(home), "DOCKER_HOST": f"unix://{home}/none.sock"},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def test_the_tour_needs_no_network(tmp_path: Path) -> None:
    words = ("-P", "-m", "client", "demo", "--once", "--json", "--driver", "process", "--port", "0", "--api-port", "0")
    done = offline(sys.executable, *words, "--seconds", "2", "--rate", "40", home=tmp_path, timeout_s=90)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)


def test_what_was_made_ready_once_needs_no_network_to_be_made_ready_again(tmp_path: Path) -> None:
    command = "make setup && .venv/bin/glasscloud ready --seconds 1"
    done = offline("sh", "-c", command, home=tmp_path, timeout_s=120)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "installing" not in done.stdout
    assert done.stdout.endswith("\nReady. You can switch the network off.\n")
