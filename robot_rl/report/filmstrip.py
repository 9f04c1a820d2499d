"""An episode as a row of pictures."""

import base64
import io
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True)
class Filmstrip:
    """A few frames of one episode, in order of time."""

    caption: str
    success: bool
    frames: NDArray[np.uint8]
    """(k, H, W, 3) RGB"""

    def __post_init__(self) -> None:
        shape, dtype = self.frames.shape, self.frames.dtype
        if self.frames.ndim != 4 or shape[0] < 1 or shape[3] != 3 or dtype != np.uint8:
            raise ValueError(f"frames are {dtype} {shape}; expected uint8 (k, H, W, 3) with k of 1 or more")


def filmstrip_html(strip: Filmstrip) -> str:
    """One <figure>; the frames are inside it as PNG."""
    word, kind = ("Success", "good") if strip.success else ("Failure", "bad")
    images = "".join(
        f'<img src="data:image/png;base64,{_png(frame)}" alt="frame {i} of {len(strip.frames)}">'
        for i, frame in enumerate(strip.frames, start=1)
    )
    caption = f'<span class="tag {kind}">{word}</span> {escape(strip.caption)}'
    return f'<figure class="strip"><figcaption>{caption}</figcaption><div>{images}</div></figure>'


def _png(frame: NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, format="PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
