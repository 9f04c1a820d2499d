"""The scene with a calibration board."""

import mujoco
import numpy as np
import pytest

from controllers.models import LEAN_RENDER_OFF
from robot_rl.compose import load_config
from robot_rl.drivers.sim import open_renderer
from robot_rl.errors import ConfigError
from robot_rl.make import make_env
from robot_rl.sim_parts import SimParts, build_parts
from robot_rl.tasks import make_task
from sim2real.charuco import Board, Finder

pytest.importorskip("cv2", reason="OpenCV is not installed: pip install 'robot_rl[opencv]'")
OTHER = "6x5:0.04:0.03:DICT_4X4_50"


def parts(*words: str) -> SimParts:
    config = load_config(["task=board", *words])
    return build_parts(config, make_task(config.task))


@pytest.mark.parametrize("robot", ["panda", "ur5e"])
@pytest.mark.parametrize(("mounted", "camera"), [("hand", "wrist"), ("world", "side")])
def test_the_camera_sees_the_board_from_where_the_tool_starts(robot: str, mounted: str, camera: str) -> None:
    scene = parts(f"robot={robot}", f"task.params.mounted={mounted}", f"task.params.board='{OTHER}'")
    model, board = scene.physics.model, Board.parse(OTHER)
    model.vis.global_.offwidth = 640
    renderer = open_renderer(model, 480, 640)
    renderer.update_scene(scene.physics.data, camera)
    for flag in LEAN_RENDER_OFF:
        renderer.scene.flags[flag] = 0
    seen = Finder(board).find(renderer.render())
    renderer.close()
    assert len(seen.ids) >= 12 and seen.is_spread


def test_a_board_weighs_nothing_and_touches_nothing() -> None:
    held, bare = parts("task.params.mounted=world").physics, parts("task.params.mounted=hand").physics
    tool = [physics.model.body_subtreemass[physics.model.body("hand").id] for physics in (held, bare)]
    assert tool[0] == pytest.approx(tool[1])
    geom = held.model.body("board").geomadr[0]
    assert held.model.geom_contype[geom] == held.model.geom_conaffinity[geom] == 0


def test_there_is_nothing_to_learn_but_an_arm_to_move() -> None:
    env = make_env(load_config(["task=board", "task.max_steps=3"]))
    env.reset(seed=0)
    _, reward, terminated, truncated, _ = env.step(np.zeros(env.action_space.shape, np.float32))
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert mujoco.mj_name2id(env.scene.world.model, mujoco.mjtObj.mjOBJ_BODY, "board") >= 0


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("task.params.bord=x", "did you mean board"),
        ("task.params.mounted=head", "allowed: hand, world"),
        ("task.params.board=8x6", "write it as"),
    ],
)
def test_a_scene_that_cannot_be_is_refused(word: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parts(word)
