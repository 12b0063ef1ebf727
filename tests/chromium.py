"""A headless Chromium for tests: obtained once, run with an empty profile each time, and nothing of it left behind."""

import fcntl
import functools
import json
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

_SCRIPT = Path(__file__).with_name("chromium.sh")
_LOCK = Path(tempfile.gettempdir()) / "microcurrent-chromium.lock"
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--disable-dev-shm-usage",
)  # fmt: skip
_ITS_OWN_HOSTS = {"clients2.google.com", "update.googleapis.com", "accounts.google.com", "redirector.gvt1.com"}
_LIMIT_S = 240  # a hang, not a slow machine
_WITHOUT_SCRIPTS = {"profile": {"default_content_setting_values": {"javascript": 2}}}
DARK = "--blink-settings=preferredColorScheme=0"


@functools.cache
def chromium() -> str:
    """The browser's path; installed first where that is possible. Fails with the command that would install it."""
    with open(_LOCK, "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # workers of one test run: one of them installs
        done = subprocess.run([str(_SCRIPT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def run(page: Path, *flags: str, scripts: bool = True) -> str:
    """Open a page and do what the flags say; what is printed. scripts: False: as somebody who has turned them off."""
    with tempfile.TemporaryDirectory(prefix="mc-chromium-") as profile:
        if not scripts:
            (Path(profile) / "Default").mkdir()
            (Path(profile) / "Default" / "Preferences").write_text(json.dumps(_WITHOUT_SCRIPTS))
        arguments = [chromium(), *_FLAGS, f"--user-data-dir={profile}", *flags, page.absolute().as_uri()]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=_LIMIT_S)
    assert done.returncode == 0, done.stderr
    return done.stdout


def screenshot(
    page: Path, target: Path, size: tuple[int, int] = (1100, 1900), *flags: str, scripts: bool = True
) -> Path:
    """A picture of a page in a window of this size."""
    run(page, f"--window-size={size[0]},{size[1]}", f"--screenshot={target}", *flags, scripts=scripts)
    return target


def pdf(page: Path, target: Path) -> Path:
    """A page as it is printed."""
    run(page, "--no-pdf-header-footer", f"--print-to-pdf={target}")
    return target


def requests(page: Path, log: Path) -> set[str]:
    """The hosts that the page asked for while it was open; what the browser asks for itself is left out.

    No name is resolved, so that nothing leaves this machine whatever the page asks for.
    """
    run(page, f"--log-net-log={log}", "--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom")
    events = json.loads(log.read_text())["events"]
    addresses = {event["params"]["url"] for event in events if "url" in (event.get("params") or {})}
    return {urlsplit(address).hostname or "" for address in addresses} - _ITS_OWN_HOSTS - {""}
