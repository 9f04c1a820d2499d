"""Arms as data: kinematics against the vendors' DH tables, limits, statics, the gripper."""

from dataclasses import fields
from pathlib import Path

import mujoco
import numpy as np
import pytest

from controllers.models import LEAN_RENDER_OFF, ArmLimits, SpeedCurve, arm_limits, arm_spec, home_q
from controllers.pose import Array

ARMS = ("panda", "ur5e")
HALF = np.pi / 2

# (a, alpha, d) per joint. Panda: modified (Craig) table, the flange as an eighth row. UR5e: standard table.
PANDA_DH = (
    (0.0, 0.0, 0.333),
    (0.0, -HALF, 0.0),
    (0.0, HALF, 0.316),
    (0.0825, HALF, 0.0),
    (-0.0825, -HALF, 0.384),
    (0.0, HALF, 0.0),
    (0.088, HALF, 0.0),
    (0.0, 0.0, 0.107),
)
UR5E_DH = (
    (0.0, HALF, 0.1625),
    (-0.425, 0.0, 0.0),
    (-0.3922, 0.0, 0.0),
    (0.0, HALF, 0.1333),
    (0.0, -HALF, 0.0997),
    (0.0, 0.0, 0.0996),
)

# A flange on a stiff three-axis gantry over a floor, with a cube of 40 mm and 50 g under it.
GANTRY = """<mujoco><option timestep="0.002"/><worldbody>
<geom name="floor" type="plane" size="1 1 .1"/>
<body pos="0 0 0.125"><inertial mass="5" pos="0 0 0" diaginertia=".1 .1 .1"/>
  <joint name="x" type="slide" axis="1 0 0" damping="400"/>
  <joint name="y" type="slide" axis="0 1 0" damping="400"/>
  <joint name="z" type="slide" axis="0 0 1" damping="400"/>
  <site name="flange" euler="180 0 0"/></body>
<body name="cube" pos="0 0 0.02"><freejoint/><geom type="box" size=".02 .02 .02" mass=".05"/></body>
</worldbody><actuator>
  <position joint="x" kp="40000"/><position joint="y" kp="40000"/><position joint="z" kp="40000"/>
</actuator></mujoco>"""


def about_x(a: float, alpha: float) -> Array:
    """Shift along x by `a`, turn about x by `alpha`."""
    c, s = np.cos(alpha), np.sin(alpha)
    return np.array([[1, 0, 0, a], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1.0]])


def about_z(d: float, theta: float) -> Array:
    """Shift along z by `d`, turn about z by `theta`."""
    c, s = np.cos(theta), np.sin(theta)
    return np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, d], [0, 0, 0, 1.0]])


def dh_flange(name: str, q_rad: Array) -> Array:
    """(4, 4) pose of the flange in the base."""
    pose = np.eye(4)
    if name == "panda":
        for (a, alpha, d), theta in zip(PANDA_DH, [*q_rad, 0.0], strict=True):
            pose = pose @ about_x(a, alpha) @ about_z(d, theta)
    else:
        for (a, alpha, d), theta in zip(UR5E_DH, q_rad, strict=True):
            pose = pose @ about_z(d, theta) @ about_x(a, alpha)
    return pose


def at_home(name: str, gripper: bool = True) -> tuple[mujoco.MjModel, mujoco.MjData]:
    model = arm_spec(name, gripper).compile()
    data = mujoco.MjData(model)
    home = home_q(name)
    data.qpos[: len(home)] = home
    mujoco.mj_forward(model, data)
    return model, data


@pytest.mark.parametrize("name", ARMS)
def test_flange_agrees_with_the_vendors_dh_table(name: str) -> None:
    model, data = at_home(name, gripper=False)
    limits, rng = arm_limits(name), np.random.default_rng(0)
    for _ in range(20):
        data.qpos[:] = rng.uniform(limits.q_min_rad, limits.q_max_rad)
        mujoco.mj_kinematics(model, data)
        expected, flange = dh_flange(name, data.qpos), data.site("flange")
        np.testing.assert_allclose(flange.xpos, expected[:3, 3], atol=1e-6)
        np.testing.assert_allclose(flange.xmat.reshape(3, 3), expected[:3, :3], atol=1e-6)


