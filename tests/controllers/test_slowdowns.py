"""Slower near singularities, near the arm itself and near the table; the way out is always open."""

import mujoco
import numpy as np
import pytest

from controllers.kinematics import ArmModel
from controllers.limits import HalfSpace
from controllers.models import arm_spec, home_q
from controllers.pose import Pose
from controllers.records import ArmState
from controllers.slowdowns import FLOOR, Clearance, Singularity, _joints_below, _tool_bodies, condition_number
from tests.controllers.parts import arm_model, state_at

UP = np.array([0.0, 0.0, 1.0])
TABLE = HalfSpace(UP, 0.0)


def at(model: ArmModel, q: np.ndarray) -> tuple[Pose, ArmState]:
    model.update(q, 0 * q)
    return model.tcp(), state_at(model.tcp(), q)


def bent(elbow_rad: float) -> np.ndarray:
    """A UR5e whose elbow is this far from straight."""
    q = home_q("ur5e").copy()
    q[2] = -elbow_rad
    return q


def number(model: ArmModel, q: np.ndarray) -> float:
    at(model, q)
    return condition_number(model.jacobian)


def elbow_for(model: ArmModel, wanted: float) -> float:
    low, high = 0.01, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if number(model, bent(middle)) > wanted else (low, middle)
    return high


def radial(model: ArmModel, q: np.ndarray, metres: float) -> tuple[Pose, ArmState]:
    """A step that stretches the arm (or folds it, when negative): what a small change of the elbow does to the tool."""
    straight = q.copy()
    straight[2] += 1e-3
    (ahead, _), (here, state) = at(model, straight), at(model, q)
    way = ahead.position_m - here.position_m
    return Pose(here.position_m + metres * way / np.linalg.norm(way), here.quat_wxyz), state


def test_the_condition_number_is_that_of_linear_algebra() -> None:
    jac = np.random.default_rng(0).normal(size=(6, 7))
    assert condition_number(jac) == pytest.approx(np.linalg.cond(jac))
    jac[3] = 0.0
    assert condition_number(np.zeros((6, 6))) == np.inf and condition_number(jac) > 1e12


def share_near(wanted: float, metres: float) -> tuple[float, float, float]:
    """Share of a step near this condition number, and the numbers at both its ends."""
    model = arm_model("ur5e")
    slow = Singularity(model)
    q = bent(elbow_for(model, wanted))
    target, state = radial(model, q, metres)
    here = condition_number(model.jacobian)
    ahead = number(model, q + model.joint_step(state.tcp, target))
    at(model, q)
    return slow.share(target, state), here, ahead


@pytest.mark.parametrize("wanted", [8.0, 12.0, 16.0])
def test_far_from_a_singularity_motion_is_free(wanted: float) -> None:
    for metres in (0.001, -0.001):
        assert share_near(wanted, metres)[0] == 1.0


@pytest.mark.parametrize("wanted", [18.0, 22.0, 26.0, 29.0])
def test_approaching_falls_on_a_line_judged_where_the_step_ends(wanted: float) -> None:
    share, here, ahead = share_near(wanted, 1e-4)
    assert 17.0 < here < ahead < 30.0
    assert share == pytest.approx(1.0 - (1.0 - FLOOR) * (ahead - 17.0) / 13.0)


@pytest.mark.parametrize("wanted", [24.0, 29.0, 40.0, 400.0])
def test_leaving_has_twice_the_share_and_is_never_held(wanted: float) -> None:
    share, here, ahead = share_near(wanted, -1e-4)
    assert ahead < here
    assert share == pytest.approx(min(1.0, 2.0 * max(FLOOR, 1.0 - (1.0 - FLOOR) * (here - 17.0) / 13.0)))


@pytest.mark.parametrize("wanted", [30.5, 50.0])
def test_beyond_the_end_nothing_goes_further(wanted: float) -> None:
    assert share_near(wanted, 1e-4)[0] == 0.0


class Numbers:
    """A model whose Jacobian has a given condition number, here and ahead."""

    def __init__(self, number: float) -> None:
        self.jacobian = np.diag([number, 1.0, 1.0, 1.0, 1.0, 1.0])

    def update(self, q: np.ndarray, dq: np.ndarray) -> None: ...

    def joint_step(self, start: Pose, end: Pose) -> np.ndarray:
        return np.zeros(7)


