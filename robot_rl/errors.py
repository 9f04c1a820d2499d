"""Every error a user can meet.

    RobotRLError
    ├── ConfigError      the request is wrong: unknown key, bad value, unusable folder (exit code 2)
    │   ├── PolicyError  the given file is not a policy of ours, is damaged, or belongs to another task
    │   └── DataError    the given log, demos or checkpoint are damaged, foreign, or of another version
    ├── HardwareError    a device cannot do what was asked
    │   ├── HeldError    the arm may not move now: somebody holds, stops or moves it
    │   ├── StaleError   a reading is older than allowed
    │   └── FaultError   the device has latched a fault; only a person clears it
    ├── StorageError     the disk does not take what must be kept
    ├── LinkError        actor and learner cannot work together, or do not reach each other
    ├── NonFiniteError   NaN or infinity where a finite number is required
    └── SimulationError  MuJoCo reported a warning, or time went backwards

Messages say what was wrong, the value, what is allowed, and what to do.
"""


class RobotRLError(Exception):
    """Base of all errors raised on purpose."""


class ConfigError(RobotRLError):
    """The request cannot be carried out as written."""


class PolicyError(ConfigError):
    """The given policy cannot be used."""


class DataError(ConfigError):
    """The given log, demonstrations or checkpoint cannot be used."""


class StorageError(RobotRLError):
    """The disk does not take what must be kept."""


class LinkError(RobotRLError):
    """Actor and learner cannot work together, or do not reach each other."""


class HardwareError(RobotRLError):
    """A device cannot do what was asked."""


class HeldError(HardwareError):
    """The arm may not move as asked."""


class StaleError(HardwareError):
    """A reading is older than allowed."""


class FaultError(HardwareError):
    """The device has latched a fault."""


class NonFiniteError(RobotRLError):
    """NaN or infinity where a finite number is required."""


class SimulationError(RobotRLError):
    """The physics engine reported something that makes the run worthless."""
