"""Films as files: GIF, a page with a slider, and MP4 by the user's own ffmpeg."""

from __future__ import annotations

import base64
import html
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ..errors import FormatError
from .frames import draw_frame

if TYPE_CHECKING:
    from .strip import Strip

__all__ = ["gif_bytes", "mp4_bytes", "page_bytes", "require_ffmpeg"]

Tick = Callable[[int, int], None] | None

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%(title)s</title>
<style>
body { font: 16px/1.4 sans-serif; margin: 1em auto; max-width: 46em; padding: 0 1em; color: #222;
  background: #fff; }
img { width: 100%%; height: auto; display: block; }
.row { display: flex; gap: 1em; align-items: center; }
input { flex: 1; }
</style>
</head>
<body>
<div class="row">
<button id="play" type="button">Play</button>
<input id="at" type="range" min="0" max="%(last)d" value="0" step="1" aria-label="picture">
<output id="name" aria-live="polite"></output>
</div>
<img id="picture" alt="">
<script id="data" type="application/json">%(data)s</script>
<script>
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const at = document.getElementById("at"), play = document.getElementById("play");
let timer = 0;
function show() {
  const i = Number(at.value), picture = document.getElementById("picture");
  picture.src = "data:image/png;base64," + data.pictures[i];
  picture.alt = data.names[i];
  document.getElementById("name").textContent = data.names[i];
}
function stop() { clearInterval(timer); timer = 0; play.textContent = "Play"; }
at.addEventListener("input", function () { stop(); show(); });
play.addEventListener("click", function () {
  if (timer) { stop(); return; }
  play.textContent = "Stop";
  timer = setInterval(function () {
    at.value = (Number(at.value) + 1) %% data.names.length;
    show();
  }, 1000 / data.fps);
});
show();
</script>
</body>
</html>
"""


def frames(film: Strip, dpi: float, progress: Tick) -> Iterator[Any]:
    """All pictures, as images of Pillow."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    for i in range(len(film)):
        if progress is not None:
            progress(i, len(film))
        figure = draw_frame(film, i)
        figure.set_dpi(dpi)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        width, height = canvas.get_width_height()
        whole = Image.frombuffer("RGBA", (width, height), bytes(canvas.buffer_rgba()))
        yield whole.convert("RGB")


def _few_colours(picture: Any) -> Any:
    """The picture in the 256 colours that come nearest."""
    from PIL import Image

    return picture.convert("P", palette=Image.Palette.ADAPTIVE, dither=Image.Dither.NONE)


def gif_bytes(film: Strip, fps: float, dpi: float, progress: Tick) -> bytes:
    """The film as an animated GIF that begins again at its end."""
    images = [_few_colours(picture) for picture in frames(film, dpi, progress)]
    out = io.BytesIO()
    images[0].save(
        out, format="GIF", save_all=True, append_images=images[1:], duration=round(1000 / fps),
        loop=0,
    )  # fmt: skip
    return out.getvalue()


def page_bytes(film: Strip, fps: float, dpi: float, progress: Tick) -> bytes:
    """The film as a page with a slider, which needs no other file and works by keyboard."""
    pictures = []
    for picture in frames(film, dpi, progress):
        out = io.BytesIO()
        _few_colours(picture).save(out, format="PNG", optimize=True)
        pictures.append(base64.b64encode(out.getvalue()).decode("ascii"))
    names = [film.title(i) for i in range(len(film))]
    data = json.dumps({"names": names, "fps": fps, "pictures": pictures})
    data = data.replace("<", "\\u003c")  # nothing in it ends the script
    title = html.escape(f"{len(film):,} partitions of {film.partitions[0].domain.describe()[:200]}")
    page = _PAGE % {"title": title, "last": len(film) - 1, "data": data}
    return page.encode("utf-8")


def mp4_bytes(film: Strip, fps: float, dpi: float, progress: Tick) -> bytes:
    """The film as MP4."""
    from matplotlib.animation import FFMpegWriter
    from matplotlib.figure import Figure

    require_ffmpeg()
    writer: Any = FFMpegWriter
    writer = writer(fps=fps)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "film.mp4")
        figure = None
        for picture in frames(film, dpi, progress):
            if figure is None:
                # even numbers of pixels, as the usual coding wants them
                width, height = (v // 2 * 2 / dpi for v in picture.size)
                figure = Figure(figsize=(width, height), dpi=dpi)
                writer.setup(figure, path, dpi=dpi)
            figure.clear()
            figure.figimage(picture)
            writer.grab_frame()
        writer.finish()
        with open(path, "rb") as stream:
            return stream.read()


def require_ffmpeg() -> None:
    """Refuse MP4 without ffmpeg.

    Raises
    ------
    FormatError
    """
    from matplotlib.animation import FFMpegWriter

    if not FFMpegWriter.isAvailable():
        raise FormatError(
            "film: .mp4 needs ffmpeg, which is no part of exactspline and was not found; install "
            "it, or write .gif or .html"
        )
