"""Calls into libraries that have no time limit, given up after a time.

Knows threads; knows nothing of what is called.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def within(call: Callable[[], T], seconds: float, name: str) -> T:
    """Call in a thread of its own, and wait for so many seconds at the most.

    A signal handler that raises ends the wait. What is given up ends by itself as soon as it runs
    Python code again, so that a server that trickles bytes for ever leaves no thread behind.

    Raises
    ------
    TimeoutError
        The call took longer. Else whatever the call raised.
    """
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    thread = Thread(target=work, name=name, daemon=True)
    try:
        thread.start()
        return future.result(timeout=seconds)
    except BaseException as error:
        if future.done():
            raise
        _end(thread)
        if isinstance(error, TimeoutError):
            raise TimeoutError(f"no whole answer in {seconds:g} s") from None
        raise


def _end(thread: Thread) -> None:
    if thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit)
        )
