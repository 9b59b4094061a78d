"""Once set up, everything works without a network: in a network namespace that has nothing but its loopback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# Raises the loopback interface of the new namespace (SIOCSIFFLAGS: up, loopback, running), then becomes the command.
_BEHIND_LOOPBACK = """
import fcntl, os, socket, struct, sys
with socket.socket() as sock:
    fcntl.ioctl(sock, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x8 | 0x40))
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.mark.root
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="network namespaces are Linux's")
def test_the_tour_needs_no_network(tmp_path: Path) -> None:
    words = ["-P", "-m", "client", "demo", "--once", "--json", "--driver", "process", "--port", "0", "--api-port", "0"]
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", _BEHIND_LOOPBACK, *words, "--seconds", "2", "--rate", "40"],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)
