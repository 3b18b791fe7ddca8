"""Who reads and writes which ONNX operator: every file registers its own, and no list names it."""
