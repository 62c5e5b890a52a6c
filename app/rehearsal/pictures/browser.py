"""One headless Chromium for many shots, spoken to over its debugging pipe; it reaches no network.

The protocol is the DevTools protocol: JSON messages ended by a NUL byte, in on descriptor 3, out on descriptor 4.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from app.errors import ConfigurationError, DoorstepError

NAMES = ("chromium", "chromium-browser", "google-chrome")
SILENCE_SECONDS = 60
"""How long the browser may say nothing before it is given up."""

Answer = tuple[str, bytes]
"""A media type and the bytes."""

_TAKE_THE_PIPES = (
    "import os,sys;os.dup2(int(sys.argv[1]),3);os.dup2(int(sys.argv[2]),4);os.execv(sys.argv[3],sys.argv[3:])"
)
_SWITCHES = (
    "--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--no-first-run", "--no-default-browser-check", "--disable-extensions", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--mute-audio", "--force-color-profile=srgb",
    "--font-render-hinting=none", "--disable-lcd-text", "--proxy-server=127.0.0.1:9", "--proxy-bypass-list=<-loopback>",
    "--disable-checker-imaging",  # a large image is in the first picture that is drawn, not in one soon after
)  # fmt: skip
_READY = """(async () => {
  const seen = async (page) => Promise.all([...page.images].map((image) => image.decode().catch(() => 0)));
  await document.fonts.ready; await seen(document);
  for (const frame of document.querySelectorAll('iframe')) {
    const there = () => frame.contentDocument.URL === 'about:srcdoc' && frame.contentDocument.readyState === 'complete';
    if (!there()) await new Promise((go) => frame.addEventListener('load', go));
    const inside = frame.contentDocument; await seen(inside);
    frame.style.height = inside.documentElement.scrollHeight + 'px';
  }
  return Math.ceil(document.documentElement.getBoundingClientRect().height);
})()"""


class NoBrowser(ConfigurationError):
    """There is no Chromium to take pictures with; the text says how to get one."""


class BrowserFailed(DoorstepError):
    """The browser fell silent, ended, or refused what it was told."""


@dataclass(frozen=True, slots=True)
class View:
    """What a page is looked at through: `width` in CSS pixels, `scale` device pixels to each, light or dark.

    `height` in CSS pixels cuts the picture; without it the picture is as tall as the page.
    """

    width: int
    dark: bool = False
    scale: float = 1.0
    height: int | None = None


def find_browser(environ: Mapping[str, str] = os.environ) -> str:
    """The path of a Chromium: the one that DOORSTEP_CHROMIUM names, or the first on the path. Raises NoBrowser."""
    named = environ.get("DOORSTEP_CHROMIUM")
    if named:
        found = shutil.which(named)
        if found is None:
            raise NoBrowser(f"DOORSTEP_CHROMIUM names {named}, and no program is there. Correct it, or unset it.")
        return found
    for name in NAMES:
        if found := shutil.which(name, path=environ.get("PATH")):
            return found
    raise NoBrowser(
        f"Pictures need a Chromium, and none of {', '.join(NAMES)} is on the path. "
        "Install one (Debian: apt-get install chromium), or set DOORSTEP_CHROMIUM to where it is."
    )


class Browser:
    """A Chromium that runs while the `with` block does. `answer` gives what stands at an address, or None: nothing
    but what it gives is ever loaded."""

    def __init__(self, answer: Callable[[str], Answer | None] = lambda _url: None, program: str | None = None) -> None:
        self._answer = answer
        self._program = program or find_browser()
        self._asked = 0
        self._heard = b""

    def __enter__(self) -> "Browser":
        self._profile = tempfile.TemporaryDirectory(prefix="doorstep-pictures-", ignore_cleanup_errors=True)
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        command = [sys.executable, "-S", "-c", _TAKE_THE_PIPES, str(theirs_in), str(theirs_out)]
        command += [self._program, *_SWITCHES, f"--user-data-dir={self._profile.name}", "about:blank"]
        if os.geteuid() == 0:  # Chromium's own walls cannot be built by root
            command.insert(-1, "--no-sandbox")
        self._process = subprocess.Popen(
            command,
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._session: str | None = None
        try:
            target = self._call("Target.createTarget", url="about:blank")["targetId"]
            self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            self._call("Page.enable")
            self._call("Fetch.enable", patterns=[{"urlPattern": "*"}])
            self._frame = self._call("Page.getFrameTree")["frameTree"]["frame"]["id"]
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._to)
        os.close(self._from)
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._profile.cleanup()

    def answer_with(self, answer: Callable[[str], Answer | None]) -> None:
        """Give from now on what another shows at an address."""
        self._answer = answer

    def shoot(self, html: str, view: View) -> bytes:
        """A page's picture as PNG. Raises BrowserFailed."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=view.width,
            height=view.height or 600,
            deviceScaleFactor=view.scale,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if view.dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self._call("Page.setDocumentContent", frameId=self._frame, html=html)
        ready = self._call("Runtime.evaluate", expression=_READY, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in ready:
            raise BrowserFailed(f"The page could not be made ready for its picture: {ready['exceptionDetails']}")
        height = view.height or max(1, ready["result"]["value"])
        clip = {"x": 0, "y": 0, "width": view.width, "height": height, "scale": 1}
        shot = self._call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        number = self._say(method, params)
        while True:
            message = self._hear()
            if message.get("id") == number:
                if "error" in message:
                    raise BrowserFailed(f"Chromium refused {method}: {message['error'].get('message')}")
                return dict(message["result"])
            if message.get("method") == "Fetch.requestPaused":
                self._serve(message["params"])

    def _serve(self, paused: dict[str, Any]) -> None:
        answer = self._answer(paused["request"]["url"])
        if answer is None:
            self._say("Fetch.failRequest", {"requestId": paused["requestId"], "errorReason": "BlockedByClient"})
            return
        media, content = answer
        fulfilled = {
            "requestId": paused["requestId"],
            "responseCode": 200,
            "responseHeaders": [{"name": "Content-Type", "value": media}],
            "body": base64.b64encode(content).decode("ascii"),
        }
        self._say("Fetch.fulfillRequest", fulfilled)

    def _say(self, method: str, params: Mapping[str, Any]) -> int:
        self._asked += 1
        message: dict[str, Any] = {"id": self._asked, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        rest = json.dumps(message).encode("ascii") + b"\0"
        try:
            while rest:
                rest = rest[os.write(self._to, rest) :]
        except BrokenPipeError as error:
            raise self._ended() from error
        return self._asked

    def _hear(self) -> dict[str, Any]:
        while b"\0" not in self._heard:
            if not select.select([self._from], [], [], SILENCE_SECONDS)[0]:
                raise BrowserFailed(f"Chromium said nothing for {SILENCE_SECONDS} s. Try again with less load.")
            piece = os.read(self._from, 1 << 20)
            if not piece:
                raise self._ended()
            self._heard += piece
        line, self._heard = self._heard.split(b"\0", 1)
        return dict(json.loads(line))

    def _ended(self) -> BrowserFailed:
        return BrowserFailed(
            f"{self._program} ended while it was asked for a picture. Run it with --headless to see what it lacks."
        )
