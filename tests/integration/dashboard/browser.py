"""A real browser, from Debian's packages and without installation, that has no network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from stack.home import Home
from stack.packages import Toolbox

WIDTHS, SCHEMES = (1200, 390), ("light", "dark")
LOOKS = [(width, scheme) for width in WIDTHS for scheme in SCHEMES]


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium, from PATH where it is, else unpacked below SOFTCART_HOME."""
    toolbox = Toolbox(Home.from_environment().tools)
    toolbox.ensure("chromium")
    root = toolbox.unpacked("chromium")
    program = root / "usr/lib/chromium/chromium" if root else toolbox.program("chromium", "chromium")
    environment: dict[str, str | float | bool] = {**os.environ}
    if root:
        libraries = next((root / "usr/lib").glob("*-linux-gnu*"))
        environment["LD_LIBRARY_PATH"] = f"{libraries}:{libraries}/pulseaudio"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=program, env=environment, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield opened
        finally:
            opened.close()


@dataclass
class Visit:
    """A page that was opened from disk, with all that it asked for and complained about."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@contextmanager
def visit(opened: Browser, path: Path, width: int, scheme: str, scripts: bool = True) -> Iterator[Visit]:
    """Open the file as a reader with this window and scheme does."""
    context = opened.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        offline=True,
        java_script_enabled=scripts,
    )
    seen = Visit(context.new_page())
    seen.page.on("request", lambda request: seen.requests.append(request.url))
    seen.page.on("console", lambda message: seen.complaints.append(message.text))
    seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    seen.page.on("dialog", lambda dialog: (seen.complaints.append(dialog.message), dialog.dismiss()))
    seen.page.goto(path.as_uri())
    try:
        yield seen
    finally:
        context.close()
