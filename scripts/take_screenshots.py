"""Take the screenshots of the documents from the real page, as the demo serves it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
SHOTS = {"endpoints": "/", "redeployment": "/redeployments/2", "redeploy": "/endpoints/prod/chat/redeploy"}


def main() -> None:
    """Start the demo, wait for its page, take each picture, end it."""
    program = shutil.which("chromium") or sys.exit("no Chromium was found; `apt-get install chromium` brings one")
    words = [sys.executable, "-m", "generator.cli.main", "demo"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as demo:
        try:
            base = next(found[0] for line in demo.stdout or () if (found := re.search(r"http://[^/]+", line)))
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
                page = browser.new_page(viewport={"width": 1100, "height": 700}, locale="en-US")
                page.goto(f"{base}/redeployments/2")
                page.get_by_text("Update failed").first.wait_for()
                for name, path in SHOTS.items():
                    page.goto(base + path)
                    page.wait_for_timeout(500)
                    page.screenshot(path=IMAGES / f"{name}.png", full_page=True)
                browser.close()
        finally:
            demo.send_signal(signal.SIGINT)


if __name__ == "__main__":
    IMAGES.mkdir(parents=True, exist_ok=True)
    main()
