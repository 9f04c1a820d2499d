import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from rclpy.node import Node
from std_msgs.msg import String

from robot_rl.errors import ConfigError, HardwareError, StaleError
from robot_rl.ros import qos
from robot_rl.ros.ask import Answerer, Asker
from robot_rl.ros.port import serve_cell
from tests.robot_rl.ros.graph import graph, spun, until


@pytest.fixture
def nodes(domain: int) -> Iterator[tuple[Node, Node]]:
    with graph(domain) as context:
        desk, client = Node("desk", context=context), Node("client", context=context)
        with spun(desk), spun(client):
            yield desk, client


def asker(client: Node, timeout_s: float = 5.0) -> Asker:
    found = Asker(client, "desk", timeout_s)
    assert until(lambda: found.answered)
    return found


def test_every_asker_gets_the_answers_to_its_own_questions(nodes: tuple[Node, Node]) -> None:
    desk, client = nodes
    Answerer(desk, "desk", lambda who, body: {"who": who, "twice": 2 * body["number"]})
    askers = [asker(client), asker(client)]
    wrong: list[object] = []

    def work(one: Asker, start: int) -> None:
        for number in range(start, start + 20):
            reply = one.ask({"number": number})
            if reply != {"who": one.client, "twice": 2 * number}:
                wrong.append(reply)

    threads = [threading.Thread(target=work, args=(one, 100 * i)) for i, one in enumerate([*askers, *askers])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_refusal_is_an_error_with_its_reason(nodes: tuple[Node, Node]) -> None:
    desk, client = nodes

    def refuse(_: str, body: dict) -> dict:
        raise (StaleError if body["stale"] else HardwareError)(f"no {body['what']} here")

    Answerer(desk, "desk", refuse)
    for stale, kind in ((False, HardwareError), (True, StaleError)):
        with pytest.raises(HardwareError, match="no gripper here") as caught:
            asker(client).ask({"what": "gripper", "stale": stale})
        assert caught.type is kind


def test_nobody_and_silence_are_told_apart(nodes: tuple[Node, Node]) -> None:
    desk, client = nodes
    with pytest.raises(HardwareError, match="nobody answers on /desk/request"):
        Asker(client, "desk").ask({})
    desk.create_subscription(String, "desk/request", lambda _: None, qos.REQUEST)
    desk.create_publisher(String, "desk/reply", qos.REQUEST)
    with pytest.raises(StaleError, match=r"within 0.1 s"):
        asker(client, 0.1).ask({})


def test_while_two_answer_nobody_is_obeyed_but_what_is_spared(nodes: tuple[Node, Node]) -> None:
    desk, client = nodes
    obeyed, replies = [], []

    def obey(_: str, body: dict) -> dict:
        obeyed.append(body)
        return {}

    first = Answerer(desk, "desk", obey, spared=lambda body: "stop" in body)
    one = asker(client)
    second = Answerer(desk, "desk", obey)
    assert until(lambda: client.count_publishers("desk/reply") == 2)
    with pytest.raises(HardwareError, match=r"2 answer on /desk/reply.*killed.* 5 s"):
        one.ask({"go": 1})
    second._node.destroy_subscription(second._request)
    client.create_subscription(String, "desk/reply", lambda m: replies.append(json.loads(m.data)), qos.REQUEST)
    one.tell({"go": 2})
    assert until(lambda: replies) and "2 answer on" in replies[0]["error"] and obeyed == []
    one.tell({"stop": 1})
    assert until(lambda: obeyed == [{"stop": 1}])
    second.close()
    assert until(lambda: client.count_publishers("desk/reply") == 1)
    assert one.ask({"go": 3}) == {}
    first.close()


def test_an_arm_is_not_served_where_another_one_is(nodes: tuple[Node, Node], tmp_path: Path) -> None:
    desk, client = nodes
    other = client.create_publisher(String, "arm/reply", qos.REQUEST)
    with pytest.raises(ConfigError) as caught:
        serve_cell(desk, tmp_path / "arm")
    assert "arm/reply" in str(caught.value) and "5 s" in str(caught.value) and "\n" not in str(caught.value)
    assert desk.count_publishers("arm/reply") == 1
    client.destroy_publisher(other)
    assert until(lambda: desk.count_publishers("arm/reply") == 0)
    serve_cell(desk, tmp_path / "arm").close()


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"client": 1, "id": 1, "body": {}}', "[" * 5000, '{"id": "x"}'])
def test_what_is_no_request_is_counted_and_the_next_one_answered(nodes: tuple[Node, Node], text: str) -> None:
    desk, client = nodes
    answerer = Answerer(desk, "desk", lambda _, body: body)
    one = asker(client)
    one._request.publish(String(data=text))
    assert one.ask({"a": 1}) == {"a": 1}
    assert answerer.unreadable == 1


def test_late_foreign_and_broken_replies_are_left_out(nodes: tuple[Node, Node]) -> None:
    desk, client = nodes
    reply = desk.create_publisher(String, "desk/reply", qos.REQUEST)
    one = Asker(client, "desk", 5.0)

    def answer(message: String) -> None:
        own = json.loads(message.data)
        for wrong in ({"id": own["id"] - 1}, {"id": "x"}, {"client": f"{one.client}x"}):
            reply.publish(String(data=json.dumps(own | {"body": {"wrong": 1}} | wrong)))
        reply.publish(String(data=one.client + "{"))
        reply.publish(String(data=json.dumps(own | {"body": {"right": 1}})))

    desk.create_subscription(String, "desk/request", answer, qos.REQUEST)
    assert until(lambda: one.answered and reply.get_subscription_count() > 0)
    assert one.ask({}) == {"right": 1}
