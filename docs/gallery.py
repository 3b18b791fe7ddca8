"""Draw the pictures of docs/gallery.md and pictures.md again: ``python docs/gallery.py``, a minute.

Each is drawn by its script in examples/figures and then kept with 256 colours, so that they stay
small. One script, statements.py, writes several, into a folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).resolve().parent
SCRIPTS = HERE.parent / "examples" / "figures"


def main() -> None:
    for script in sorted(SCRIPTS.glob("*.py")):
        if script.stem in ("drawing", "panels", "train_digits"):
            continue
        with tempfile.TemporaryDirectory() as folder:
            one = Path(folder) / f"{script.stem}.png"
            subprocess.run(
                [sys.executable, script, "--out", folder if script.stem == "statements" else one],
                check=True,
                env={**os.environ, "PYTHONWARNINGS": "ignore", "MPLBACKEND": "Agg"},
            )
            for drawn in sorted(Path(folder).glob("*.png")):
                picture = Image.open(drawn).convert("RGB")
                picture = picture.quantize(256, kmeans=2, dither=Image.Dither.NONE)
                picture.save(HERE / "gallery" / drawn.name, optimize=True)


if __name__ == "__main__":
    main()
