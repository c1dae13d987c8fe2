"""A ring wakes the waiter, from another thread and from a signal handler too."""

import signal
import threading

from condorloop.runtime.wakeup import Wakeup

LONG = 10.0


def test_nobody_is_woken_without_a_ring():
    assert not Wakeup().wait(0.0)


def test_rings_before_the_wait_end_it_at_once_and_only_once():
    wakeup = Wakeup()
    wakeup.ring()
    wakeup.ring()
    assert wakeup.wait(LONG)
    assert not wakeup.wait(0.0)


def test_another_thread_wakes_the_waiter():
    wakeup = Wakeup()
    thread = threading.Timer(0.01, wakeup.ring)
    thread.start()
    assert wakeup.wait(LONG)
    thread.join()


def test_a_signal_handler_wakes_the_waiter_that_it_interrupts():
    wakeup = Wakeup()
    before = signal.signal(signal.SIGALRM, lambda *_: wakeup.ring())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        assert wakeup.wait(LONG)
    finally:
        signal.signal(signal.SIGALRM, before)
