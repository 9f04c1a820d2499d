"""Episodes made of nothing, of every kind that can be recorded."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from controllers.pose import Pose, frozen
from controllers.records import ArmState
from robot_rl.types import Episode, Frame, Image, Source, Transition

HZ = 10.0


def arm(rng: np.random.Generator, stamp_s: float) -> ArmState:
    six, three = rng.normal(size=6), rng.normal(size=(5, 3))
    tcp = Pose.of(three[0], rng.normal(size=4))
    return ArmState(stamp_s, frozen(six), frozen(-six), tcp, *(frozen(v) for v in three[1:]))


def picture(rng: np.random.Generator, size: tuple[int, int], offset: float) -> Image:
    """Smooth, little colour, other than at the step before: what video was made for."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    wave = 127 + 90 * np.sin((rows + 2 * columns + 3 * offset) / 9)
    tint = 30 * np.sin((rows / 20 + offset)[..., None] + np.arange(3))
    return np.clip(wave[..., None] + tint + rng.integers(-2, 3, (*size, 3)), 0, 255).astype(np.uint8)


def actions(rng: np.random.Generator, steps: int, size: int) -> NDArray[np.float32]:
    return np.clip(0.4 + 0.1 * rng.normal(size=(steps, size)), -1, 1).astype(np.float32)


def episode(
    steps: int = 6,
    seed: int = 0,
    *,
    state: int = 4,
    action: int = 3,
    success: bool = True,
    ends: bool = True,
    cameras: tuple[str, ...] = (),
    size: tuple[int, int] = (32, 48),
    with_arm: bool = True,
) -> Episode:
    """An episode under no name, with something in every field."""
    rng = np.random.default_rng([seed, steps])
    moves, frames, start_s = actions(rng, steps, action), [], float(rng.uniform(0, 100))
    for k in range(steps + 1):
        last = ends and k == steps
        transition = Transition(
            requested=np.clip(moves[k - 1] * 1.5, -1, 1),
            executed=moves[k - 1],
            source=Source(k % 3),
            reward=float(last and success),
            terminated=last and success,
            truncated=last and not success,
            success=last and success,
            duration_s=1 / HZ,
            gripper_changed=k == 2,
            reasons=("box", "step") if k == 3 else (),
            policy_version=k,
            success_probability=0.25 if k % 2 else None,
        )
        stamp_s = start_s + k / HZ
        frames.append(
            Frame(
                actor="",
                sequence=0,
                episode=0,
                step=k,
                seed=seed,
                stamp_s=stamp_s,
                state=rng.normal(size=state).astype(np.float32),
                transition=transition if k else None,
                images={camera: picture(rng, size, k + 5 * c + 2.3 * seed) for c, camera in enumerate(cameras)},
                arm=arm(rng, stamp_s) if with_arm else None,
            )
        )
    return Episode(frames)


def named(episodes: list[Episode], actor: str = "actor") -> list[Frame]:
    """The frames of episodes as one actor would have numbered them."""
    frames = [replace(f, actor=actor, episode=number) for number, e in enumerate(episodes) for f in e.frames]
    return [replace(frame, sequence=sequence) for sequence, frame in enumerate(frames)]


def assert_same(one: Episode, other: Episode, *, pictures: float = 0.0) -> None:
    """Equal in everything but the name; pictures differ by at most `pictures` grey values on average."""
    assert len(one) == len(other)
    for a, b in zip(one.frames, other.frames, strict=True):
        assert (a.step, a.seed, a.stamp_s) == (b.step, b.seed, b.stamp_s)
        assert a.state.dtype == b.state.dtype and np.array_equal(a.state, b.state)
        assert_same_transition(a.transition, b.transition)
        assert_same_arm(a.arm, b.arm)
        assert a.images.keys() == b.images.keys()
        for camera, image in a.images.items():
            assert image.shape == b.images[camera].shape and b.images[camera].dtype == np.uint8
            assert np.abs(image.astype(float) - b.images[camera]).mean() <= pictures


def assert_same_transition(one: Transition | None, other: Transition | None) -> None:
    if one is None or other is None:
        assert one is other
        return
    for name in ("requested", "executed"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
        assert getattr(other, name).dtype == np.float32
    blank = {"requested": np.zeros(0), "executed": np.zeros(0)}
    assert str(replace(one, **blank)) == str(replace(other, **blank))


def assert_same_arm(one: ArmState | None, other: ArmState | None) -> None:
    if one is None or other is None:
        assert one is other
        return
    assert one.stamp_s == other.stamp_s
    for name in ("q_rad", "dq_rad_s", "linear_m_s", "angular_rad_s", "force_n", "torque_nm"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
    assert np.array_equal(one.tcp.position_m, other.tcp.position_m)
    assert np.array_equal(one.tcp.quat_wxyz, other.tcp.quat_wxyz)