@pytest.mark.parametrize("name", ARMS)
def test_home_points_the_tool_straight_down_with_fingers_along_y(name: str) -> None:
    _, data = at_home(name)
    np.testing.assert_allclose(data.site("tcp").xmat.reshape(3, 3), np.diag([1.0, -1.0, -1.0]), atol=1e-6)
    x, y, z = data.site("tcp").xpos
    assert 0.3 <= x <= 0.5 and abs(y) < 1e-6 and 0.25 <= z <= 0.5
    np.testing.assert_allclose(np.linalg.norm(data.site("tcp").xpos - data.site("flange").xpos), 0.1034)


@pytest.mark.parametrize("name", ARMS)
def test_no_contact_at_home_even_on_a_table(name: str) -> None:
    spec = arm_spec(name)
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[1, 1, 0.1])
    model = spec.compile()
    data = mujoco.MjData(model)
    data.qpos[: len(home_q(name))] = home_q(name)
    mujoco.mj_forward(model, data)
    assert data.ncon == 0


@pytest.mark.parametrize("name", ARMS)
def test_distant_links_can_collide_and_neighbours_cannot(name: str) -> None:
    model, data = at_home(name)
    limits, rng = arm_limits(name), np.random.default_rng(0)
    low, high = np.maximum(limits.q_min_rad, -np.pi), np.minimum(limits.q_max_rad, np.pi)
    pairs: set[tuple[int, int]] = set()
    for _ in range(500):
        data.qpos[: len(low)] = rng.uniform(low, high)
        mujoco.mj_kinematics(model, data)
        mujoco.mj_collision(model, data)
        pairs |= {tuple(sorted(model.geom_bodyid[contact.geom])) for contact in data.contact}
    names = {tuple(model.body(body).name for body in pair) for pair in pairs}
    links = {pair for pair in names if all(body.startswith("link") for body in pair)}
    assert all(int(b[-1]) - int(a[-1]) >= 2 for a, b in links), sorted(links)
    assert any("hand" in pair for pair in names)


@pytest.mark.parametrize(("name", "mass_kg"), [("panda", 16.7), ("ur5e", 21.7)])
def test_masses_are_the_published_ones(name: str, mass_kg: float) -> None:
    bare, held = at_home(name, gripper=False)[0], at_home(name)[0]
    assert bare.body_mass.sum() == pytest.approx(mass_kg, abs=0.1)
    assert held.body_mass.sum() - bare.body_mass.sum() == pytest.approx(0.76)


@pytest.mark.parametrize("name", ARMS)
def test_model_and_table_give_the_same_limits(name: str) -> None:
    model, _ = at_home(name, gripper=False)
    limits = arm_limits(name)
    np.testing.assert_allclose(model.jnt_range, np.stack([limits.q_min_rad, limits.q_max_rad], axis=1))
    np.testing.assert_allclose(model.actuator_ctrlrange, np.outer(limits.tau_max_nm, [-1.0, 1.0]))
    joints = range(1, model.nv + 1)
    assert [model.joint(i).name for i in range(model.nv)] == [f"joint{i}" for i in joints]
    assert [model.actuator(i).name for i in range(model.nu)] == [f"motor{i}" for i in joints]


@pytest.mark.parametrize("name", [*ARMS, "fr3"])
def test_limits_are_complete_read_only_and_contain_home(name: str) -> None:
    limits, home = arm_limits(name), home_q(name)
    rows = {field.name: getattr(limits, field.name) for field in fields(ArmLimits) if field.name != "curve"}
    if limits.curve is not None:
        rows |= {f"q_{field.name}": getattr(limits.curve, field.name) for field in fields(SpeedCurve)}
    for row_name, row in rows.items():
        assert row.shape == home.shape and np.isfinite(row).all() and not row.flags.writeable
        assert row_name.startswith("q_") or (row > 0).all()
    assert not home.flags.writeable
    assert ((limits.q_min_rad < home) & (home < limits.q_max_rad)).all()


