"""`python -m robot_rl.cell socket=PATH [KEY=VALUE ...]`: settings in process.py (`CellConfig`)."""

import os
import signal
import sys

from robot_rl.processes import TIED, signal_at_parents_end

if os.environ.get(TIED):
    signal_at_parents_end(signal.SIGKILL)  # until it can look at its parent by itself (`End` in process.py)

from robot_rl.cell.spawn import PINNED

# Read when NumPy is imported: its helper threads would take the processor from the loop.
for name in PINNED:
    os.environ.setdefault(name, "1")

from robot_rl.cell.process import load, run  # noqa: E402
from robot_rl.errors import ConfigError, HardwareError  # noqa: E402


def main() -> int:
    """Exit code: 0 at rest and told to, 1 for a robot that is not ready or gone, 2 for settings that cannot be used.

    With real motors the process ends here and now: a vendor's library may hang in its own clean-up.
    """
    real, code = False, 0
    try:
        config = load(sys.argv[1:])
        real = config.robot.driver != "sim"
        run(config)
    except (ConfigError, HardwareError) as error:
        sys.stderr.write(f"error: {error}\n")
        code = 2 if isinstance(error, ConfigError) else 1
    if real:
        sys.stderr.flush()
        os._exit(code)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
