"""Arms as data: MuJoCo models made of primitives, their limits and their home pose.

Lean pictures: the models set `offsamples=0` and coarse primitives; whoever renders should also clear the
flags in `LEAN_RENDER_OFF` on `renderer.scene.flags`, the shadow map above all. Together that is about 1 ms
of CPU instead of 45 ms for a 128x128 picture without a GPU.
"""

import difflib
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from controllers.pose import Array, frozen

LEAN_RENDER_OFF = (
    mujoco.mjtRndFlag.mjRND_SHADOW,
    mujoco.mjtRndFlag.mjRND_REFLECTION,
    mujoco.mjtRndFlag.mjRND_SKYBOX,
    mujoco.mjtRndFlag.mjRND_HAZE,
)

_FOLDER = Path(__file__).parent
_GRIPPER = "two_finger"


@dataclass(frozen=True, slots=True)
class SpeedCurve:
    """A vendor's own limit of joint speed near the ends of the range: dq <= -offset + sqrt(gain (end - q))."""

    low_rad: Array
    high_rad: Array
    """Where the curve ends, a little beyond the range."""
    offset_rad_s: Array
    gain: Array
    """rad/s2"""


@dataclass(frozen=True, slots=True)
class ArmLimits:
    """What the vendor allows, one read-only (n,) array per quantity; sources in the TOML files."""

    q_min_rad: Array
    q_max_rad: Array
    dq_max_rad_s: Array
    ddq_max_rad_s2: Array
    dddq_max_rad_s3: Array
    tau_max_nm: Array
    curve: SpeedCurve | None = None
    """From the optional rows `curve_...` of the TOML file."""


ROWS = tuple(field.name for field in fields(ArmLimits) if field.name != "curve")
CURVE = tuple(field.name for field in fields(SpeedCurve))


def arm_limits(name: str) -> ArmLimits:
    """Limits of the arm `name`; ValueError naming the known arms when there is none."""
    data = _data(name)
    curve = SpeedCurve(**{name: _row(data[f"curve_{name}"]) for name in CURVE}) if "curve_gain" in data else None
    return ArmLimits(**{name: _row(data[name]) for name in ROWS}, curve=curve)


def home_q(name: str) -> Array:
    """(n,) home configuration in rad, read-only: tool straight down in front of the arm."""
    return _row(_data(name)["q_home_rad"])


def arm_spec(name_or_path: str, gripper: bool = True) -> mujoco.MjSpec:
    """Arm as an editable MuJoCo spec, with the two-finger gripper bolted on unless `gripper` is false.

    `name_or_path` is an arm of this package or an MJCF file that has a site `flange`. The gripper goes to the
    site `gripper_mount` if there is one (the vendor's own bolt pattern), else to `flange`. It brings, with no
    prefix: body `hand`, site `tcp`, camera `wrist`, joints `finger_joint1` and `finger_joint2`, actuator
    `gripper` (total opening in m), sensors `wrist_force` (N) and `wrist_torque` (Nm).
    """
    arm = mujoco.MjSpec.from_file(str(_model_file(name_or_path)))
    mount = arm.site("gripper_mount") or arm.site("flange")
    if mount is None:
        sites = sorted(site.name for site in arm.sites)
        raise ValueError(f"{name_or_path!r} has no site 'flange'; its sites: {sites}")
    # Grasping needs all three, and the spec of an arm from elsewhere need not have them.
    arm.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    arm.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    arm.option.impratio = 10.0
    arm.visual.quality.offsamples = 0
    if not gripper:
        return arm
    return _attached(arm, mujoco.MjSpec.from_file(str(_FOLDER / f"{_GRIPPER}.xml")), mount)


def _attached(arm: mujoco.MjSpec, child: mujoco.MjSpec, site: mujoco.MjsSite) -> mujoco.MjSpec:
    """The arm with `child` at `site`, the names of the child unchanged.

    MuJoCo warns that such a spec *may* not be saved, in a log file in the working directory and again at
    every compilation of the same spec (not of a copy). Saving does work here, as the default classes of arm
    and gripper have different names; a test saves and reloads.
    """
    handler = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(lambda _: None)
    try:
        arm.attach(child, site=site, prefix="")
    finally:
        mujoco.set_mju_user_warning(handler)
    return arm.copy()


def _model_file(name_or_path: str) -> Path:
    """An existing file, or the model of a known arm."""
    if _is_file(name_or_path):
        return Path(name_or_path)
    names = sorted(path.stem for path in _FOLDER.glob("*.xml") if path.stem != _GRIPPER)
    return _FOLDER / f"{_known(name_or_path, names)}.xml"


def _data(name: str) -> dict[str, Any]:
    """Limits and home pose of an arm of this package, or of the TOML file beside an arm's own MJCF file.

    Raises ValueError naming what is missing or does not fit.
    """
    path = Path(name).with_suffix(".toml")
    if not _is_file(name):
        path = _FOLDER / f"{_known(name, sorted(file.stem for file in _FOLDER.glob('*.toml')))}.toml"
    elif not path.is_file():
        raise ValueError(f"there is no {path} with the arm's limits and home pose; see controllers/models/ur5e.toml")
    data = tomllib.loads(path.read_text())
    curve = [f"curve_{name}" for name in CURVE]
    rows = ["q_home_rad", *ROWS, *(curve if set(curve) & set(data) else [])]
    missing = [row for row in rows if row not in data]
    lengths = {row: len(data[row]) for row in rows if row in data}
    if missing or len(set(lengths.values())) > 1:
        raise ValueError(f"{path}: missing {missing}, entries {lengths}; every row needs one number per joint")
    return data


def _is_file(name: str) -> bool:
    return name.endswith(".xml") and Path(name).is_file()


def _known(name: str, names: list[str]) -> str:
    if name in names:
        return name
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.0)
    raise ValueError(f"no arm {name!r}; known: {', '.join(names)}; nearest: {near[0]}")


def _row(values: list[float]) -> Array:
    return frozen(np.array(values, dtype=np.float64))
