"""Who may talk to whom. Beyond loopback: a shared token, and TLS so that nobody reads or changes what is sent.

A token and a certificate for a learner at 192.168.1.5, made once:

    (umask 077; openssl rand -hex 32 > token)
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=learner \
        -addext subjectAltName=IP:192.168.1.5 -keyout key.pem -out certificate.pem

The actor's machine gets `token` and `certificate.pem`.
"""

import hmac
import ipaddress
import re
import ssl
import stat
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from robot_rl.config import LinkConfig
from robot_rl.errors import ConfigError

TOKEN = re.compile(r"[!-~]{16,256}")


@dataclass(frozen=True, slots=True)
class Access:
    """What one side shows and demands."""

    token: str = field(default="", repr=False)
    """Empty: none"""
    tls: grpc.ChannelCredentials | grpc.ServerCredentials | None = None

    @property
    def authorization(self) -> str:
        return f"Bearer {self.token}" if self.token else ""

    def admits(self, authorization: str | bytes | None) -> bool:
        """In time that does not depend on where the token differs."""
        shown = authorization if isinstance(authorization, bytes) else (authorization or "").encode()
        return not self.token or hmac.compare_digest(shown, self.authorization.encode())


def learner_access(config: LinkConfig) -> Access:
    """Raises ConfigError unless the address is loopback or token and TLS are there, and for files of no use."""
    if bool(config.tls_certificate) != bool(config.tls_key):
        raise ConfigError("the learner's TLS needs both link.tls_certificate and link.tls_key; give both or neither")
    _require_both(config, "listens beyond this machine")
    token = read_token(config.token_file)
    if not config.tls_certificate:
        return Access(token)
    certificate, key = _read(config.tls_certificate), _read(config.tls_key, secret=True)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(config.tls_certificate, config.tls_key, "")
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(
            f"link.tls_certificate={config.tls_certificate} and link.tls_key={config.tls_key} are not a certificate "
            f"and its unencrypted key in PEM ({error})"
        ) from error
    return Access(token, grpc.ssl_server_credentials([(key, certificate)]))


def actor_access(config: LinkConfig) -> Access:
    """Raises ConfigError unless the address is loopback or token and TLS are there, and for files of no use."""
    _require_both(config, "is beyond this machine")
    token = read_token(config.token_file)
    if not config.tls_certificate:
        return Access(token)
    certificate = _read(config.tls_certificate)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(config.tls_certificate)
    except ssl.SSLError as error:
        raise ConfigError(f"link.tls_certificate={config.tls_certificate} is no PEM certificate ({error})") from error
    return Access(token, grpc.ssl_channel_credentials(root_certificates=certificate))


def read_token(path: str) -> str:
    """The secret in this file; empty for no file. Raises ConfigError when others may read it, or it is no secret."""
    token = _read(path, secret=True).decode(errors="replace").strip() if path else ""
    if path and not TOKEN.fullmatch(token):
        raise ConfigError(
            f"link.token_file={path} holds {len(token)} characters; a token is 16 to 256 visible ASCII characters: "
            f"make one with `openssl rand -hex 32 > {path}`"
        )
    return token


def is_loopback(address: str) -> bool:
    """Reachable from this machine only. Raises ConfigError when it is not `host:port`."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"link.address={address} is not host:port, such as 127.0.0.1:50051 or [::1]:50051")
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _require_both(config: LinkConfig, where: str) -> None:
    missing = [name for name in ("token_file", "tls_certificate") if not getattr(config, name)]
    if missing and not is_loopback(config.address):
        raise ConfigError(
            f"link.address={config.address} {where}, which needs {' and '.join(f'link.{n}' for n in missing)}; "
            "robot_rl/link/security.py says how to make them"
        )


def _read(path: str, secret: bool = False) -> bytes:
    """Raises ConfigError."""
    try:
        if secret and Path(path).stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
            raise ConfigError(f"{path} is a secret that every user of this machine may read; run `chmod 600 {path}`")
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path} ({error.strerror}); give a file you may read") from error
