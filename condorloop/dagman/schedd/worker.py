"""The process that has the bindings of HTCondor: started for a question, ended when it is late.

Knows the pipe to `bindings` and how long to wait; knows nothing of what is asked.
"""

from __future__ import annotations

import os
import subprocess
import sys
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from condorloop.config.site import PoolSite
from condorloop.errors import Unavailable


class ScheddUnavailable(Unavailable):
    """The schedd did not answer, or would not do as it was told: it says nothing of the queue.

    `words` are what was said, without what it was asked `about`.
    """

    def __init__(self, words: str, about: str = "") -> None:
        super().__init__(f"{about}: {words}" if about else words)
        self.words = words


class Worker:
    """What answers the questions of `bindings.Bindings`, for one pool.

    Its process ends with the thread that asked first.
    """

    def __init__(self, site: PoolSite) -> None:
        self._site = site
        self._process: _Process | None = None

    def ask(self, about: str, name: str, **arguments: object) -> Any:
        """Call a function of `Bindings`; `about` begins the message of an error.

        Raises
        ------
        ScheddUnavailable
            There was no answer in the pool's time limit, or the bindings raised.
        """
        try:
            if self._process is None or not self._process.is_running():
                self.end()
                self._process = _Process(self._site)
            good, value = self._process.ask((name, arguments), self._site.timeout)
        except (OSError, EOFError, TimeoutError) as error:
            self.end()
            reason = str(error) or "the process that asks it ended"
            raise ScheddUnavailable(reason, about) from error
        except BaseException:
            # An answer that nobody waited for would be taken for that of the next question.
            self.end()
            raise
        if not good:
            raise ScheddUnavailable(str(value), about)
        return value

    def end(self) -> None:
        """End the process; the next question starts another."""
        process, self._process = self._process, None
        if process:
            process.end()


class _Process:
    """The process itself."""

    def __init__(self, site: PoolSite) -> None:
        self._pipe: Connection
        self._pipe, theirs = Pipe()
        configured = {"CONDOR_CONFIG": str(site.condor_config)} if site.condor_config else {}
        module = "condorloop.dagman.schedd.bindings"
        arguments = [str(theirs.fileno()), str(os.getpid()), site.schedd or ""]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                pass_fds=[theirs.fileno()],
                env={**os.environ, **configured},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def is_running(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: tuple[str, dict[str, object]], timeout: float) -> tuple[bool, Any]:
        self._pipe.send(request)
        if not self._pipe.poll(timeout):
            raise TimeoutError(f"no answer in {timeout:g} s")
        good, value = self._pipe.recv()
        return bool(good), value

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._pipe.close()
