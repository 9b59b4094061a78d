"""The first process of container instances, run as it is on this machine."""

from __future__ import annotations

import hashlib
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import vmhost.drivers.container

FOLDER = Path(vmhost.drivers.container.__path__[0]) / "guest_init"
_ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine(), "")
needs_linux = pytest.mark.skipif(
    sys.platform != "linux" or not _ARCHITECTURE, reason="built for Linux on x86-64 and arm64"
)


@pytest.fixture(scope="module")
def init(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("init") / "init"
    copy.write_bytes((FOLDER / f"init.{_ARCHITECTURE}").read_bytes())
    copy.chmod(0o755)
    return copy


def _run(init: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([init, *command], capture_output=True, text=True, timeout=20, check=False)


def test_built_init_programs_match_the_source() -> None:
    for line in (FOLDER / "SHA256SUMS").read_text().splitlines():
        expected, name = line.split()
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == expected, f"{name}: run make guest-init"


@needs_linux
@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -15 $$", 143)])
def test_the_exit_code_is_the_programs(init: Path, script: str, code: int) -> None:
    assert _run(init, "sh", "-c", script).returncode == code


@needs_linux
def test_output_and_errors_are_one_stream_in_order(init: Path) -> None:
    assert _run(init, "sh", "-c", "echo a; echo b >&2; echo c").stdout == "a\nb\nc\n"


@needs_linux
@pytest.mark.parametrize(
    ("program", "code", "words"), [("no-such", 127, "not found"), ("/etc/passwd", 126, "permission denied")]
)
def test_a_program_that_cannot_start_is_named(init: Path, program: str, code: int, words: str) -> None:
    done = _run(init, program)
    assert (done.returncode, done.stdout) == (code, f"{program}: {words}\n")


@needs_linux
def test_newest_output_kept_and_gap_noted(init: Path) -> None:
    done = _run(init, sys.executable, "-c", "for n in range(300_000): print('line', n)")
    lines = done.stdout.splitlines()
    assert (lines[0], lines[-1]) == ("line 0", "line 299999")
    assert any("bytes of output left out" in line for line in lines)
    assert len(done.stdout) < 1_000_000


@needs_linux
def test_signals_reach_the_program(init: Path) -> None:
    script = "trap 'echo ended; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    with subprocess.Popen([init, "sh", "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == "ended\n"
        assert process.wait(10) == 5


@needs_linux
def test_program_not_blocked_by_a_stalled_reader(init: Path) -> None:
    """Such as an engine that hangs."""
    code = "import sys\nfor n in range(100_000): print('line', n)\nopen(sys.argv[1], 'w').close()"
    done = init.parent / "done"
    with subprocess.Popen([init, sys.executable, "-c", code, done], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.wait(20)
        assert done.exists()
