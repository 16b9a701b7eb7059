"""Model runtimes: ONNX Runtime, LiteRT and PyTorch sessions, and the process's memory."""
