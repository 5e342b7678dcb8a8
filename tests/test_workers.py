"""Sessions in processes of their own: what they inherit, what ends them, and what comes back from them."""

import os
import subprocess
import sys
import threading
import time

import cloudpickle
import numpy as np
import pytest

from gradcheck import engine, problem
from gradcheck.backends.base import Backend, Differentiator
from gradcheck.errors import GradcheckError, NoDevice, UnknownName
from gradcheck.memory import held, peak_bytes
from gradcheck.workers import Died, InProcess, OutOfMemory, Seat, TimedOut, Workers

cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Anything(Differentiator):
    """Is asked nothing."""

    xp = engine.xp


BACKEND = Backend(name="any", title="", load=lambda device: Anything())
HERE = Seat("any", "cpu")


@pytest.fixture(scope="module")
def staff():
    with Workers({"any": BACKEND}, limit=20.0) as workers:
        yield workers


def answer(staff, function, seat=HERE):
    return staff.submit(seat, "apply", function).result()


def test_one_thread_and_all_cores_are_two_processes_with_their_threads(staff):
    def threads(backend, device):
        return os.getpid(), {os.environ[name] for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}

    one, many = (answer(staff, threads, Seat("any", device)) for device in ("cpu", "cpus"))
    assert one[0] != many[0] != os.getpid()
    assert one[1] == {"1"}
    assert many[1] == {str(len(os.sched_getaffinity(0)))}


def test_a_worker_greets_with_what_it_is(staff):
    greeting = staff.submit(HERE, "greet").result()
    assert (greeting.backend, greeting.device) == ("any", "cpu")
    assert set(greeting.threads.values()) == {1}
    assert 0 < greeting.overhead < 1e-4
    assert greeting.start >= 0


def test_a_worker_persists(staff):
    pids = {answer(staff, lambda backend, device: os.getpid()) for _ in range(3)}
    assert len(pids) == 1


def test_a_cold_session_is_a_process_that_has_done_nothing(staff):
    warm = answer(staff, lambda backend, device: os.getpid())
    cold = {staff.cold(HERE, "apply", lambda backend, device: os.getpid()).result() for _ in range(2)}
    assert len(cold) == 2
    assert warm not in cold


def test_what_a_lost_worker_started_is_ended_with_it(tmp_path):
    def start_and_hang(backend, device):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        path.write_text(str(child.pid))
        time.sleep(60)

    path = tmp_path / "child"
    with Workers({"any": BACKEND}, limit=2.0) as workers:
        with pytest.raises(TimedOut, match="no answer within 2 s"):
            answer(workers, start_and_hang)
        assert ended(int(path.read_text()))
        assert answer(workers, lambda backend, device: 5) == 5, "the next call finds a new worker"


def test_memory_of_what_a_worker_starts_is_its_own():
    def start_an_eater(backend, device):
        eater = "import time; eaten = bytearray(b'x') * 2**30; time.sleep(60)"
        subprocess.run([sys.executable, "-c", eater], check=False)

    with Workers({"any": BACKEND}, limit=60.0, memory=2**29) as workers:
        with pytest.raises(OutOfMemory, match="held more memory than a worker may"):
            answer(workers, start_an_eater)
        assert answer(workers, lambda backend, device: 5) == 5


