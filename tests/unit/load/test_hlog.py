"""HdrHistogram logs: complete histograms of each second, and a kill loses only the line that it cut."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from client.load.histogram import Histogram
from client.load.interval_stats import GOOD, IntervalStats
from client.load.metrics import Metrics
from client.load.report.hlog import HlogWriter, open_hlog
from client.load.schedule import NS_PER_S
from client.load.summary import Fault
from tests.hlog_reader import read_hlog
from vmhost.base.errors import InvalidInput

BEGAN = 1_700_000_000.25
HEADER = 5


def stats(second: int, *, seconds: float = 1.0, good: int = 3, faults: tuple[str, ...] = ()) -> IntervalStats:
    made = IntervalStats(second * NS_PER_S, round((second + seconds) * NS_PER_S))
    for number in range(good):
        made.record_arrival()
        made.record_outcome((0, 200, GOOD), 5_000_000 + second + number, 4_000_000 + second)
    for fault in faults:
        made.record_arrival()
        made.record_outcome((0, 0, fault), 7_000_001, 1)
    return made


def written(path: Path, *tallies: IntervalStats, began: float = BEGAN) -> Path:
    with open_hlog(path) as file:
        writer = HlogWriter(file, began)
        for each in tallies:
            writer.write_interval(each)
        assert writer.fault == ""
    return path


def test_written_log_is_read(tmp_path: Path) -> None:
    first, second = stats(0), stats(1, seconds=0.25, faults=(Fault.TIMEOUT, Fault.WRONG))
    log = read_hlog(written(tmp_path / "a.hlog", first, second))
    assert log.began == BEGAN
    assert list(log.tags) == ["response", "service", "error.timeout", "error.wrong-answer"]
    spans = {tag: [(each.start_s, each.seconds) for each in lines] for tag, lines in log.tags.items()}
    assert spans["response"] == spans["service"] == [(0.0, 1.0), (1.0, 0.25)]
    assert spans["error.timeout"] == spans["error.wrong-answer"] == [(1.0, 0.25)]
    assert log.tags["response"][1].histogram.max_us == 7_000_001
    assert [each.histogram.total for each in log.tags["response"]] == [3, 4]


def test_intervals_add_up_to_the_report(tmp_path: Path) -> None:
    metrics = Metrics(BEGAN, targets=("only",), warm_up_s=2.0)
    for second in range(9):
        metrics.add(stats(second, good=second, faults=(Fault.RESET,) * 2))
    log = read_hlog(written(tmp_path / "a.hlog", *metrics.finished_intervals(float("inf"))))
    total = metrics.total(9.0)
    assert log.merged(since_s=2.0).counts == total.response_histogram.counts
    assert log.merged("service", since_s=2.0).counts == total.service_histogram.counts
    assert log.merged("error.reset", since_s=2.0).total == total.errors["reset"]
    assert log.merged("error.reset").total == 18
    assert log.merged(since_s=2.0).max_us == total.response_histogram.max_us
    assert log.merged("nothing") == Histogram()


def test_a_second_with_only_errors_has_a_line(tmp_path: Path) -> None:
    log = read_hlog(written(tmp_path / "a.hlog", stats(0, good=0, faults=(Fault.CONNECT,))))
    assert log.tags["response"][0].histogram == Histogram()
    assert log.tags["error.connect"][0].histogram.total == 1


def test_log_survives_a_kill_at_any_byte(tmp_path: Path) -> None:
    whole = written(tmp_path / "a.hlog", stats(0), stats(1)).read_bytes()
    header = len(b"".join(whole.splitlines(keepends=True)[:HEADER]))
    cut = tmp_path / "cut.hlog"
    for size in range(header, len(whole) + 1):
        cut.write_bytes(whole[:size])
        log = read_hlog(cut)
        assert sum(map(len, log.tags.values())) == whole[header:size].count(b"\n")


@pytest.mark.parametrize("name", ["no/such/folder.hlog", "."])
def test_unwritable_path_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match=r"log .* cannot be written: "):
        open_hlog(tmp_path / name)


class Small(io.BytesIO):
    """A disk with so much room, which then takes what fits, then nothing."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        fits = min(len(data), self.room)
        self.room -= fits
        if not fits:
            raise OSError(28, "No space left on device")
        return super().write(data[:fits])


@pytest.mark.parametrize(("room", "fault"), [(350, "bytes could be written"), (0, "No space left on device")])
def test_full_disk_ends_the_log_only(room: int, fault: str) -> None:
    file = Small(room)
    writer = HlogWriter(file, BEGAN)
    for second in range(3):
        writer.write_interval(stats(second))
    assert fault in writer.fault
    file.room = 10_000
    kept = file.getvalue()
    writer.write_interval(stats(3))
    assert file.getvalue() == kept
