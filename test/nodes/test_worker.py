"""The worker thread: newest wins, control first, nothing kills it, nothing is kept."""

from __future__ import annotations

import gc
import random
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError

import pytest

from nmap_reloc.nodes.worker import Worker

PATIENCE = 20.0  # seconds until a test gives up


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.001)


class Rig:
    """A worker whose frames wait at a gate, in its own thread."""

    def __init__(self) -> None:
        self.seen: list[object] = []
        self.errors: list[BaseException] = []
        self.started, self.gate = threading.Semaphore(0), threading.Semaphore(0)
        self.worker: Worker[object] = Worker(self.process, "frames", self.errors.append)

    def process(self, item: object) -> None:
        self.started.release()
        assert self.gate.acquire(timeout=PATIENCE)
        self.seen.append(item)
        if isinstance(item, BaseException):
            raise item

    def begin(self, item: object) -> None:
        """Offers an item and waits until it is in process."""
        assert self.worker.offer(item) is None
        assert self.started.acquire(timeout=PATIENCE)


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    for _ in range(1000):
        rig.gate.release()
    assert rig.worker.close(PATIENCE)


def test_newest_wins(rig: Rig) -> None:
    rig.begin(1)
    assert [rig.worker.offer(i) for i in (2, 3, 4)] == [None, 2, 3]
    rig.gate.release()
    rig.gate.release()
    wait_for(lambda: rig.seen == [1, 4])
    wait_for(lambda: rig.worker.processed == 2)
    assert (rig.worker.offered, rig.worker.dropped, rig.worker.failed) == (4, 2, 0)


def test_control_comes_before_the_next_frame_and_in_order(rig: Rig) -> None:
    rig.begin("a")
    rig.worker.offer("b")
    futures = [rig.worker.call(lambda i=i: rig.seen.append(i) or i * 10) for i in range(3)]
    assert not any(future.done() for future in futures)
    rig.gate.release()
    assert [future.result(PATIENCE) for future in futures] == [0, 10, 20]
    rig.gate.release()
    wait_for(lambda: rig.seen == ["a", 0, 1, 2, "b"])


def test_jobs_run_in_the_thread_that_frames_run_in() -> None:
    threads: list[threading.Thread] = []
    worker: Worker[int] = Worker(lambda _: threads.append(threading.current_thread()), "own",
                                 lambda error: None)
    worker.offer(1)
    wait_for(lambda: worker.processed == 1)
    thread = worker.call(threading.current_thread).result(PATIENCE)
    assert thread is threads[0] and thread is not threading.current_thread()
    assert thread.name == "own"
    # a job that calls for another does not wait for itself
    assert worker.call(lambda: worker.call(lambda: 5).result(0)).result(PATIENCE) == 5
    assert worker.close(PATIENCE) and not thread.is_alive()


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(3), KeyboardInterrupt()])
def test_what_a_frame_raises_goes_to_on_error_and_the_next_frame_comes(
        rig: Rig, error: BaseException) -> None:
    rig.begin(error)
    rig.gate.release()
    wait_for(lambda: rig.errors == [error])
    rig.gate.release()
    rig.worker.offer("next")
    wait_for(lambda: rig.seen == [error, "next"])
    wait_for(lambda: rig.worker.processed == 1)
    assert rig.worker.failed == 1


def test_what_a_job_raises_is_its_futures_own(rig: Rig) -> None:
    with pytest.raises(ZeroDivisionError):
        rig.worker.call(lambda: 1 / 0).result(PATIENCE)
    with pytest.raises(SystemExit):
        rig.worker.call(lambda: exec("raise SystemExit")).result(PATIENCE)
    assert rig.worker.call(lambda: 7).result(PATIENCE) == 7
    assert rig.errors == []


def test_an_on_error_that_fails_is_logged_and_survived(caplog: pytest.LogCaptureFixture) -> None:
    def fail(item: object) -> None:
        raise RuntimeError(str(item))

    worker: Worker[str] = Worker(fail, "twice", fail)
    worker.offer("first")
    wait_for(lambda: "worker twice: on_error failed itself" in caplog.text)
    assert worker.call(lambda: 1).result(PATIENCE) == 1
    worker.close()