@pytest.mark.parametrize(
    ("here", "ahead", "share"),
    [
        (10.0, 17.0, 1.0),
        (40.0, 17.0, 1.0),
        (17.0, np.nextafter(17.0, 18.0), 1.0),
        (20.0, 20.0, 1.0 - 0.9 * 3 / 13),
        (np.nextafter(0.6 * 17.0, 11.0), 23.5, 0.55),
        (0.6 * 17.0, 23.5, 1.0),
        (10.0, 23.5, 1.0),
        (23.5, 23.0, 1.0),
        (26.75, 26.0, 0.65),
        (29.0, np.nextafter(30.0, 29.0), FLOOR),
        (29.0, 30.0, 0.0),
        (50.0, 50.0, 0.0),
        (50.0, 49.0, 2 * FLOOR),
    ],
)
def test_each_corner_of_the_rule(here: float, ahead: float, share: float) -> None:
    slow = Singularity(arm_model())
    slow._model, slow._probe = Numbers(here), Numbers(ahead)
    pose = Pose.of([0.4, 0.0, 0.3])
    assert slow.share(pose, state_at(pose)) == pytest.approx(share, abs=1e-9)


def test_a_singularity_may_begin_anywhere_above_one() -> None:
    pose, slow = Pose.of([0.4, 0.0, 0.3]), Singularity(arm_model(), 1.5, 2.0)
    slow._model, slow._probe = Numbers(1.6), Numbers(1.75)
    assert slow.share(pose, state_at(pose)) == pytest.approx(0.55)


@pytest.mark.parametrize(
    ("start", "stop"),
    [(1.0, 30.0), (0.5, 30.0), (17.0, 17.0), (30.0, 17.0), (17.0, float("inf")), (np.nan, 30.0), (17.0, np.nan)],
)
def test_thresholds_that_make_no_line_are_refused(start: float, stop: float) -> None:
    with pytest.raises(ValueError, match="needs 1 < start < stop"):
        Singularity(arm_model(), start, stop)


# Clearance


def clear(name: str, scene: tuple[HalfSpace, ...] = ()) -> tuple[ArmModel, Clearance]:
    model = arm_model(name)
    return model, Clearance(model, home_q(name), scene)


@pytest.mark.parametrize("name", ["panda", "ur5e"])
def test_at_home_above_a_table_motion_is_free(name: str) -> None:
    model, clearance = clear(name, (TABLE,))
    here, state = at(model, home_q(name))
    assert clearance.share(here.moved(np.array([0.0, 0.0, 0.02]), np.zeros(3)), state) == 1.0


def folded(name: str = "panda") -> tuple[np.ndarray, np.ndarray]:
    """Two postures with the hand near the base, 11 to 19 mm of it, the second nearer."""
    _, clearance = clear(name)
    rng = np.random.default_rng(1)
    for _ in range(10_000):
        q = home_q(name) + rng.uniform(-1.2, 1.2, len(home_q(name)))
        near, _ = clearance.distances_m(q)
        if not 0.012 < near < 0.018:
            continue
        for joint in range(len(q)):
            closer = q.copy()
            closer[joint] += 1e-3
            if 0.011 < clearance.distances_m(closer)[0] < near - 1e-4:
                return q, closer
    raise AssertionError("no such postures")


def joint_move(model: ArmModel, q: np.ndarray, closer: np.ndarray) -> tuple[Pose, ArmState]:
    """A target from `q` whose first-order joint step is close to that way."""
    target, _ = at(model, closer)
    _, state = at(model, q)
    return target, state


def test_nearing_itself_slows_and_widening_is_free() -> None:
    model, clearance = clear("ur5e")
    _, probe = clear("ur5e")
    q, closer = folded("ur5e")
    for start, end in ((q, closer), (closer, q)):
        target, state = joint_move(model, start, end)
        before, after = probe.distances_m(start)[0], probe.distances_m(start + model.joint_step(state.tcp, target))[0]
        expected = 1.0 if after >= before else (after - 0.01) / 0.01
        assert clearance.share(target, state) == pytest.approx(expected)
        assert (after < before) is (start is q)


class Distances(Clearance):
    """A clearance whose distances are given, here and ahead."""

    def __init__(self, here: tuple[float, list[float]], ahead: tuple[float, list[float]]) -> None:
        self._answers = [ahead, here]
        self._model = Numbers(1.0)

    def distances_m(self, q_rad: np.ndarray) -> tuple[float, np.ndarray]:
        near, far = self._answers.pop(0)
        return near, np.array(far)


