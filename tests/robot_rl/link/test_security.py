"""Beyond loopback nothing works without token and TLS; with them nobody else gets in."""

import shutil
import subprocess
from pathlib import Path

import pytest

from robot_rl.config import LinkConfig
from robot_rl.errors import ConfigError
from robot_rl.link.client import Courier
from robot_rl.link.security import actor_access, is_loopback, learner_access, read_token
from robot_rl.link.server import LearnerServer
from tests.robot_rl.link.ends import HASH, PATIENCE_S, Shelf, Store, courier, learner, make_frame, refusal

TOKEN = "0123456789abcdef" * 2
OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(not OPENSSL, reason="makes its certificate with openssl")


def secret(path: Path, text: str = TOKEN) -> str:
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


def certificate(folder: Path) -> dict[str, str]:
    """Settings of a learner at 127.0.0.1; the command is the one that security.py gives."""
    folder.mkdir(exist_ok=True)
    paths = {"tls_certificate": str(folder / "certificate.pem"), "tls_key": str(folder / "key.pem")}
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", paths["tls_key"]]
    name = ["-days", "3650", "-subj", "/CN=learner", "-addext", "subjectAltName=IP:127.0.0.1"]
    assert OPENSSL
    subprocess.run(
        [OPENSSL, "req", "-x509", *key, *name, "-out", paths["tls_certificate"]],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return paths


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.8.9.1:1", "[::1]:1", "localhost:1"])
def test_loopback_needs_nothing(address: str) -> None:
    assert is_loopback(address)
    assert learner_access(LinkConfig(address)).tls is None
    assert actor_access(LinkConfig(address)).tls is None


@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:1", "192.168.1.5:1", "robot.example:1", ":1", "127.0.0.1.x:1"])
def test_anything_else_needs_token_and_certificate(address: str, tmp_path: Path) -> None:
    for make in (learner_access, actor_access):
        with pytest.raises(ConfigError, match=r"needs link\.token_file and link\.tls_certificate"):
            make(LinkConfig(address))
        with pytest.raises(ConfigError, match=r"needs link\.tls_certificate;"):
            make(LinkConfig(address, token_file=secret(tmp_path / "token")))
    with pytest.raises(ConfigError, match="needs"):
        LearnerServer(LinkConfig(address), HASH, Store())
    with pytest.raises(ConfigError, match="needs"):
        Courier(LinkConfig(address), HASH, Shelf(), bytes)


@pytest.mark.parametrize("address", ["here", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "127.0.0.1:-1"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="is not host:port"):
        learner_access(LinkConfig(address))


def test_a_token_file_must_be_a_secret_worth_the_name(tmp_path: Path) -> None:
    path = tmp_path / "token"
    assert read_token("") == ""
    with pytest.raises(ConfigError, match=r"cannot read .*No such file"):
        read_token(str(path))
    with pytest.raises(ConfigError, match=r"cannot read .*Is a directory"):
        read_token(str(tmp_path / "."))
    for text in ("", "short", "with space and more", "ü" * 20, "x" * 300):
        with pytest.raises(ConfigError, match="a token is 16 to 256 visible"):
            read_token(secret(path, text))
    secret(path, TOKEN + "\n")
    assert read_token(str(path)) == TOKEN
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_token(str(path))


def test_a_token_does_not_show_in_what_is_printed(tmp_path: Path) -> None:
    assert TOKEN not in repr(learner_access(LinkConfig(token_file=secret(tmp_path / "token"))))


@pytest.mark.parametrize("shown", ["", "fedcba9876543210"])
def test_a_missing_or_wrong_token_is_refused(shown: str, tmp_path: Path) -> None:
    ours, theirs = secret(tmp_path / "ours"), secret(tmp_path / "theirs", shown) if shown else ""
    store = Store()
    with learner(store, token_file=ours) as (_, port):
        with courier(Shelf([make_frame(0)]), port, token_file=theirs) as link:
            assert "the token is missing or wrong; check link.token_file" in refusal(link)
        with courier(Shelf([make_frame(0)]), port, token_file=ours) as link:
            assert link.wait(lambda: link.status.watermark == 0, PATIENCE_S)
    assert len(store.frames) == 1


@needs_openssl
def test_token_and_tls_together_carry_frames_and_weights(tmp_path: Path) -> None:
    files = {"token_file": secret(tmp_path / "token"), **certificate(tmp_path)}
    files["tls_key"] = secret(Path(files["tls_key"]), Path(files["tls_key"]).read_text())
    store = Store()
    with learner(store, **files) as (home, port), courier(Shelf([make_frame(0)]), port, **files) as link:
        home.publish(1, b"W")
        assert link.wait(lambda: link.status.watermark == 0 and link.latest == (1, b"W"), PATIENCE_S)


@needs_openssl
def test_a_learner_that_another_certificate_vouches_for_is_not_trusted(tmp_path: Path) -> None:
    own, foreign = certificate(tmp_path / "own"), certificate(tmp_path / "foreign")
    store, token = Store(), secret(tmp_path / "token")
    with learner(store, token_file=token, **own) as (_, port):
        for files in (foreign, {}):
            with courier(Shelf([make_frame(0)]), port, token_file=token, **files) as link:
                assert link.wait(lambda: "no answer from the learner" in link.status.trouble, PATIENCE_S)
                assert not link.agree(0.5)
    assert not store.frames


@needs_openssl
def test_certificates_of_no_use_are_refused_by_name(tmp_path: Path) -> None:
    good, other = certificate(tmp_path / "good"), certificate(tmp_path / "other")
    Path(other["tls_key"]).chmod(0o600)
    with pytest.raises(ConfigError, match="needs both"):
        learner_access(LinkConfig(tls_certificate=good["tls_certificate"]))
    with pytest.raises(ConfigError, match="are not a certificate and its unencrypted key"):
        learner_access(LinkConfig(tls_certificate=good["tls_certificate"], tls_key=other["tls_key"]))
    with pytest.raises(ConfigError, match="is no PEM certificate"):
        actor_access(LinkConfig(tls_certificate=other["tls_key"]))
    Path(other["tls_key"]).chmod(0o604)
    with pytest.raises(ConfigError, match="every user of this machine may read"):
        learner_access(LinkConfig(**other))
