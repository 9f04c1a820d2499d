"""Before NumPy and MuJoCo are imported: one thread each, and pictures without a screen."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MUJOCO_GL", "egl")
