"""The drives of an arm that stands in a task's scene."""

from controllers.pose import Array
from robot_rl.cell.motors import Reading
from robot_rl.drivers.sim_scene import ScenePhysics


class SceneMotors:
    """`Motors` over a scene: every `apply` is one control period of its physics."""

    simulated = True

    def __init__(self, physics: ScenePhysics) -> None:
        self._physics = physics

    def read(self) -> Reading:
        data, n = self._physics.data, self._physics.joints
        return Reading(data.qpos[:n].copy(), data.qvel[:n].copy(), self._physics.wrench())

    def apply(self, tau_nm: Array) -> None:
        """Raises SimulationError when the physics is worthless from here on."""
        self._physics.step(tau_nm)

    def close(self) -> None:
        """Nothing to release."""