@pytest.mark.parametrize(
    ("here", "ahead", "share"),
    [
        ((np.inf, []), (0.02, []), 1.0),
        ((np.inf, []), (0.015, []), 0.5),
        ((0.018, []), (0.01, []), 0.0),
        ((0.018, []), (-0.01, []), 0.0),
        ((0.005, []), (0.005, []), 1.0),
        ((0.005, []), (0.005 - 2e-9, []), 0.0),
        ((0.005, []), (0.005 - 1e-9, []), 1.0),
        ((0.005, []), (0.006, []), 1.0),
        ((0.03, [0.04]), (0.025, [0.04]), 1.0),
        ((np.inf, [0.02]), (np.inf, [0.02 - 1e-9]), 1.0),
        ((np.inf, [0.02]), (np.inf, [0.02 - 2e-9]), 0.25),
        ((np.inf, [0.2]), (np.inf, [0.05]), 1.0),
        ((np.inf, [0.2]), (np.inf, [0.03]), 0.5),
        ((np.inf, [0.02, 0.2]), (np.inf, [0.03, 0.04]), 0.75),
        ((np.inf, [0.02, 0.2]), (np.inf, [0.02, 0.06]), 1.0),
        ((np.inf, [0.02, 0.04]), (0.015, [0.021, 0.02]), 0.25),
        ((np.inf, [0.2]), (np.inf, [np.nan]), 0.0),
        ((np.inf, []), (np.nan, []), 0.0),
    ],
)
def test_each_distance_slows_only_while_it_shrinks(here: tuple, ahead: tuple, share: float) -> None:
    pose = Pose.of([0.4, 0.0, 0.3])
    assert Distances(here, ahead).share(pose, state_at(pose)) == pytest.approx(share)


@pytest.mark.parametrize("ahead", [(0.02, [0.05]), (0.02, []), (0.025, [0.06])])
def test_far_from_everything_it_looks_at_the_target_only(ahead: tuple) -> None:
    pose = Pose.of([0.4, 0.0, 0.3])
    clearance = Distances((0.03, [0.07]), ahead)
    assert clearance.share(pose, state_at(pose)) == 1.0 and len(clearance._answers) == 1


@pytest.mark.parametrize(("offset_m", "near"), [(0.0, True), (-0.5, False)])
def test_distances_to_a_plane_are_those_of_mujoco_and_from_afar_never_more(offset_m: float, near: bool) -> None:
    """Against mj_geomDistance and a plane in a model of its own."""
    spec, tilted = arm_spec("ur5e"), HalfSpace(np.array([0.6, 0.0, 0.8]), offset_m)
    half = np.arctan2(0.6, 0.8) / 2
    quat = [np.cos(half), 0.0, np.sin(half), 0.0]
    spec.worldbody.add_geom(
        name="plane", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[5, 5, 0.1], quat=quat, pos=offset_m * tilted.normal
    )
    other = spec.compile()
    data = mujoco.MjData(other)
    model, clearance = clear("ur5e", (tilted,))
    names = [model.model.geom(int(geom)).name for geom in clearance._links]
    rng = np.random.default_rng(0)
    for _ in range(10):
        q = home_q("ur5e") + rng.uniform(-0.5, 0.5, 6)
        data.qpos[:6] = q
        mujoco.mj_kinematics(other, data)
        theirs = [
            mujoco.mj_geomDistance(other, data, other.geom(n).id, other.geom("plane").id, 9.0, None) for n in names
        ]
        ours = clearance.distances_m(q)[1]
        assert (min(theirs) < Clearance.SCENE_SLOW_M) is near
        if near:
            np.testing.assert_allclose(ours, theirs, atol=1e-6)
        else:  # by spheres perhaps: never farther than it is
            assert (ours <= np.array(theirs) + 1e-6).all() and ours.min() >= Clearance.SCENE_SLOW_M
            assert (ours < np.array(theirs) - 1e-3).any()


def test_the_tool_is_not_held_off_the_table_and_the_base_is_not_either() -> None:
    model, clearance = clear("panda", (TABLE,))
    bodies = {model.model.body(int(model.model.geom_bodyid[geom])).name for geom in clearance._links}
    assert bodies == {f"link{k}" for k in range(1, 8)}


def test_joints_that_move_a_body_are_counted_up_to_the_gripper_s() -> None:
    model = arm_model("panda")
    count, tool = _joints_below(model), _tool_bodies(model)
    joints = {model.model.body(k).name: int(count[k]) for k in range(model.model.nbody)}
    assert {joints[f"link{k}"] - k for k in range(8)} == {0} and joints["world"] == 0
    assert all(joints[model.model.body(int(k)).name] == 7 for k in np.flatnonzero(tool))
    assert tool.sum() >= 3, "the hand and two fingers"


ONE_LINK = """<mujoco><worldbody><geom name="floor" type="box" size="1 1 .1" pos="0 0 -9"/>
<body name="link"><joint axis="0 1 0"/><geom name="ball" size=".25" {solid}/><body name="hand"><site name="tcp"/></body>
</body></worldbody></mujoco>"""


