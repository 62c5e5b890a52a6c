"""One Chromium that stays for a while after a picture was taken: starting and ending it takes longer than any shot."""

from collections.abc import Callable, Sequence
from threading import Lock, Timer

from app.rehearsal.pictures.browser import Answer, Browser, BrowserFailed, View

IDLE_SECONDS = 60.0
"""How long it waits to be asked again: a marketer who compares goes from one message to the next."""


class KeptBrowser:
    """Takes pictures for one after the other, with a browser that is started when it is first asked for."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle = idle_seconds
        self._lock = Lock()
        self._browser: Browser | None = None
        self._end: Timer | None = None

    def shoot(self, pages: Sequence[str], answer: Callable[[str], Answer | None], view: View) -> list[bytes]:
        """The pages' pictures as PNG; `answer` gives what stands at an address, as for `Browser`. One that died since
        it was last asked is started anew. Raises BrowserFailed and NoBrowser."""
        with self._lock:
            if self._end is not None:
                self._end.cancel()
            kept = self._browser is not None
            try:
                try:
                    return self._shoot(pages, answer, view)
                except BrowserFailed:
                    self._stop()
                    if not kept:
                        raise
                    return self._shoot(pages, answer, view)
            finally:
                self._end = Timer(self._idle, self.close)
                self._end.daemon = True
                self._end.start()

    def close(self) -> None:
        """End the browser, if one runs."""
        with self._lock:
            if self._end is not None:
                self._end.cancel()
            self._stop()

    def _shoot(self, pages: Sequence[str], answer: Callable[[str], Answer | None], view: View) -> list[bytes]:
        if self._browser is None:
            self._browser = Browser().__enter__()
        self._browser.answer_with(answer)
        return [self._browser.shoot(page, view) for page in pages]

    def _stop(self) -> None:
        browser, self._browser = self._browser, None
        if browser is not None:
            browser.__exit__(None, None, None)
