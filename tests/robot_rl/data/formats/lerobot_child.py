"""Runs inside an environment of LeRobot's own: `python lerobot_child.py DATASET OUT.npz` writes what LeRobot reads."""

import sys

import numpy as np
import torch

# torchvision's wheel from PyPI is built for CUDA: beside a CPU build of torch its operators do not load, and without
# their names it cannot be imported. LeRobot's reader calls neither.
_names = torch.library.Library("torchvision", "DEF")
_names.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
_names.define(
    "roi_align(Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width, "
    "int sampling_ratio, bool aligned) -> Tensor"
)

from lerobot.datasets.lerobot_dataset import LeRobotDataset  # noqa: E402  (it imports torchvision)


def main(folder: str, out: str) -> None:
    """One array per feature, a row per frame, and the tasks."""
    data = LeRobotDataset("local/exported", root=folder, video_backend="pyav", tolerance_s=1e-4)
    rows = [data[k] for k in range(len(data))]
    numbers = [key for key, value in rows[0].items() if isinstance(value, torch.Tensor)]
    columns = {key: np.stack([row[key].numpy() for row in rows]) for key in numbers}
    loader = torch.utils.data.DataLoader(data, batch_size=7)
    batched = torch.cat([batch["observation.state"] for batch in loader]).numpy()
    pairs = LeRobotDataset("local/exported", root=folder, video_backend="pyav", delta_timestamps={"action": [0.0, 0.1]})
    actions = np.stack([pairs[k]["action"].numpy() for k in range(len(pairs))])
    extra = {"tasks": [row["task"] for row in rows], "batched": batched, "pairs": actions}
    stats = {f"stats/{key}": value["mean"] for key, value in data.meta.stats.items()}
    np.savez(out, episodes=data.num_episodes, **columns, **extra, **stats)


if __name__ == "__main__":
    main(*sys.argv[1:])
