"""The arm and its authority as they look from another process."""

from collections.abc import Sequence

from controllers.records import ArmState, PoseCommand, Verdict
from robot_rl.cell import cell_pb2 as pb
from robot_rl.cell import codec
from robot_rl.cell.client import CellClient
from robot_rl.errors import HardwareError
from robot_rl.operator import Answer, Finding, View


class RemoteArm:
    """`Arm` over a client, which a `RemoteAuthority` may share.

    Its clock is the machine's steady one (`MonotonicClock`), the same in every process.
    """

    def __init__(self, client: CellClient, name: str) -> None:
        """`name` is that of the pilot, who may go on after a `stop` of this arm."""
        self._client, self._name, self._closed = client, name, False

    @property
    def fault(self) -> str:
        return self._open().fault()

    def read(self) -> ArmState:
        return self._open().read()

    def command(self, command: PoseCommand) -> Verdict:
        return self._open().command(command)

    def stop(self) -> None:
        """Brake and hold. Not the latched stop: that is `RemoteAuthority.stop`."""
        self._open().answer(pb.Request(hold=pb.Cause(by=self._name, why="stop of the arm")))

    def close(self) -> None:
        """Hang up, which ends the lease: what moves, holds."""
        self._closed = True
        self._client.close()

    def _open(self) -> CellClient:
        if self._closed:
            raise HardwareError("the arm is closed; open it anew to use it")
        return self._client


class RemoteAuthority:
    """`Authority` over a client: `Port`, the person's verbs, and what parts say of their health."""

    def __init__(self, client: CellClient) -> None:
        self._ask = client.answer

    def view(self) -> View:
        return self._ask(pb.Request(view=pb.Nothing())).view

    def stop(self, by: str, why: str) -> Answer:
        return self._ask(pb.Request(stop=pb.Cause(by=by, why=why)))

    def hold(self, by: str, why: str) -> Answer:
        return self._ask(pb.Request(hold=pb.Cause(by=by, why=why)))

    def take(self, client: str) -> Answer:
        return self._ask(pb.Request(take=pb.Lease(client=client)))

    def renew(self, fence: int) -> Answer:
        return self._ask(pb.Request(renew=pb.Lease(fence=fence)))

    def release(self, fence: int) -> Answer:
        return self._ask(pb.Request(release=pb.Lease(fence=fence)))

    def hand_over(self, fence: int, client: str) -> Answer:
        return self._ask(pb.Request(hand_over=pb.Lease(fence=fence, client=client)))

    def arm(self, fence: int, seen: int, person: str, findings: Sequence[Finding] = ()) -> Answer:
        start = pb.Start(fence=fence, seen=seen, person=person, findings=codec.encode_findings(findings))
        return self._ask(pb.Request(arm=start))

    def clear(self, fence: int, seen: int, person: str) -> Answer:
        return self._ask(pb.Request(clear=pb.Start(fence=fence, seen=seen, person=person)))

    def disarm(self, fence: int, seen: int) -> Answer:
        return self._ask(pb.Request(disarm=pb.Start(fence=fence, seen=seen)))

    def policy(self, fence: int, seen: int) -> Answer:
        return self._ask(pb.Request(policy=pb.Start(fence=fence, seen=seen)))

    def reset(self, fence: int, seen: int) -> Answer:
        return self._ask(pb.Request(reset=pb.Start(fence=fence, seen=seen)))

    def human(self, fence: int, seen: int, number: int) -> Answer:
        return self._ask(pb.Request(human=pb.Start(fence=fence, seen=seen, number=number)))

    def input(self, fence: int, number: int) -> Answer:
        return self._ask(pb.Request(input=pb.Start(fence=fence, number=number)))

    def watch(self, part: str, kind: str, period_s: float) -> Answer:
        """Expect a heartbeat of this part every `period_s` from now on (`Supervisor.watch`)."""
        return self._ask(pb.Request(watch=pb.Part(part=part, kind=kind, period_s=period_s)))

    def beat(self, part: str, sequence: int | None = None) -> Answer:
        return self._ask(pb.Request(beat=pb.Part(part=part, sequence=sequence)))

    def trouble(self, part: str, text: str) -> Answer:
        return self._ask(pb.Request(trouble=pb.Part(part=part, text=text)))
