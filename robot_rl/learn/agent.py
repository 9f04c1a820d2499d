"""What every learner has: an actor, perhaps a gripper network, and the way they act."""

import math
from collections.abc import Iterator

import numpy as np
import torch

from robot_rl.config import LearnerConfig
from robot_rl.data.replay import Block
from robot_rl.errors import ConfigError
from robot_rl.learn.batch import Batch, choice_index
from robot_rl.learn.mlp import Mlp
from robot_rl.learn.networks import Actor
from robot_rl.learn.optimise import State, pack, unpack
from robot_rl.learn.policy import Layers, Policy, PolicyMeta
from robot_rl.types import Float32


class Agent:
    """Base of the learners. `config.threads` is not applied here: a process sets its threads once.

    All sums and draws are this agent's own: the same seed and data give the same weights, bit for bit.
    """

    def __init__(
        self,
        config: LearnerConfig,
        observation_dim: int,
        action_dim: int,
        has_gripper: bool,
        state_scale: np.ndarray,
        seed: int,
    ) -> None:
        usable = state_scale.shape == (observation_dim,) and bool((state_scale > 0).all())
        if not usable or not np.isfinite(state_scale).all():
            raise ConfigError(
                f"state_scale is {state_scale}; it needs {observation_dim} finite numbers above 0, "
                "the usual size of each state entry"
            )
        self.config = config
        self.continuous_dim = action_dim - has_gripper
        self.scale = torch.from_numpy(state_scale.astype(np.float32))
        self.generator = torch.Generator().manual_seed(seed)
        self.exploration = torch.Generator().manual_seed(seed + 1)
        self.actor = Actor(observation_dim, config.hidden, self.continuous_dim, config.learning_rate, self.generator)
        self.skipped = 0
        """Steps not taken because loss or gradient was not finite."""
        gripper = self.build(observation_dim, has_gripper)
        grip = _arrays(gripper, gripper.weights) if gripper else None
        # Both share memory with the networks: acting while learning runs the code that is deployed.
        self._live, self._average = (
            Policy(PolicyMeta("", (), ()), self.scale.numpy(), _arrays(self.actor.mlp, weights), grip)
            for weights in (self.actor.mlp.weights, self.actor.average)
        )

    def build(self, observation_dim: int, has_gripper: bool) -> Mlp | None:
        """Make the other networks; returns the one whose largest output is the gripper's choice, if any."""
        raise NotImplementedError

    def update(self, block: Block) -> dict[str, float]:
        """Learn from one block; returns what happened, averaged over the block."""
        raise NotImplementedError

    def clone(self, block: Block) -> dict[str, float]:
        """Imitate the demos and corrections of one block (behaviour cloning)."""
        raise NotImplementedError

    def act(self, observation: Float32, deterministic: bool) -> Float32:
        """(n,) state to (a,) action in [-1, 1]; a gripper's entry is last: -1 close, 0 stay, 1 open."""
        if deterministic:
            return self._live.respond(observation, None)
        noise = torch.randn(self.continuous_dim, generator=self.exploration).numpy()
        action = self._live.respond(observation, noise)
        if self._live.gripper and torch.rand((), generator=self.exploration) < self.config.gripper_epsilon:
            action[-1] = int(torch.randint(-1, 2, (), generator=self.exploration))
        return action

    def values(self, observations: Float32, actions: Float32) -> Float32 | None:
        """(T,) what the critics expect of actions (T, a) in states (T, n); None for a learner without critics."""
        return None

    def policy(self, meta: PolicyMeta) -> Policy:
        """A frozen copy to deploy: of the average over the last steps."""
        return self._average.copy(meta)

    def practising(self, meta: PolicyMeta) -> Policy:
        """A frozen copy of what `act` uses at present."""
        return self._live.copy(meta)

    def state(self) -> State:
        """Everything needed to continue bit for bit."""
        return {
            "generator": self.generator.get_state(),
            "exploration": self.exploration.get_state(),
            "skipped": self.skipped,
            **pack(actor=self.actor.state()),
        }

    def load(self, state: State) -> None:
        """Continue where `state` was taken."""
        self.generator.set_state(torch.as_tensor(state["generator"]))
        self.exploration.set_state(torch.as_tensor(state["exploration"]))
        self.skipped = int(state["skipped"])
        self.actor.load(unpack(state, "actor"))

    def batches(self, block: Block, demos_only: bool = False) -> Iterator[Batch]:
        """The batches of a block in turn; `demos_only` leaves out rows of practice, and blocks of them alone."""
        rows = slice(block.online if demos_only else 0, None)
        x, next_x = (torch.from_numpy(s[:, rows]) / self.scale for s in (block.observation, block.next_observation))
        action = torch.from_numpy(block.action[:, rows])
        reward, mask, changed = (
            torch.from_numpy(column[:, rows, None]) for column in (block.reward, block.mask, block.gripper_changed)
        )
        for i in range(len(x) if x.shape[1] else 0):
            continuous, choice = action[i, :, : self.continuous_dim], choice_index(action[i, :, -1])
            yield Batch(x[i], continuous, choice, reward[i], mask[i], next_x[i], changed[i])

    def report(self, records: list[dict[str, float]]) -> dict[str, float]:
        """Mean of every entry over the records that have it, and the count of skipped steps."""
        self.skipped += sum(
            math.isnan(value) for record in records for key, value in record.items() if "gradient" in key
        )
        keys = dict.fromkeys(key for record in records for key in record)
        means = {key: float(np.mean([record[key] for record in records if key in record])) for key in keys}
        return means | {"skipped": float(self.skipped)}


def _arrays(mlp: Mlp, weights: torch.Tensor) -> Layers:
    """Views of flat weights as the layers of the only member."""
    return [(weight.numpy(), bias.numpy()[0]) for weight, bias in mlp.split(weights)[0]]