def ended(pid, patience=20.0):
    """Whether a process ends soon."""
    deadline = time.monotonic() + patience
    while lives(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not lives(pid)


def lives(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_ctrl_c_in_the_terminal_does_not_reach_workers(staff):
    def group(backend, device):
        return os.getpgid(0)

    assert answer(staff, group) != os.getpgid(0)


class Odd(Exception):
    """Cannot be made again from its text."""

    def __init__(self, one, other):
        super().__init__(f"{one} {other}")


def test_exceptions_come_back_as_they_are_or_as_their_text(staff):
    def odd(backend, device):
        raise Odd("not", "picklable")

    def unknown(backend, device):
        raise UnknownName("backend", "engin", ["engine"])

    with pytest.raises(RuntimeError, match="Odd: not picklable"):
        answer(staff, odd)
    with pytest.raises(UnknownName, match="no backend is called 'engin'"):
        answer(staff, unknown)
    assert answer(staff, lambda backend, device: 5) == 5


def test_a_worker_that_leaves_is_said_to_have_died(staff):
    with pytest.raises(Died, match="the worker process ended with code 3"):
        answer(staff, lambda backend, device: os._exit(3))
    with pytest.raises(Died, match="the worker process was ended by signal SIGABRT"):
        answer(staff, lambda backend, device: os.abort())


def test_a_twin_has_a_process_of_its_own_until_it_is_dismissed(staff):
    def number(backend, device):
        return os.getpid()

    twin = HERE._replace(copy=1)
    one, other = answer(staff, number), answer(staff, number, twin)
    assert one != other
    staff.dismiss(twin)
    assert answer(staff, number, twin) not in (one, other)
    assert answer(staff, number) == one
    assert ended(other)


def test_every_error_of_ours_can_travel():
    error = NoDevice("cuda", [("engine", ["cpu"])])
    again = cloudpickle.loads(cloudpickle.dumps(error))
    assert (type(again), str(again)) == (NoDevice, str(error))
    assert isinstance(again, GradcheckError)


def test_a_session_in_this_process_lasts_until_it_is_dismissed():
    loaded = []
    backend = Backend(name="any", title="", load=lambda device: loaded.append(device) or Anything())
    with InProcess({"any": backend}) as here:
        for _ in range(2):
            here.submit(HERE, "greet").result()
        assert loaded == ["cpu"]
        here.dismiss(HERE)
        here.submit(HERE, "greet").result()
        assert loaded == ["cpu", "cpu"]


def test_in_process_calls_keep_their_results_and_exceptions():
    with InProcess({"any": BACKEND}) as here:
        assert answer(here, lambda backend, device: (backend.name, device)) == ("any", "cpu")
        with pytest.raises(ZeroDivisionError):
            answer(here, lambda backend, device: 1 / 0)
        assert np.isnan(here.cold(HERE, "cold").result())
        (instance,) = problem(x=1.0, name="p")(lambda xp, x: x).instances()
        assert here.parcel(instance) is instance


# Memory.


def test_the_peak_of_a_call_is_what_it_holds_at_most():
    def twice():
        first = np.ones(2**22)
        del first
        return float(np.ones(2**23)[0])

    peak = peak_bytes(twice)
    assert 0.9 * 2**26 < peak < 1.3 * 2**26
    assert peak_bytes(lambda: None) < 2**22


def test_what_a_process_holds_is_seen_and_a_gone_one_holds_nothing():
    assert held(os.getpid()) >= held(os.getpid(), family=False) > 2**24
    assert held(2**22 + 1) == 0


# An end by an exception, as Ctrl-C is one.

ENDED_EARLY = """
import sys
from gradcheck import available_backends
from gradcheck.workers import Seat, Workers

if __name__ == "__main__":
    with Workers(available_backends(), limit=60.0) as workers:
        workers.submit(Seat("engine", "cpu"), "devices")
        sys.exit(7)
"""


def test_an_end_before_the_first_worker_has_said_hello_ends_workers_alone():
    command = [sys.executable, "-c", ENDED_EARLY]
    done = subprocess.run(command, start_new_session=True, timeout=120, check=False)
    assert done.returncode == 7


def test_a_wake_up_that_an_interruption_lost_does_not_hold_the_end():
    def leave():
        workers.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)

    workers = Workers({"any": BACKEND}, limit=20.0)
    workers.__enter__()
    pid = answer(workers, lambda backend, device: os.getpid())
    queue = workers._desks[HERE]._pool._context.task_queue
    stale = threading.Lock()  # released by notify, taken by the thread it woke, and never removed
    stale.acquire()
    with queue.mutex:
        queue.not_empty._waiters.appendleft(stale)
    leaving = threading.Thread(target=leave, daemon=True)
    leaving.start()
    leaving.join(60)
    assert not leaving.is_alive()
    assert held(pid) == 0
