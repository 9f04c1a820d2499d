"""The drives of an arm that stands in a task's scene."""

from typing import Literal

from controllers.pose import Array
from robot_rl.cell.motors import Reading
from robot_rl.drivers.sim_scene import ScenePhysics
from robot_rl.operator import Finding


class SceneMotors:
    """`Motors` over a scene: every `apply` is one control period of its physics."""

    kind: Literal["torque"] = "torque"
    simulated = True
    lost = ""

    def __init__(self, physics: ScenePhysics) -> None:
        self._physics = physics

    def read(self) -> Reading:
        data, n = self._physics.data, self._physics.joints
        return Reading(data.qpos[:n].copy(), data.qvel[:n].copy(), self._physics.wrench())

    def apply(self, values: Array) -> None:
        """Torques (n,) in Nm. Raises SimulationError when the physics is worthless from here on."""
        self._physics.step(values)

    def objections(self, now_s: float) -> tuple[Finding, ...]:
        return ()

    def clear(self) -> None:
        """Nothing to take up."""

    def close(self) -> None:
        """Nothing to release."""
