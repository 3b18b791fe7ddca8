"""Where the tests find files: the project's root, its examples, and the real networks beside it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
MOONS = EXAMPLES / "moons.onnx"
NETWORKS = ROOT.parent / "shared" / "networks"  # ACAS Xu, lattices, convolutional networks
ACAS = "acasxu/ACASXU_run2a_{}_batch_2000.onnx"
