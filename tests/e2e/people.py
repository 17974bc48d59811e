"""What a person does in front of a browser: log in, wait for the page to say something, and keep pictures of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

if TYPE_CHECKING:
    from tests.e2e.conftest import Mill

PATIENCE_SECONDS = 60


def log_in(browser: WebDriver, mill: Mill, user: str) -> None:
    """Through the form, as somebody who was not here before."""
    browser.get(mill.service.url)
    browser.delete_all_cookies()
    browser.get(mill.service.url)
    wait(browser, lambda: browser.find_elements(By.NAME, "username"))
    browser.find_element(By.NAME, "username").send_keys(user)
    browser.find_element(By.NAME, "password").send_keys(mill.home.password_of(user))
    browser.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
    wait(browser, lambda: "/auth/login" not in browser.current_url)


def wait(browser: WebDriver, condition: Callable[[], Any]) -> Any:
    """What `condition` gives once it is true."""
    # Between two pages an element may be gone.
    patience = WebDriverWait(browser, PATIENCE_SECONDS, ignored_exceptions=[StaleElementReferenceException])
    return patience.until(lambda _: condition())


def text(browser: WebDriver) -> str:
    return browser.find_element(By.TAG_NAME, "body").text


def keep_picture(browser: WebDriver, name: str) -> None:
    """The window as `name`.png in the folder of pictures of the documentation, where one is wanted."""
    if folder := os.environ.get("GRISTMILL_SCREENSHOTS"):
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))
