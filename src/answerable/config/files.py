"""Reading answerable.toml: whole, checked whole, or refused with file, line and key.

Law: what runs is what the file says; paths are taken from the file's own folder, wherever the program was started.
"""

import re
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from answerable.config.rules import Complaint, KeyPath, complaints, complaints_of_a_gateway
from answerable.config.tables import Config, GateTable, GatewayHost, Identity, SignerTable
from answerable.errors import ConfigError

FILE_BYTES_MAX = 1 << 20

T = TypeVar("T", Config, GatewayHost)


def load(path: Path) -> Config:
    """Read and check a configuration; raise ConfigError naming file, line and key."""
    config = _sound(path, *_parsed(path), Config, complaints)
    # Not resolved: where the file is a link, as in a mounted configuration, its neighbours are those of the link.
    return _absolute(config, path.absolute().parent)


def load_host(path: Path) -> Config | GatewayHost:
    """Read a configuration, or the file of a gateway's host: that one has a feed to read and no record."""
    source, raw = _parsed(path)
    gate = raw.get("gate")
    if "record" in raw or not (isinstance(gate, dict) and "feed" in gate):
        return load(path)
    host, home = _sound(path, source, raw, GatewayHost, complaints_of_a_gateway), path.absolute().parent
    clock = msgspec.structs.replace(host.clock, offset_file=_under(home, host.clock.offset_file))
    identity = _identity_under(home, host.identity)
    return msgspec.structs.replace(host, gate=_gate_under(home, host.gate), clock=clock, identity=identity)


def _parsed(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        source = _read(path)
        return source, tomllib.loads(source)
    except FileNotFoundError as error:
        raise ConfigError(f"there is no {path}", hint="answerable init writes one to begin with") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as text: {error}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error


def _sound(
    path: Path, source: str, raw: dict[str, Any], kind: type[T], rules: Callable[[T], Iterable[Complaint]]
) -> T:
    try:
        config = msgspec.convert(raw, kind, dec_hook=_path_from)
    except msgspec.ValidationError as error:
        message, key = _located(str(error))
        raise _complaint(path, source, (key, message)) from error
    for complaint in rules(config):
        raise _complaint(path, source, complaint)
    return config


def resolved(config: Config | GatewayHost) -> dict[str, Any]:
    """Return every key with the value that holds, as plain values, for showing."""
    shown: dict[str, Any] = msgspec.to_builtins(config, enc_hook=str)
    return shown


def _read(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(FILE_BYTES_MAX + 1)
    if len(content) > FILE_BYTES_MAX:
        raise ConfigError(f"{path} is larger than {FILE_BYTES_MAX} bytes")
    return content.decode("utf-8")


def _path_from(kind: type, value: object) -> Path:
    assert kind is Path, f"no key is of type {kind}"
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("Expected a path")
    return Path(value)


def _absolute(config: Config, home: Path) -> Config:
    """Return the configuration with every path taken from the file's own folder, wherever the program was started."""
    replace = msgspec.structs.replace
    return replace(
        config,
        record=replace(config.record, path=home / config.record.path),
        keys=replace(config.keys, path=home / config.keys.path),
        signer=_signer_under(home, config.signer),
        policy=replace(config.policy, file=_under(home, config.policy.file)),
        ports=replace(config.ports, folder=_under(home, config.ports.folder)),
        clock=replace(config.clock, offset_file=_under(home, config.clock.offset_file)),
        gate=_gate_under(home, config.gate),
        identity=_identity_under(home, config.identity),
    )


def _identity_under(home: Path, identity: Identity) -> Identity:
    jwks, is_file = identity.jwks, identity.jwks is not None and not identity.jwks.startswith("https:")
    placed = str(home / jwks) if jwks is not None and is_file else jwks
    return msgspec.structs.replace(identity, jwks=placed, keys_file=_under(home, identity.keys_file))


def _gate_under(home: Path, gate: GateTable) -> GateTable:
    key_file, snapshot = _under(home, gate.key_file), _under(home, gate.snapshot)
    return msgspec.structs.replace(gate, key_file=key_file, snapshot=snapshot)


def _signer_under(home: Path, signer: SignerTable | None) -> SignerTable | None:
    if signer is None:
        return None
    address, listen = _socket_under(home, signer.address), signer.listen
    return msgspec.structs.replace(
        signer,
        address=address,
        listen=None if listen is None else _socket_under(home, listen),
        key_file=_under(home, signer.key_file),
    )


def _socket_under(home: Path, address: str) -> str:
    path = address.removeprefix("unix:")
    return address if path == address else f"unix:{home / path}"


def _under(home: Path, path: Path | None) -> Path | None:
    return None if path is None else home / path


_PLACE = re.compile(r"(?P<message>.*?)(?: - at `\$(?P<path>[^`]*)`)?", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_FIELD = re.compile(r"(unknown|required) field `([^`]*)`")


def _located(error: str) -> tuple[str, KeyPath]:
    """Take a message of msgspec apart into what is wrong and the key it is about."""
    found = _PLACE.fullmatch(error)
    assert found is not None, "the pattern takes any text"
    steps: list[str | int] = [name or int(place) for name, place in _STEP.findall(found["path"] or "")]
    field = _FIELD.search(found["message"])
    return found["message"], (*steps, field[2]) if field else tuple(steps)


def _complaint(path: Path, source: str, complaint: Complaint) -> ConfigError:
    key, message = complaint
    spelled = "".join(f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in key).lstrip(".")
    line = line_of(source, key)
    return ConfigError(f"{path}{f', line {line}' if line else ''}: {spelled or 'the file'}: {message}")


_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.-]+)\s*\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=")


def line_of(source: str, key: KeyPath) -> int | None:
    """Return the line of a key, or of the nearest table around it, in a file written in the usual manner."""
    lines: dict[KeyPath, int] = {}
    tables: dict[str, int] = {}
    table: KeyPath = ()
    for number, line in enumerate(source.splitlines(), start=1):
        if header := _HEADER.match(line):
            name = header[2]
            tables[name] = tables.get(name, -1) + 1
            table = (name, tables[name]) if header[1] == "[[" else (name,)
            lines.setdefault((name,), number)
            lines.setdefault(table, number)
        elif found := _KEY.match(line):
            lines.setdefault((*table, found[1]), number)
    around = (key[:length] for length in range(len(key), 0, -1))
    return next((lines[part] for part in around if part in lines), None)
