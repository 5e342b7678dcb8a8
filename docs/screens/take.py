"""Take the screenshots of the README from a run's report: ``python docs/screens/take.py RUN/report.html``.

They are taken in Chromium, by the name it has on the path.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
WIDE = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 780}
_QUADRATIC = "limits_and_taylor/level_curves_of_two_arguments"
_SINGULAR = "determinant_of_a_singular_matrix/a%3D2x2"
SCREENS = {  # file to address on the page, size of the window, colours, and the heading at its top
    "verdict": ("#verdict", WIDE, "light", ""),
    "cell": (f"#cell/delicate/{_SINGULAR}/torch/cpu/float64/gradient", WIDE, "light", ""),
    "problem": (f"#problem/{_QUADRATIC}", WIDE, "light", "Level curves and the tangent plane"),
    "pictures": ("#pictures", WIDE, "dark", "Time of one call, beside the fastest"),
    "phone": ("#verdict", PHONE, "dark", ""),
}  # fmt: skip


def take(report: Path) -> None:
    """Write a PNG beside this file for every screen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, (address, size, scheme, top) in SCREENS.items():
            page = browser.new_page(viewport=size, color_scheme=scheme)
            page.goto(report.resolve().as_uri() + address)
            page.wait_for_selector("html.ready")
            if top:
                page.get_by_role("heading", name=top).evaluate("heading => heading.scrollIntoView()")
            page.wait_for_timeout(1500)  # pictures are drawn when they come into sight
            page.screenshot(path=HERE / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]))