@pytest.mark.parametrize("name", ARMS)
def test_arm_stays_still_when_gravity_is_compensated(name: str) -> None:
    model, data = at_home(name)
    model.dof_frictionloss[:] = 0.0  # friction would hide a wrong torque
    joints = len(home_q(name))
    data.qpos[joints:] = 0.04
    data.ctrl[joints] = 0.08
    for _ in range(1000):
        mujoco.mj_step1(model, data)
        data.ctrl[:joints] = data.qfrc_bias[:joints]
        mujoco.mj_step2(model, data)
    np.testing.assert_allclose(data.qpos[:joints], home_q(name), atol=1e-5)
    assert (np.abs(data.qfrc_bias[:joints]) < 0.6 * arm_limits(name).tau_max_nm).all()


@pytest.mark.parametrize("name", ARMS)
def test_wrist_sensor_weighs_the_hand(name: str) -> None:
    model, data = at_home(name)
    joints = len(home_q(name))
    data.ctrl[:joints] = data.qfrc_bias[:joints]
    mujoco.mj_forward(model, data)
    # Hand z points down: the arm carries the weight along minus z. Its centre of mass is at x = -10 mm.
    np.testing.assert_allclose(data.sensor("wrist_force").data, [0.0, 0.0, -0.76 * 9.81], atol=1e-2)
    np.testing.assert_allclose(data.sensor("wrist_torque").data, [0.0, -0.01 * 0.73 * 9.81, 0.0], atol=1e-2)


@pytest.mark.parametrize("name", ARMS)
def test_models_are_cheap_to_draw(name: str) -> None:
    model, _ = at_home(name)
    assert model.ngeom <= 35 and model.nmesh == 0 and model.ntex == 0
    assert model.vis.quality.offsamples == 0
    assert mujoco.mjtRndFlag.mjRND_SHADOW in LEAN_RENDER_OFF


def test_wrist_camera_sees_both_fingertips() -> None:
    model, data = at_home("panda")
    camera = data.camera("wrist")
    half_view = np.tan(np.radians(model.camera("wrist").fovy[0] / 2))
    for point in (data.geom("finger1_pad").xpos, data.geom("finger2_pad").xpos, data.site("tcp").xpos):
        right, up, back = camera.xmat.reshape(3, 3).T @ (point - camera.xpos)
        assert back < 0.0
        assert max(abs(right), abs(up)) < -back * half_view


def test_unknown_arms_are_refused_with_the_known_names() -> None:
    with pytest.raises(ValueError, match=r"'Pandas'; known: panda, ur5e; nearest: panda"):
        arm_spec("Pandas")
    with pytest.raises(ValueError, match=r"'fr4'; known: fr3, panda, ur5e; nearest: fr3"):
        arm_limits("fr4")
    with pytest.raises(ValueError, match="known: panda, ur5e"):
        arm_spec("two_finger")
    with pytest.raises(ValueError, match="known: fr3, panda, ur5e"):
        home_q("no/such/arm.xml")


def test_an_arm_from_a_file_needs_a_flange(tmp_path: Path) -> None:
    path = tmp_path / "arm.xml"
    path.write_text('<mujoco><worldbody><body><geom size=".1"/><site name="tool0"/></body></worldbody></mujoco>')
    with pytest.raises(ValueError, match=r"no site 'flange'; its sites: \['tool0'\]"):
        arm_spec(str(path))


def test_arm_with_gripper_can_be_saved_and_loaded_without_a_warning() -> None:
    model, spec = at_home("panda")[0], arm_spec("panda")
    spec.compile()
    again = mujoco.MjModel.from_xml_string(spec.to_xml())
    assert (again.nq, again.nu, again.ngeom) == (model.nq, model.nu, model.ngeom)
    np.testing.assert_allclose(again.geom_friction, model.geom_friction)
    np.testing.assert_allclose(again.body_pos, model.body_pos, atol=1e-6)


