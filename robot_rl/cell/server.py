"""One period of the arm's process: what the drives say, what clients ask, what the guard allows, what the motors do."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError

from controllers.arm_loop import ArmLoop
from controllers.follower import JointFollower
from controllers.kinematics import ArmModel
from controllers.pose import Array, frozen
from controllers.records import ArmState, PoseCommand, Verdict
from robot_rl.cell import cell_pb2 as pb
from robot_rl.cell import codec
from robot_rl.cell.following import Following
from robot_rl.cell.motors import Motors, Reading
from robot_rl.cell.sockets import Client, Door
from robot_rl.cell.trace import Trace
from robot_rl.cell.verbs import VERBS, Parts
from robot_rl.clock import Clock
from robot_rl.errors import DataError, HardwareError
from robot_rl.guard import Guard
from robot_rl.operator import Answer, State

STALE_S = 0.1
"""A request that may have waited for longer is not obeyed: this process stood still, or its sender floods it."""
ANY_AGE = frozenset({"read", "view", "stop", "hold", "trouble"})
"""Asks for nothing but rest or a look: never too late."""
REST = 0.01
"""Speed, m/s or rad/s, below which nothing moves"""
WAITS = "after a gap in its readings the arm is told nothing until it is at rest: let go of it, or see what moves it"
STATES = list(State)


class CellServer:
    """Guard, arm loop and motors behind one door. Call `tick` once per control period; it neither blocks nor raises.

    A request is taken to have arrived when its connection was last seen empty, at most one period too early: so the
    time that this process stood still counts against a command, whose real age nobody knows.
    """

    def __init__(
        self,
        path: Path,
        motors: Motors,
        model: ArmModel,
        loop: ArmLoop,
        clock: Clock,
        control_hz: float,
        first_fence: int = 0,
        follower: JointFollower | None = None,
    ) -> None:
        """`model` is the one that `loop` was built with; `follower` is needed by motors that take positions.

        Raises ConfigError when the path cannot be had.
        """
        self._motors, self._model, self.loop, self._clock = motors, model, loop, clock
        self._following = Following(follower, model.joints, 1.0 / control_hz) if follower else None
        self._anew = False
        """A person has cleared: stand still where the arm is as soon as it is at rest"""
        self.guard = Guard(loop, clock, control_hz, hardware=not motors.simulated, first_fence=first_fence)
        self._reading = Reading.unknown(model.joints)
        self._read_s = np.inf
        self._state: ArmState | None = None
        self._trouble, self._started = "", False
        self._parts = Parts()
        self._admitted = (0.0, 0.0, -1)
        """Arrival, validity and sequence of the last command that passed the gate"""
        self.trace: Trace | None = None
        """Where every period is noted, if anywhere"""
        self._door = Door(path, clock, self._serve, self._lost)

    @property
    def counts(self) -> Mapping[str, int]:
        """Connections closed, by reason."""
        return self._door.counts

    @property
    def lost(self) -> str:
        """Why the motors cannot be reached any more, for good; empty while they can."""
        return self._motors.lost

    @property
    def at_rest(self) -> bool:
        """Neither reference nor joints move any more."""
        rates = (*self.loop.motion.now.linear_m_s, *self.loop.motion.now.angular_rad_s, *self._reading.dq_rad_s)
        return bool(np.abs(rates).max() <= REST)

    def tick(self, deadline_s: float) -> None:
        """One period, which should have started at `deadline_s`."""
        self._look()
        self._begin()
        self._door.tick()
        self.guard.tick()
        if self._following is None:
            self._torque()
        elif self._started:  # before the first reading nobody knows where the arm is
            self._follow(self._following)
        self.guard.authority.mirror("motors", self._trouble)
        if self.trace:
            self._note(self.trace, deadline_s)

    def close(self) -> None:
        """Release the motors, which rest from then on, and hang up, whatever either of them raises; allowed twice."""
        try:
            self._motors.close()
        finally:
            self._door.close()

    def _look(self) -> None:
        """Take the drives' reading; without one, no numbers, which the loop takes for a fault.

        Where the arm has been since the last one must be known: a longer gap latches a stop.
        """
        before_s, self._read_s, self._state = self._read_s, self._clock.now_s(), None
        if self._read_s - before_s > STALE_S:  # said here: the supervisor tells an alarm that lasts only once
            self.guard.authority.stop("arm process", f"it stood still for {self._read_s - before_s:.3f} s")
            if self._following is not None:
                self._following.gap = True
        try:
            self._reading, self._trouble = self._motors.read(), ""
        except HardwareError as error:
            self._trouble = str(error)
            self._reading = Reading.unknown(len(self._reading.q_rad))

    def _begin(self) -> None:
        """Hold what is measured at the start, and once the arm is at rest after a person has cleared."""
        cleared = self._anew and self._reading.seen and self.at_rest
        if cleared or (not self._started and np.isfinite(self._reading.q_rad).all()):
            self.loop.reset(self._reading.q_rad)
            if self._following is not None:
                self._following.stand_still(self._reading.q_rad)
            self._started, self._anew = True, False

    def _torque(self) -> None:
        tau_nm = self._judge()
        try:
            self._motors.apply(tau_nm)
        except HardwareError as error:
            self._trouble = str(error)

    def _judge(self) -> Array:
        """(n,) Nm that the loop asks for."""
        now = self._reading
        return self.loop.tick(now.q_rad, now.dq_rad_s, float(np.linalg.norm(now.wrench[:3])), self._clock.now_s())

    def _follow(self, following: Following) -> None:
        """Send the joints where they should go in this period, if anything may be sent."""
        seen = self._reading.seen
        if seen or not self._anew:  # drives that recover after a clear say nothing: that is no fault of theirs
            self._judge()
        if following.gap and seen and self.at_rest:
            self.loop.motion.hold(self._measured().tcp)
            following.resume(self._reading.q_rad)
        # before arming nobody has vouched for its force
        still = bool(self.loop.fault) or self.guard.authority.state is State.DISARMED
        told = following.tick(self.loop.motion.now, self._reading, still)
        self.guard.authority.mirror("follower", following.fault)
        if told is not None:
            try:
                self._motors.apply(told)
                following.sent(told)
            except HardwareError as error:
                following.refuse(str(error))
        waits = "" if told is not None or following.fault else WAITS
        self._trouble = self._trouble or following.refusal or waits

    def _serve(self, client: Client, data: bytes, since_s: float) -> bytes:
        try:
            request = pb.Request.FromString(data)
        except DecodeError as error:
            raise DataError(f"a message that is no request: {error}") from error
        verb = request.WhichOneof("verb")
        if verb is None:
            raise DataError("a request without a verb this process knows")
        reply = pb.Reply(id=request.id)
        waited_s = self._clock.now_s() - since_s
        late = ""
        if (client.gone or not 0.0 <= waited_s <= STALE_S) and verb not in ANY_AGE:
            late = f"stale: it may have waited {waited_s:.3f} s (at most {STALE_S} s); look again, then ask again"
        if verb == "read":
            self._tell_state(reply)
        elif verb == "command":
            verdict = self._command(codec.decode_command(request.command), since_s, late)
            reply.verdict.CopyFrom(codec.encode_verdict(verdict))
            if not verdict.refused:
                client.fence = request.command.fence
        else:
            answer = Answer(late, self.guard.authority.view()) if late else self._ask(verb, request)
            reply.answer.CopyFrom(codec.encode_answer(answer))
            if not answer.refused and verb in ("take", "renew"):
                client.fence = answer.view.fence
        reply.fault = self.loop.fault
        message: bytes = reply.SerializeToString()
        return message

    def _ask(self, verb: str, request: pb.Request) -> Answer:
        if verb not in VERBS:
            refusal = self._parts.ask(self.guard.supervisor, verb, getattr(request, verb))
            return Answer(refusal, self.guard.authority.view())
        if verb == "arm":
            self._object(request.arm)
        answer = VERBS[verb](self.guard.authority, request)
        if verb == "clear" and not answer.refused:
            self._motors.clear()
            self._anew = self._following is not None  # a person may have moved it by hand
            if self.loop.fault and np.isfinite(self._reading.q_rad).all():
                self.loop.reset(self._reading.q_rad)  # the person has seen to it: hold what is measured
        return answer

    def _object(self, m: pb.Start) -> None:
        """Put what the drives themselves object in the place of what was found."""
        against = self._motors.objections(self._clock.now_s())
        names = {finding.check for finding in against}
        found = [finding for finding in codec.decode_findings(m.findings) if finding.check not in names]
        del m.findings[:]
        m.findings.extend(codec.encode_findings((*found, *against)))

    def _command(self, command: PoseCommand, since_s: float, late: str) -> Verdict:
        state = self._measured()
        if late:
            return Verdict(state.tcp, ("age",), refused=True, why=late)
        verdict = self.loop.command(command, state, since_s, self._clock.now_s())
        if not verdict.refused:
            self._admitted = (since_s, command.valid_for_s, command.sequence)
        return verdict

    def _tell_state(self, reply: pb.Reply) -> None:
        if self._reading.seen and np.isfinite(self._reading.wrench).all():
            reply.state.CopyFrom(codec.encode_state(self._measured()))
        else:
            reply.unknown = self._trouble or f"joint reading {self._reading.q_rad} is not finite"

    def _measured(self) -> ArmState:
        """The state at this period's reading."""
        if self._state is None:
            now = self._reading
            self._model.update(now.q_rad, now.dq_rad_s)
            twist = self._model.jacobian @ now.dq_rad_s
            parts = (frozen(part) for part in (twist[:3], twist[3:], now.wrench[:3], now.wrench[3:]))
            self._state = ArmState(self._read_s, frozen(now.q_rad), frozen(now.dq_rad_s), self._model.tcp(), *parts)
        return self._state

    def _lost(self, client: Client) -> None:
        """Whoever moved the arm and has gone moves it no more."""
        view = self.guard.authority.view()
        if view.holder and client.fence == view.fence:
            self.guard.authority.hold(view.holder, "its connection closed")
            self.guard.authority.release(view.fence)

    def _note(self, trace: Trace, deadline_s: float) -> None:
        now, state = self.loop.motion.now, STATES.index(self.guard.authority.state)
        tool_m = self._model.tcp_position_m()
        _, acceleration, jerk = self.loop.motion.in_force[:, :3]
        moves = (now.tcp.position_m, now.linear_m_s, tool_m, acceleration, jerk, self.loop.holding)
        trace.add(self._read_s, deadline_s, *moves, *self._admitted, state)
