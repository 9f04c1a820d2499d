"""`python -m robot_rl.cell socket=PATH [KEY=VALUE ...]`: settings in process.py (`CellConfig`)."""

import os
import sys

from robot_rl.cell.spawn import PINNED

# Read when NumPy is imported: its helper threads would take the processor from the loop.
for name in PINNED:
    os.environ.setdefault(name, "1")

from robot_rl.cell.process import load, run  # noqa: E402
from robot_rl.errors import ConfigError  # noqa: E402


def main() -> int:
    """Exit code: 0 at rest and told to, 2 for settings that cannot be used."""
    try:
        run(load(sys.argv[1:]))
    except ConfigError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
