import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter

from robot_rl.errors import ConfigError
from robot_rl.ros import namesake, qos
from robot_rl.ros.node import ACTIVE, ERROR, IDLE, OPEN, config_from, config_parameters
from robot_rl.ros.parameters import declare
from tests.robot_rl.ros.graph import Process, graph, spun, until
from tests.robot_rl.ros.toy import Toy


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namesake, "DISCOVERY_S", 0.0)


@contextmanager
def toy(domain: int, *parameters: str) -> Iterator[Toy]:
    """A toy that nobody spins."""
    given = [part for parameter in parameters for part in ("-p", parameter)]
    with graph(domain, "--ros-args", *given) as context:
        node = Toy(context)
        yield node
        node.destroy_node()


def test_it_configures_and_activates_itself_and_ends_paused_and_released(domain: int) -> None:
    with toy(domain) as node:
        node.begin()
        assert (node.label, node.calls) == (ACTIVE, ["open", "start"])
        node.end()
        assert (node.label, node.calls[2:]) == ("finalized", ["pause", "release"])


def test_a_node_that_has_ended_does_not_begin(domain: int) -> None:
    with toy(domain) as node:
        node.end()
        node.begin()
        assert (node.label, node.calls, node.failed) == ("finalized", ["release"], False)


def test_without_autostart_it_waits_to_be_told(domain: int) -> None:
    with toy(domain, "autostart:=false") as node:
        node.begin()
        assert (node.label, node.calls, node.failed) == (IDLE, [], False)


@pytest.mark.parametrize(
    ("breaks", "label", "calls"),
    [
        ("open", IDLE, ["open", "release"]),
        ("open!", IDLE, ["open", "release", "release"]),
        ("start", OPEN, ["open", "start", "pause"]),
        ("start!", IDLE, ["open", "start", "pause", "release"]),
    ],
)
def test_what_fails_at_the_start_is_undone_logged_and_leaves_nothing_moving(
    domain: int, capfd: pytest.CaptureFixture[str], breaks: str, label: str, calls: list[str]
) -> None:
    with toy(domain, f"breaks:={breaks}") as node:
        node.begin()
        assert (node.label, node.calls, node.failed) == (label, calls, True)
    name = breaks.rstrip("!")
    said = f"ValueError: a bug in {name}" if "!" in breaks else f"cannot {name}"
    assert capfd.readouterr().err.count(said) == 1


@pytest.mark.parametrize(("breaks", "label"), [("pause", IDLE), ("pause!", IDLE), ("release", "finalized")])
def test_a_step_back_that_fails_goes_through_the_error_state(domain: int, breaks: str, label: str) -> None:
    with toy(domain, f"breaks:={breaks}") as node:
        node.begin()
        node.trigger_deactivate()
        if breaks == "release":
            node.trigger_cleanup()
        assert node.label == label and node.calls[-1] == "release" and node.trouble is not None


