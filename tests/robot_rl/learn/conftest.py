"""Torch on one thread: more would only wait for each other at these sizes."""

import torch

torch.set_num_threads(1)
