"""The matrix products that no RLPD update can leave out, and nothing else. Outputs are preallocated.

A critic update: the actor on the next state, the drawn targets, forward and backward through every critic.
An actor update: the actor and all critics forward, back into the action, and back through the actor.
"""

from itertools import pairwise

import torch
from torch import Tensor

BATCH, OBSERVATION, ACTION, HIDDEN, SUBSET, UTD = 256, 30, 6, 256, 2, 20
INPUTS = OBSERVATION + ACTION


def room(*shape: int) -> Tensor:
    """Numbers of ordinary size."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


class Products:
    """The actor's part, and the block."""

    def __init__(self) -> None:
        sizes = (OBSERVATION, HIDDEN, HIDDEN, 2 * ACTION)
        self.state, self.x = room(BATCH, OBSERVATION), room(BATCH, INPUTS)
        self.weights = [room(n, m) for n, m in pairwise(sizes)]
        self.gradients = [room(n, m) for n, m in pairwise(sizes)]
        self.out = [room(BATCH, n) for n in sizes[1:]]

    def critics_update(self) -> None:
        """Drawn targets; every critic forward and backward into its weights."""
        raise NotImplementedError

    def critics_into_action(self) -> None:
        """Every critic forward, and backward into the action."""
        raise NotImplementedError

    def actor_forward(self) -> None:
        x = self.state
        for weight, out in zip(self.weights, self.out, strict=True):
            x = torch.mm(x, weight, out=out)

    def actor_backward(self) -> None:
        for k in (2, 1):
            torch.mm(self.out[k - 1].t(), self.out[k], out=self.gradients[k])
            torch.mm(self.out[k], self.weights[k].t(), out=self.out[k - 1])
        torch.mm(self.state.t(), self.out[0], out=self.gradients[0])

    def update(self) -> None:
        """One critic update."""
        self.actor_forward()
        self.critics_update()

    def block(self) -> None:
        """`UTD` critic updates and one of the actor."""
        for _ in range(UTD):
            self.update()
        self.actor_forward()
        self.critics_into_action()
        self.actor_backward()


class OneByOne(Products):
    """Each critic alone, its activations in a workspace that stays in the cache."""

    def __init__(self, critics: int) -> None:
        super().__init__()
        sizes = ((INPUTS, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 1))
        self.critics = [[room(*size) for size in sizes] for _ in range(critics)]
        self.critic_gradients = [[room(*size) for size in sizes] for _ in range(critics)]
        self.one, self.two, self.q = room(BATCH, HIDDEN), room(BATCH, HIDDEN), room(BATCH, 1)
        self.action = room(BATCH, ACTION)

    def forward(self, critic: list[Tensor]) -> None:
        torch.mm(self.x, critic[0], out=self.one)
        torch.mm(self.one, critic[1], out=self.two)
        torch.mm(self.two, critic[2], out=self.q)

    def critics_update(self) -> None:
        for critic in self.critics[:SUBSET]:
            self.forward(critic)
        for critic, gradient in zip(self.critics, self.critic_gradients, strict=True):
            self.forward(critic)
            torch.mm(self.two.t(), self.q, out=gradient[2])
            torch.mm(self.q, critic[2].t(), out=self.two)
            torch.mm(self.one.t(), self.two, out=gradient[1])
            torch.mm(self.two, critic[1].t(), out=self.one)
            torch.mm(self.x.t(), self.one, out=gradient[0])

    def critics_into_action(self) -> None:
        for critic in self.critics:
            self.forward(critic)
            torch.mm(self.q, critic[2].t(), out=self.two)
            torch.mm(self.two, critic[1].t(), out=self.one)
            torch.mm(self.one, critic[0][OBSERVATION:].t(), out=self.action)


class Batched(Products):
    """All critics at once: the first layer as one wide product, the others as batched ones."""

    def __init__(self, critics: int) -> None:
        super().__init__()
        n = critics
        self.first, self.hidden, self.last = (
            room(INPUTS, n * HIDDEN),
            room(n, HIDDEN, HIDDEN),
            room(n, HIDDEN, 1),
        )
        self.target = room(INPUTS, SUBSET * HIDDEN)
        self.first_gradient, self.hidden_gradient = (
            torch.empty_like(self.first),
            torch.empty_like(self.hidden),
        )
        self.last_gradient = torch.empty_like(self.last)
        self.wide, self.target_wide = room(BATCH, n * HIDDEN), room(BATCH, SUBSET * HIDDEN)
        self.one, self.two, self.q = room(n, BATCH, HIDDEN), room(n, BATCH, HIDDEN), room(n, BATCH, 1)
        self.action = room(BATCH, ACTION)

    def forward(self) -> None:
        torch.mm(self.x, self.first, out=self.wide)
        torch.bmm(self.one, self.hidden, out=self.two)
        torch.bmm(self.two, self.last, out=self.q)

    def critics_update(self) -> None:
        s = SUBSET
        torch.mm(self.x, self.target, out=self.target_wide)
        torch.bmm(self.one[:s], self.hidden[:s], out=self.two[:s])
        torch.bmm(self.two[:s], self.last[:s], out=self.q[:s])
        self.forward()
        torch.bmm(self.two.transpose(1, 2), self.q, out=self.last_gradient)
        torch.bmm(self.q, self.last.transpose(1, 2), out=self.two)
        torch.bmm(self.one.transpose(1, 2), self.two, out=self.hidden_gradient)
        torch.bmm(self.two, self.hidden.transpose(1, 2), out=self.one)
        torch.mm(self.x.t(), self.wide, out=self.first_gradient)

    def critics_into_action(self) -> None:
        self.forward()
        torch.bmm(self.q, self.last.transpose(1, 2), out=self.two)
        torch.bmm(self.two, self.hidden.transpose(1, 2), out=self.one)
        torch.mm(self.wide, self.first[OBSERVATION:].t(), out=self.action)