def gantry(tmp_path: Path) -> tuple[mujoco.MjModel, mujoco.MjData]:
    path = tmp_path / "gantry.xml"
    path.write_text(GANTRY)
    model = arm_spec(str(path)).compile()
    data = mujoco.MjData(model)
    opened = [model.joint(f"finger_joint{i}").qposadr[0] for i in (1, 2)]
    data.qpos[opened] = 0.04
    return model, data


def opening_m(data: mujoco.MjData) -> float:
    return float(data.joint("finger_joint1").qpos[0] + data.joint("finger_joint2").qpos[0])


def test_gripper_closes_at_a_tenth_of_a_metre_per_second_and_opens_again(tmp_path: Path) -> None:
    model, data = gantry(tmp_path)
    data.joint("z").qpos[0] = data.actuator(2).ctrl[0] = 0.3
    speeds = []
    for wanted in (0.0, 0.08):
        data.actuator("gripper").ctrl[0] = wanted
        for _ in range(500):
            before = opening_m(data)
            mujoco.mj_step(model, data)
            speeds.append(abs(opening_m(data) - before) / 0.002)
        assert opening_m(data) == pytest.approx(wanted, abs=1e-3)
        apart = data.joint("finger_joint1").qpos[0] - data.joint("finger_joint2").qpos[0]
        assert abs(apart) < 2e-4
    assert 0.095 < max(speeds) < 0.105


def test_gripper_holds_a_cube_that_is_lifted_and_shaken(tmp_path: Path) -> None:
    model, data = gantry(tmp_path)
    cube, tcp = data.body("cube"), data.site("tcp")

    def run(seconds: float, lift_m: float, shake_m: float) -> None:
        for step in range(round(seconds / 0.002)):
            phase = 2 * np.pi * 2.0 * step * 0.002  # 2 Hz: 5 m/s2 at 3 cm
            data.ctrl[:3] = np.sin(phase * np.array([1.0, 1.5, 0.7])) * shake_m + [0, 0, lift_m]
            mujoco.mj_step(model, data)

    data.actuator("gripper").ctrl[0] = 0.0
    run(0.6, 0.0, 0.0)
    assert opening_m(data) == pytest.approx(0.04, abs=1e-3)
    pads = {model.geom("finger1_pad").id, model.geom("finger2_pad").id}
    squeeze = np.zeros(6)
    total = 0.0
    for index, contact in enumerate(data.contact):
        if pads & set(contact.geom):
            mujoco.mj_contactForce(model, data, index, squeeze)
            total += squeeze[0] / 2
    assert 30.0 < total < 60.0

    run(0.5, 0.2, 0.0)
    held = cube.xpos - tcp.xpos
    assert cube.xpos[2] > 0.15
    run(2.0, 0.2, 0.03)
    assert np.linalg.norm(cube.xpos - tcp.xpos - held) < 2e-3
    assert np.isclose(abs(cube.xquat[0]), 1.0, atol=1e-3)
    assert data.warning.number.sum() == 0


def test_only_the_fr3_has_a_speed_curve_and_it_ends_beyond_the_range() -> None:
    curve, limits = arm_limits("fr3").curve, arm_limits("fr3")
    assert arm_limits("panda").curve is None and arm_limits("ur5e").curve is None
    assert (curve.low_rad < limits.q_min_rad).all() and (curve.high_rad > limits.q_max_rad).all()
    assert (curve.offset_rad_s > 0).all() and (curve.gain > 0).all()


def test_a_curve_with_a_row_missing_is_refused(tmp_path: Path) -> None:
    home = "\n".join(
        line for line in Path("controllers/models/fr3.toml").read_text().splitlines() if "curve_gain" not in line
    )
    (tmp_path / "arm.toml").write_text(home)
    (tmp_path / "arm.xml").write_text("<mujoco/>")
    with pytest.raises(ValueError, match=r"missing \['curve_gain'\]"):
        arm_limits(str(tmp_path / "arm.xml"))
