"""Where log lines go."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import logging, sys
from pathlib import Path
from vmhost.base.logs import configure, get_logger, lines_to

configure(level="warning")
log = get_logger("console")
log.warning("before")
with lines_to(Path(sys.argv[1])):
    log.warning("meanwhile")
    logging.getLogger("asyncio").error("a library's meanwhile")
    try:
        raise ValueError("\\ud800")
    except ValueError:
        log.exception("failed")
log.warning("after")
"""


def test_log_lines_go_to_a_file_meanwhile(tmp_path: Path) -> None:
    file = tmp_path / "demo.log"
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, file], capture_output=True, text=True, check=True, timeout=30
    )
    assert [word for word in ("before", "meanwhile", "failed", "after") if word in done.stderr] == ["before", "after"]
    assert done.stdout == ""
    kept = file.read_text()
    assert all(word in kept for word in ("meanwhile", "a library's meanwhile", "failed", "ValueError"))
    assert "before" not in kept
    assert "after" not in kept
