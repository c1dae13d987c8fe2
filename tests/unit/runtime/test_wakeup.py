"""A bell wakes its waiter, from a signal handler too."""

import signal
import threading
import time

from condorloop.runtime.wakeup import Wakeup


def test_a_ring_before_the_wait_ends_it_at_once():
    wakeup = Wakeup()
    wakeup.ring()
    wakeup.ring()
    wakeup.wait(60)
    began = time.monotonic()
    wakeup.wait(0.05)
    assert time.monotonic() - began >= 0.05


def test_another_thread_wakes_the_waiter():
    wakeup = Wakeup()
    thread = threading.Thread(target=wakeup.ring)
    thread.start()
    wakeup.wait(60)
    thread.join()


def test_a_signal_handler_wakes_the_waiter_that_it_interrupts():
    wakeup = Wakeup()
    before = signal.signal(signal.SIGALRM, lambda *_: wakeup.ring())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        wakeup.wait(60)
    finally:
        signal.signal(signal.SIGALRM, before)
