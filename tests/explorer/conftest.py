"""One browser for all tests of the explorer."""

from __future__ import annotations

import os
import warnings

import browser as support
import pytest


@pytest.fixture(scope="session")
def driver():
    """A headless Chromium; without one the tests are skipped loudly, and fail in CI."""
    missing = support.missing()
    if missing is not None:
        text = f"THE EXPLORER IS NOT TESTED IN A BROWSER: {missing} is missing"
        assert os.environ.get("EXACTSPLINE_BROWSER") != "required", text
        warnings.warn(text, stacklevel=1)
        pytest.skip(text)
    driver = support.chromium()
    driver.set_script_timeout(60)
    yield driver
    driver.quit()


@pytest.fixture
def opened(driver, tmp_path):
    """Opens an explorer's page, and sees at the end that the console has no errors."""
    driver.get_log("browser")

    def go(explorer, link=""):
        path = tmp_path / "page.html"
        explorer.save(path)
        driver.get("about:blank")
        driver.get(f"file://{path}{link}")
        support.wait_until_ready(driver)
        return driver

    yield go
    errors = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert not errors, errors