@pytest.mark.parametrize("breaks", ["pause", "release"])
def test_a_stop_that_fails_is_a_failure_and_final(domain: int, breaks: str) -> None:
    with toy(domain, f"breaks:={breaks}") as node:
        node.begin()
        node.end()
        assert (node.label, node.failed, str(node.trouble)) == ("finalized", True, f"cannot {breaks}")


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        ("rate_hzz:=3.0", "did you mean rate_hz"),
        ("rate_hz:=fast", "rate_hz='fast' is not a number"),
        ("cameras:=3", "cameras=3 is not a list"),
        ("autostart:=5", "autostart=5 is not true or false"),
    ],
)
def test_a_misspelt_or_wrongly_typed_parameter_is_refused_in_one_line(domain: int, parameter: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught, toy(domain, parameter):
        pass
    assert "\n" not in str(caught.value)


def test_whole_numbers_and_empty_lists_are_taken_for_what_they_mean(domain: int) -> None:
    with toy(domain, "rate_hz:=3", "robot.model:=ur5e", "cameras:=[]") as node:
        assert node.get_parameter("rate_hz").value == 3.0
        assert list(node.get_parameter("cameras").value) == []


def config(domain: int, *parameters: str):
    given = [part for parameter in parameters for part in ("-p", parameter)]
    with graph(domain, "--ros-args", *given) as context:
        node = Node("plain", context=context)
        node.given = declare(node, config_parameters(("robot", "safety", "task")))
        try:
            return config_from(node)
        finally:
            node.destroy_node()


def test_parameters_are_the_settings_of_a_command_line(domain: int) -> None:
    read = config(
        domain,
        "robot.model:=ur5e",
        "robot.cameras:=[front, side]",
        "task.name:=reach",
        "task.params.tolerance_m:=0.02",
        "safety.clip_m:=0.01",
    )
    assert read.robot.model == "ur5e" and read.robot.cameras == ["front", "side"]
    assert read.safety.vendor == config(domain, "robot.model:=ur5e").safety.vendor != config(domain).safety.vendor
    assert read.task.name == "reach" and read.task.params["tolerance_m"] == 0.02
    assert read.safety.clip_m == 0.01


def test_a_setting_out_of_range_is_refused_as_on_a_command_line(domain: int) -> None:
    with pytest.raises(ConfigError, match=r"robot\.control_hz=50"):
        config(domain, "robot.control_hz:=50")


def ask(context: Context, request: ChangeState.Request) -> bool:
    """Whether the toy obeyed a transition that came from outside."""
    other = Node("other", context=context)
    client = other.create_client(ChangeState, "/toy/change_state")
    with spun(other):
        assert client.wait_for_service(timeout_sec=10.0)
        future = client.call_async(request)
        assert until(future.done)
        return future.result().success


@pytest.mark.parametrize("number", [0, 2, 3, 4, 6, 77, 255])
def test_a_transition_that_is_not_allowed_is_refused_and_the_node_lives_on(domain: int, number: int) -> None:
    with toy(domain, "autostart:=false") as node, spun(node) as spinner:
        assert not ask(node.context, ChangeState.Request(transition=Transition(id=number)))
        assert spinner.error is None
        allowed = Transition(id=Transition.TRANSITION_CONFIGURE)
        assert ask(node.context, ChangeState.Request(transition=allowed)) and node.label == OPEN


def test_a_transition_by_label_is_obeyed_or_refused(domain: int) -> None:
    with toy(domain, "autostart:=false") as node, spun(node):
        assert not ask(node.context, ChangeState.Request(transition=Transition(label="activate")))
        assert ask(node.context, ChangeState.Request(transition=Transition(label="configure")))


def settable(node: Toy, name: str, value: object) -> tuple[bool, str]:
    (result,) = node.set_parameters([Parameter(name, value=value)])
    return result.successful, result.reason


@pytest.mark.parametrize("step", ["configure", "activate"])
def test_a_setting_of_a_node_that_is_configured_is_refused_with_what_to_do(domain: int, step: str) -> None:
    with toy(domain, "autostart:=false") as node:
        assert settable(node, "rate_hz", 20.0) == (True, "")
        node.trigger_configure()
        if step == "activate":
            node.trigger_activate()
        done, why = settable(node, "rate_hz", 30.0)
        assert not done and f"rate_hz cannot change while toy is {node.label}" in why and "start it anew" in why
        assert node.get_parameter("rate_hz").value == 20.0
        assert settable(node, "use_sim_time", True) == (True, "")


def test_what_was_set_before_a_node_is_configured_counts_as_given(domain: int) -> None:
    with toy(domain, "autostart:=false") as node:
        assert "gains" not in node.given
        settable(node, "gains", [1.0, 2.0])
        assert "gains" in node.given


def test_diagnostics_say_how_node_and_device_are(domain: int) -> None:
    with toy(domain, "breaks:=start") as node:
        heard: dict[str, object] = {}
        other = Node("other", context=node.context)
        other.create_subscription(
            DiagnosticArray, "diagnostics", lambda m: heard.update({s.name: s for s in m.status}), qos.STATE
        )
        node.begin()
        with spun(node), spun(other):
            assert until(lambda: len(heard) == 2)
    assert (heard["/toy: node"].level, heard["/toy: node"].message) == (ERROR, "cannot start")
    assert heard["/toy: toy"].values[0].key == "calls"


def test_a_second_node_of_a_living_one_s_name_is_refused(domain: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with toy(domain) as node, spun(node):
        monkeypatch.setattr(namesake, "DISCOVERY_S", 5.0)
        with pytest.raises(ConfigError, match="another node is called /toy"):
            Toy(node.context)


def test_the_name_of_a_node_that_says_nothing_and_stays_is_free_in_the_end(
    domain: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(namesake, "ALIVE_S", 0.2)
    monkeypatch.setattr(namesake, "LEAVE_S", 0.4)
    with toy(domain) as node:
        monkeypatch.setattr(namesake, "DISCOVERY_S", 5.0)
        Toy(node.context).destroy_node()
    assert capfd.readouterr().err.count("waiting until another /toy, which says nothing, has left: 0.4 s at most") == 1


def test_a_node_waits_until_a_killed_namesake_has_left(
    domain: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Which it sees only when it looked at the graph before the other one was killed."""
    process = Process("-m", "tests.robot_rl.ros.toy")
    try:
        with graph(domain) as context:
            other = Node("other", context=context)
            assert until(lambda: "toy" in other.get_node_names(), 20.0)
            process.tell(signal.SIGKILL)
            process.end()
            assert "toy" in other.get_node_names()
            monkeypatch.setattr(namesake, "DISCOVERY_S", 5.0)
            node = Toy(context)
            assert other.get_node_names().count("toy") == 1
            assert capfd.readouterr().err.count("waiting until another /toy") == 1
            for gone in (node, other):
                gone.destroy_node()
    finally:
        process.stop()
