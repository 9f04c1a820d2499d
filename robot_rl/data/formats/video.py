"""Pictures as H.264 video, and back."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from robot_rl.data.formats import optional
from robot_rl.errors import DataError
from robot_rl.types import Image

CODEC, PIXELS = "libx264", "yuv420p"
"""What every browser, phone and GPU decodes. Colour has half the resolution of brightness."""
OPTIONS = {"crf": "18", "g": "2", "bf": "0"}
"""Visually lossless; a key frame every second one, because training reads frames in random order; none out of order."""


class VideoWriter:
    """One file, one picture after the other."""

    def __init__(self, path: Path, shape: tuple[int, ...], hz: int) -> None:
        """`shape` of a picture: (height, width, 3).

        Raises DataError for odd sizes, ConfigError without PyAV.
        """
        self._av = optional("av")
        height, width, _ = shape
        if height % 2 or width % 2:
            raise DataError(f"pictures of {width} × {height}: H.264 needs even sizes; export to robomimic instead")
        path.parent.mkdir(parents=True, exist_ok=True)
        self.frames, self.hz = 0, hz
        self._file = self._av.open(str(path), "w")
        self._stream = self._file.add_stream(CODEC, rate=hz, options=OPTIONS)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, PIXELS

    def add(self, image: Image) -> None:
        """Append a picture."""
        frame = self._av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts, frame.time_base = self.frames, Fraction(1, self.hz)
        self._file.mux(self._stream.encode(frame))
        self.frames += 1

    def close(self) -> None:
        """Write what the encoder still holds."""
        self._file.mux(self._stream.encode())
        self._file.close()


class VideoReader:
    """The pictures of one file, forward."""

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        """Raises DataError when the file is no video with pictures of `shape`. ConfigError without PyAV."""
        self.path, self._next = path, 0
        self._av = optional("av")
        try:
            self._file = self._av.open(str(path), format="mov")  # never a playlist, which names other files
            stream = self._file.streams.video[0]
        except (self._av.FFmpegError, OSError, IndexError) as error:
            raise DataError(f"{path} is no MP4 video ({error})") from error
        if (stream.height, stream.width, 3) != tuple(shape):
            raise DataError(f"{path} has pictures of {stream.width} × {stream.height}, the table says {shape}")
        self._pictures = self._decode(stream)

    def take(self, start: int, count: int) -> list[Image]:
        """Pictures `start` to `start + count - 1`; `start` must not lie before the end of an earlier call.

        Raises DataError when the video is shorter, or is not in order.
        """
        if start < self._next:
            raise DataError(f"{self.path}: an episode begins at picture {start}, which belongs to the one before")
        taken = []
        while self._next < start + count:
            image = next(self._pictures, None)
            if image is None:
                raise DataError(f"{self.path} has {self._next} pictures, the table needs {start + count}")
            if self._next >= start:
                taken.append(image)
            self._next += 1
        return taken

    def close(self) -> None:
        self._file.close()

    def _decode(self, stream: Any) -> Iterator[Image]:
        try:
            for frame in self._file.decode(stream):
                yield frame.to_ndarray(format="rgb24")
        except self._av.FFmpegError as error:
            raise DataError(f"{self.path} is damaged after picture {self._next} ({error})") from error
