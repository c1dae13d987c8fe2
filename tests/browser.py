"""A real Chromium for the tests: the one on PATH, else a private copy that needs no root.

The private copy is Debian's headless shell of this machine's own suite, with the libraries it
needs and one family of fonts; nothing of the machine is needed but its libc.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from playwright.sync_api import Browser, Error, sync_playwright

from condorloop.testbed.prefix import debian
from condorloop.testbed.prefix.cache import Copies, PrefixError, Progress, Recipe, cache_folder

ON_PATH = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")

# The last is what Playwright's own driver needs.
PACKAGES = ("chromium-headless-shell", "chromium-common", "fonts-dejavu-core", "libatomic1")
# The libc is the machine's; the others are for a desktop.
ABSENT = ("libc6", "x11-utils", "xdg-utils")

EXECUTABLE = "usr/lib/chromium/chromium-headless-shell"
LIBRARIES = (
    "usr/lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu/pulseaudio",
    "lib/x86_64-linux-gnu",
)
FONTS = """\
<?xml version="1.0"?>
<fontconfig>
  <dir>{folder}/usr/share/fonts</dir>
  <cachedir>{folder}/fonts-cache</cachedir>
  <alias><family>sans-serif</family><prefer><family>DejaVu Sans</family></prefer></alias>
  <alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
"""


@dataclass(frozen=True)
class Chromium:
    """An executable of Chromium, and what it needs in its environment."""

    executable: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def running(self) -> Iterator[Browser]:
        """Let it run, with its sandbox where that is allowed."""
        with pytest.MonkeyPatch.context() as inherited:
            for name, value in self.environment.items():
                inherited.setenv(name, value)
            playwright = sync_playwright().start()
        try:
            launch = partial(playwright.chromium.launch, executable_path=self.executable)
            try:
                browser = launch(chromium_sandbox=True)
            except Error:  # as root, in containers, where user namespaces are forbidden
                browser = launch(chromium_sandbox=False)
            yield browser
            browser.close()
        finally:
            playwright.stop()


def find(cache: Path | None = None) -> Chromium | None:
    """Find Chromium on PATH or in the cache; fetch nothing."""
    for name in ON_PATH:
        if found := shutil.which(name):
            return Chromium(Path(found))
    folder = _copies(cache).current()
    if folder is None or not (folder / EXECUTABLE).exists():
        return None
    libraries = ":".join(str(folder / library) for library in LIBRARIES)
    settings = {"LD_LIBRARY_PATH": libraries, "FONTCONFIG_FILE": str(folder / "fonts.conf")}
    return Chromium(folder / EXECUTABLE, settings)


def ensure(progress: Progress, cache: Path | None = None) -> Chromium:
    """Find Chromium, or fetch it into the cache.

    Raises
    ------
    PrefixError
        It is not here and cannot be fetched.
    """
    if chromium := find(cache):
        return chromium
    copies = _copies(cache)
    copies.check_machine("install Chromium by this system's packages")
    with copies.locked(progress):
        if chromium := find(cache):
            return chromium
        try:
            suite = debian.own_suite()
        except debian.ArchiveError as error:
            raise PrefixError(f"no Chromium on PATH, and none to be fetched: {error}") from error
        copies.make(Recipe(suite, PACKAGES, PACKAGES[:1], _finish, ABSENT), progress)
    chromium = find(cache)
    if chromium is None:
        raise PrefixError(f"the packages of {suite} do not hold Chromium as expected")
    return chromium


def _copies(cache: Path | None) -> Copies:
    return Copies(cache or cache_folder() / "chromium", "Chromium")


def _finish(tree: Path, folder: Path, step: Progress) -> None:
    """Let Chromium find the copy's font and no other."""
    (tree / "fonts.conf").write_text(FONTS.format(folder=escape(str(folder))))
