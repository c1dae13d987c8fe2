"""A bell wakes its waiter, from a signal handler too."""

import signal
import threading
import time

from condorloop.runtime.wakeup import Bell


def test_a_ring_before_the_wait_ends_it_at_once():
    bell = Bell()
    bell.ring()
    bell.ring()
    bell.wait(60)
    began = time.monotonic()
    bell.wait(0.05)
    assert time.monotonic() - began >= 0.05


def test_another_thread_wakes_the_waiter():
    bell = Bell()
    thread = threading.Thread(target=bell.ring)
    thread.start()
    bell.wait(60)
    thread.join()


def test_a_signal_handler_wakes_the_waiter_that_it_interrupts():
    bell = Bell()
    before = signal.signal(signal.SIGALRM, lambda *_: bell.ring())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        bell.wait(60)
    finally:
        signal.signal(signal.SIGALRM, before)
