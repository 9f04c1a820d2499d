"""One file per device, each behind a protocol of `robot_rl.hardware`."""
