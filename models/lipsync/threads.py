"""Import before NumPy and PyTorch: one thread each. OpenBLAS otherwise starts one for
every core, which on a busy machine wait for each other for nine tenths of the time."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
