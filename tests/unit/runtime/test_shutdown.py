"""The process ends soon, and never in the middle of writing something down."""

import signal
import threading

import pytest

from condorloop.runtime.shutdown import Shutdown, Stopped
from condorloop.runtime.wakeup import Wakeup


def test_a_wait_for_an_answer_is_torn_away():
    shutdown = Shutdown(Wakeup())
    before = signal.signal(signal.SIGUSR1, shutdown.interrupt)
    never = threading.Event()
    try:
        main = threading.main_thread().ident
        threading.Timer(0.05, signal.pthread_kill, [main, signal.SIGUSR1]).start()
        with pytest.raises(Stopped), shutdown.outside():
            never.wait(30)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_what_is_written_down_is_written_to_its_end():
    shutdown = Shutdown(Wakeup())
    shutdown.interrupt()
    assert shutdown.wished


def test_nobody_is_asked_after_the_wish_to_end():
    shutdown = Shutdown(Wakeup())
    shutdown.wish()
    asked = []
    with pytest.raises(Stopped), shutdown.outside():
        asked.append("OMS")
    assert asked == []


def test_the_wish_wakes_the_sleeper():
    wakeup = Wakeup()
    Shutdown(wakeup).wish()
    assert wakeup.wait(0.0)