def test_a_cancelled_job_does_not_run(rig: Rig) -> None:
    rig.begin(1)
    unwanted = rig.worker.call(lambda: rig.seen.append("unwanted"))
    wanted = rig.worker.call(lambda: "ran")
    assert unwanted.cancel()
    rig.gate.release()
    assert wanted.result(PATIENCE) == "ran"
    assert rig.seen == [1]


def test_close_ends_the_frame_in_process_and_drops_the_rest(rig: Rig) -> None:
    rig.begin(1)
    rig.worker.offer(2)
    job = rig.worker.call(lambda: rig.seen.append("job"))
    assert not rig.worker.close(0.01)  # still in process
    rig.gate.release()
    assert rig.worker.close(PATIENCE) and rig.worker.close(PATIENCE)
    assert rig.seen == [1] and rig.worker.dropped == 1
    with pytest.raises(CancelledError):
        job.result(PATIENCE)
    assert rig.worker.offer(3) == 3 and rig.worker.dropped == 2
    with pytest.raises(RuntimeError, match="frames is closed"):
        rig.worker.call(lambda: None)


def test_closing_from_within() -> None:
    worker: Worker[int] = Worker(lambda _: None, "self", lambda error: None)
    assert worker.call(lambda: worker.close()).result(PATIENCE) is False
    assert worker.close(PATIENCE)


def test_an_idle_worker_holds_neither_frame_nor_job() -> None:
    class Large:
        pass

    worker: Worker[Large] = Worker(lambda _: None, "idle", lambda error: None)
    frame, job = Large(), Large()
    dead = [weakref.ref(frame), weakref.ref(job)]
    worker.offer(frame)
    wait_for(lambda: worker.processed == 1)
    worker.call(lambda job=job: None).result(PATIENCE)  # type: ignore[misc]
    del frame, job

    def gone() -> bool:
        gc.collect()
        return all(reference() is None for reference in dead)

    wait_for(gone)
    worker.close()


def test_an_idle_worker_costs_no_time() -> None:
    worker: Worker[int] = Worker(lambda _: None, "asleep", lambda error: None)
    clock = worker.call(lambda: time.pthread_getcpuclockid(threading.get_ident()))
    thread = clock.result(PATIENCE)
    before = time.clock_gettime(thread)
    time.sleep(0.3)
    assert time.clock_gettime(thread) - before < 0.1  # a busy wait would take all of it
    worker.close()


def test_stress() -> None:
    seen: list[int] = []
    jobs: list[int] = []
    failed: list[BaseException] = []

    def process(item: int) -> None:
        seen.append(item)
        if item % 7 == 0:
            raise ValueError(str(item))

    worker: Worker[int] = Worker(process, "stress", failed.append)
    displaced: list[int] = []
    futures = []
    lock = threading.Lock()

    def produce(start: int) -> None:
        chance = random.Random(start)
        for i in range(start, start + 2000):
            out = worker.offer(i)
            with lock:
                if out is not None:
                    displaced.append(out)
                if i % 5 == 0:
                    futures.append((i, worker.call(lambda i=i: jobs.append(i) or i)))
            if chance.random() < 0.05:
                time.sleep(0.0005)

    threads = [threading.Thread(target=produce, args=(1 + k * 10_000,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert all(future.result(PATIENCE) == i for i, future in futures)
    wait_for(lambda: worker.processed + worker.failed + worker.dropped == 8000)
    assert worker.close(PATIENCE)
    every = {1 + k * 10_000 + i for k in range(4) for i in range(2000)}
    assert sorted(seen + displaced) == sorted(every)  # each is seen or dropped, once
    assert len(displaced) == worker.dropped and len(failed) == worker.failed
    assert jobs == [i for i, _ in futures]  # in the order of the calls
