"""Threads at work are counted, on a busy machine as on an idle one."""

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gradcheck.conformance import busy

LOAD = bytes(2_000_000)  # hashing as much as this lets other threads run meanwhile


def digest(_=None):
    return hashlib.sha256(LOAD).digest()


def on_threads(count):
    with ThreadPoolExecutor(count) as threads:
        list(threads.map(digest, range(10 * count)))


@pytest.mark.skipif(not busy._TASKS.is_dir(), reason="this system does not list the threads of a process")
class TestListedThreads:
    def test_one_thread_at_work_is_one(self):
        assert 0.9 <= busy.busy_threads(digest) <= 1.3

    def test_three_threads_at_work_are_more_than_one(self):
        assert 1.5 < busy.busy_threads(lambda: on_threads(3)) <= 4.3

    def test_work_handed_to_another_thread_and_waited_for_is_one(self):
        assert 0.9 <= busy.busy_threads(lambda: on_threads(1)) <= 1.3

    def test_threads_that_wait_are_not_at_work(self):
        with ThreadPoolExecutor(3) as threads:
            waiting = [threads.submit(time.sleep, 1) for _ in range(3)]
            assert busy.busy_threads(digest) <= 1.3
            assert len(waiting) == 3


def test_processor_time_over_time_where_threads_are_not_listed(monkeypatch, tmp_path):
    monkeypatch.setattr(busy, "_TASKS", tmp_path / "none")
    assert 0 < busy.busy_threads(digest) <= 1.3
    assert busy.busy_threads(lambda: time.sleep(0.05)) < 0.5
