"""The process ends soon, and never in the middle of writing something down."""

import signal
import threading

import pytest

from condorloop.runtime.shutdown import Interruption, Stopped
from condorloop.runtime.wakeup import Bell


def test_a_wait_for_an_answer_is_torn_away():
    interruption = Interruption(Bell())
    before = signal.signal(signal.SIGUSR1, interruption.interrupt)
    never = threading.Event()
    try:
        main = threading.main_thread().ident
        threading.Timer(0.05, signal.pthread_kill, [main, signal.SIGUSR1]).start()
        with pytest.raises(Stopped), interruption.outside():
            never.wait(30)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_what_is_written_down_is_written_to_its_end():
    interruption = Interruption(Bell())
    interruption.interrupt()
    assert interruption.wished


def test_nobody_is_asked_after_the_wish_to_end():
    interruption = Interruption(Bell())
    interruption.wish()
    asked = []
    with pytest.raises(Stopped), interruption.outside():
        asked.append("OMS")
    assert asked == []


def test_the_wish_wakes_the_sleeper():
    bell = Bell()
    Interruption(bell).wish()
    bell.wait(3600)
