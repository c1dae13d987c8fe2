"""A person who looks at the page in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request

CONTRAST = Path(__file__).with_name("contrast.js").read_text()


class Viewer:
    """Has the page open, with a clock that tests can turn on; notes all that goes wrong."""

    def __init__(
        self,
        browser: Browser,
        file: Path,
        *,
        url: str = "",
        width: int = 1400,
        height: int = 900,
        scheme: Literal["light", "dark"] = "light",
    ) -> None:
        self._context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme
        )
        self.page: Page = self._context.new_page()
        self.url = url or file.as_uri()
        self.asked: list[str] = []
        self.blocked: list[str] = []
        self._complaints: list[str] = []
        self.page.on("pageerror", lambda error: self._complaints.append(str(error)))
        self.page.on("console", self._hear)
        self.page.on("request", self._note)
        self.page.clock.install()
        self.page.goto(self.url)

    def _note(self, request: Request) -> None:
        self.asked.append(request.url)

    def _hear(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self.blocked.append(message.text)
        elif "ERR_CONNECTION_REFUSED" not in message.text:
            self._complaints.append(message.text)

    def close(self) -> list[str]:
        """Close the browser's window, and tell what went wrong in it."""
        self._context.close()
        return self._complaints + [url for url in self.asked if url != self.url]

    def wait(self, seconds: float) -> None:
        """Let time go by."""
        self.page.clock.run_for(round(1000 * seconds))

    def section(self, name: str) -> Locator:
        """A part of the page, by its heading."""
        return self.page.get_by_role("region", name=name)

    def text(self) -> str:
        """All that can be read."""
        return self.page.locator("body").inner_text()

    def bar(self, number: int = 0) -> Locator:
        """The bar of a campaign, counted from the top."""
        return self.page.locator("svg.lumis").nth(number)

    def tip(self) -> Locator:
        """What is said of the place that is pointed at."""
        return self.page.locator("#tip")

    def run(self, script: str) -> Any:
        """Evaluate a script in the page."""
        return self.page.evaluate(script)

    def faint_texts(self) -> list[str]:
        """Texts that do not stand out against what is behind them, with their contrast."""
        found: list[str] = self.run(CONTRAST)
        return found