@pytest.mark.parametrize(
    ("solid", "looked_at"),
    [
        ("", True),
        ('contype="1" conaffinity="0"', True),
        ('contype="0" conaffinity="2"', True),
        ('contype="0" conaffinity="0"', False),
    ],
)
def test_links_that_can_touch_or_be_touched_are_kept_off_the_scene(solid: str, looked_at: bool) -> None:
    model = ArmModel(mujoco.MjSpec.from_string(ONE_LINK.format(solid=solid)).compile(), 1)
    clearance = Clearance(model, np.zeros(1))
    assert [model.model.geom(int(geom)).name for geom in clearance._links] == ["ball"] * looked_at


@pytest.mark.parametrize(("offset_m", "refused"), [(-0.25, True), (np.nextafter(-0.25, -1.0), False)])
def test_a_link_that_touches_the_scene_at_home_is_refused(offset_m: float, refused: bool) -> None:
    model = ArmModel(mujoco.MjSpec.from_string(ONE_LINK.format(solid="")).compile(), 1)
    if refused:
        with pytest.raises(ValueError, match=r"a link is 0\.000 m from a half-space"):
            Clearance(model, np.zeros(1), (HalfSpace(UP, offset_m),))
    else:
        assert 0.0 < Clearance(model, np.zeros(1), (HalfSpace(UP, offset_m),)).distances_m(np.zeros(1))[1][0] < 1e-15


def test_every_primitive_reaches_as_far_as_it_does() -> None:
    kinds = {"sphere": ".1", "capsule": ".1 .2", "cylinder": ".1 .2", "box": ".1 .2 .3", "ellipsoid": ".1 .2 .3"}
    geoms = "".join(f'<geom name="{kind}" type="{kind}" size="{size}"/>' for kind, size in kinds.items())
    spec = mujoco.MjSpec.from_string(
        f'<mujoco><worldbody><body name="link"><joint axis="0 1 0"/>{geoms}<body name="hand"><site name="tcp"/></body>'
        "</body></worldbody></mujoco>"
    )
    model = ArmModel(spec.compile(), 1)
    clearance = Clearance(model, np.zeros(1), (HalfSpace(UP, -0.31),))
    order = [model.model.geom(int(geom)).name for geom in clearance._links]
    upright = dict(zip(order, 0.31 - clearance.distances_m(np.zeros(1))[1], strict=True))
    lying = dict(zip(order, 0.31 - clearance.distances_m(np.array([np.pi / 2]))[1], strict=True))
    assert upright == pytest.approx({"sphere": 0.1, "capsule": 0.3, "cylinder": 0.2, "box": 0.3, "ellipsoid": 0.3})
    assert lying == pytest.approx({"sphere": 0.1, "capsule": 0.1, "cylinder": 0.1, "box": 0.1, "ellipsoid": 0.3})


def test_pairs_that_are_close_at_home_are_neighbours() -> None:
    model = arm_model("ur5e")
    q, _ = folded("ur5e")
    assert Clearance(model, home_q("ur5e")).distances_m(q)[0] < 0.02
    assert Clearance(model, q).distances_m(q)[0] == np.inf


TWO_LINKS = """<mujoco><worldbody><geom name="pillar" size=".1" pos="0 .3 .5"/><body>
<joint axis="0 0 1"/><geom name="wing" size=".1" pos="0 -.3 0"/><body><joint axis="0 0 1"/><geom size=".01"/><body>
<site name="tcp"/><body name="finger"><joint type="slide" axis="1 0 0"/><geom size=".1" pos=".3 0 {height}"/></body>
</body></body></body></worldbody></mujoco>"""


@pytest.mark.parametrize(("height", "quarter", "near"), [(0.0, -1, False), (0.5, 1, True)])
def test_parts_with_one_joint_between_them_are_neighbours_and_with_two_are_not(
    height: float, quarter: int, near: bool
) -> None:
    model = ArmModel(mujoco.MjSpec.from_string(TWO_LINKS.format(height=height)).compile(), 2)
    clearance = Clearance(model, np.zeros(2))
    assert clearance.distances_m(np.zeros(2))[0] == np.inf
    met = clearance.distances_m(np.array([0.0, quarter * np.pi / 2]))[0]
    assert met == (pytest.approx(-0.2) if near else np.inf)


def test_a_scene_that_the_arm_stands_in_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a link is -0\.\d+ m from a half-space at the home pose; allowed: above 0"):
        clear("panda", (HalfSpace(UP, 0.3),))
