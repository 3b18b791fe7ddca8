"""A headless Chromium for tests and benchmarks, driven by its own driver."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import time
from typing import Any

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--use-gl=angle", "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader", "--hide-scrollbars",
)  # fmt: skip


def missing() -> str | None:
    """What of a browser is not there; None if nothing is missing."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium (pip install selenium)"
    for name in ("chromium", "chromedriver"):
        if shutil.which(name) is None:
            return f"{name} (apt-get install chromium chromium-driver)"
    return None


def chromium(size: tuple[int, int] = (1200, 800), dark: bool = False) -> Any:
    """A browser with a profile of its own; `quit` ends it."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = shutil.which("chromium")
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--window-size={size[0]},{size[1]}")
    profile = tempfile.mkdtemp(prefix="exactspline-browser-")
    atexit.register(shutil.rmtree, profile, ignore_errors=True)
    options.add_argument(f"--user-data-dir={profile}")
    if dark:
        options.add_argument("--blink-settings=preferredColorScheme=0")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def state_of(driver: Any) -> dict[str, str]:
    """What the page says about itself, by its ``data-`` attributes."""
    found = driver.execute_script("return {...document.getElementById('plot').dataset}")
    return {str(key): str(value) for key, value in found.items()}


def wait_until_ready(driver: Any, seconds: float = 60) -> None:
    """Wait for the first picture; what the page says is the error if there is none."""
    wait_for(driver, lambda: state_of(driver).get("state") != "loading", seconds)
    state = state_of(driver)["state"]
    message = driver.execute_script("return document.getElementById('message').textContent")
    assert state == "ready", (state, message)


def wait_for(driver: Any, true: Any, seconds: float = 20) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, state_of(driver)
        time.sleep(0.02)
