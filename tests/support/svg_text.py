"""Where the texts of an SVG figure stand: measured with the font itself, not with the library that placed them."""

import re
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
from matplotlib.ft2font import FT2Font, LoadFlags

SVG = "{http://www.w3.org/2000/svg}"
TOLERANCE = 0.4  # points: less than the side bearing of a letter


@dataclass(frozen=True)
class Text:
    """One line of text, and the corners of the box around its ink in points, float64 ``(4, 2)``."""

    words: str
    size: float
    corners: np.ndarray


def canvas(path: Path) -> tuple[float, float]:
    """Return width and height of a figure in points."""
    box = _parsed(path).getroot().get("viewBox")
    assert box, f"{path.name} has no viewBox"
    _, _, width, height = map(float, box.split())
    return width, height


def _parsed(path: Path) -> ElementTree.ElementTree:
    return ElementTree.parse(path)  # noqa: S314 (a figure that this run has drawn)


def texts(path: Path) -> list[Text]:
    """Return every text of a figure."""
    font = FT2Font(str(Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"))
    found = []
    for element in _parsed(path).iter(f"{SVG}text"):
        words = "".join(element.itertext())
        if not words.strip():
            continue
        style = element.get("style", "")
        family, size = re.search(r"font-family: ([^;]*)", style), re.search(r"font-size: ([\d.]+)px", style)
        assert family, f"{path.name}: {words!r} has no font: it is drawn as shapes or as mathematics"
        assert "DejaVu Sans" in family[1], f"{path.name}: {words!r} is set in {family[1]}"
        assert size
        font.set_size(float(size[1]), 72)
        font.set_text(words, flags=LoadFlags.NO_HINTING)
        width, height = (side / 64 for side in font.get_width_height())
        below = font.get_descent() / 64
        anchor = re.search(r"text-anchor: (\w+)", style)
        left = {"middle": -width / 2, "end": -width}.get(anchor[1] if anchor else "start", 0.0)
        box = np.array(
            [[left, below - height], [left + width, below - height], [left + width, below], [left, below]]
        )
        found.append(Text(words, float(size[1]), _placed(box, element)))
    return found


def _placed(box: np.ndarray, element: ElementTree.Element) -> np.ndarray:
    transform = element.get("transform", "")
    moved = re.search(r"translate\(([-\d.e]+) ([-\d.e]+)\)", transform)
    place = (
        [float(part) for part in moved.groups()] if moved else [float(element.get(one, "0")) for one in "xy"]
    )
    turned = re.search(r"rotate\(([-\d.e]+)", transform)
    angle = np.radians(float(turned[1])) if turned else 0.0
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return box @ rotation + place


def faults(path: Path, smallest: float = 7.0) -> list[str]:
    """List the texts that leave the canvas, overlap another, or are too small to be read."""
    width, height = canvas(path)
    found = texts(path)
    out = [
        f"{path.name}: {one.words!r} leaves the canvas"
        for one in found
        if (one.corners < -TOLERANCE).any() or (one.corners > np.array([width, height]) + TOLERANCE).any()
    ]
    out += [f"{path.name}: {one.words!r} is set in {one.size} points" for one in found if one.size < smallest]
    out += [
        f"{path.name}: {a.words!r} overlaps {b.words!r}"
        for a, b in combinations(found, 2)
        if _overlap(a.corners, b.corners)
    ]
    return out


def _overlap(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two rectangles share an area: no side of either has them on different sides of it."""
    for corners in (a, b):
        for side in (corners[1] - corners[0], corners[3] - corners[0]):
            length = np.hypot(*side)
            low_a, high_a = np.sort(a @ side / length)[[0, -1]]
            low_b, high_b = np.sort(b @ side / length)[[0, -1]]
            if high_a - TOLERANCE <= low_b or high_b - TOLERANCE <= low_a:
                return False
    return True
