"""Reading the file: what is taken, and how a refusal names file, line and key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from answerable.config import init_config, load, resolved
from answerable.config.files import FILE_BYTES_MAX, line_of
from answerable.core.words import Role
from answerable.edge import SeededMint
from answerable.errors import ConfigError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a sound configuration on the disk."""
    init_config(tmp_path / "answerable.toml", mint=SeededMint(1))
    return tmp_path / "answerable.toml"


def refusal(path: Path, old: str, new: str) -> str:
    """Return what is said of the file with one change."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load(path)
    return str(caught.value).removeprefix(str(path))


def test_paths_are_taken_from_the_folder_of_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes started in two folders mean the same record."""
    monkeypatch.chdir("/")
    config = load(path)
    assert config.record.path == path.parent / "record"
    assert config.keys.path == path.parent / "keys"
    assert config.ports.folder == path.parent / "ports"
    assert config.clock.offset_file is None


def test_paths_of_a_linked_file_are_those_of_the_link(path: Path, tmp_path: Path) -> None:
    """A mounted configuration is a link; its neighbours are in the folder of the link."""
    (tmp_path / "mount").mkdir()
    link = tmp_path / "mount" / "answerable.toml"
    link.symlink_to(path)
    assert load(link).record.path == tmp_path / "mount" / "record"


def test_an_absolute_path_stays(path: Path) -> None:
    """A path from the root is taken as it stands."""
    path.write_text(path.read_text().replace('path = "record"', 'path = "/var/lib/record"'))
    assert load(path).record.path == Path("/var/lib/record")


def test_every_table_is_read(path: Path) -> None:
    """Each optional table reaches the configuration with its types."""
    more = (
        '[upstream]\nurl = "https://model.example/v1"\nkey_env = "KEY"\n'
        '[clock]\noffset_file = "offset"\n'
        "[limits]\nidentifiers = 3\n"
    )
    path.write_text(path.read_text() + more)
    config = load(path)
    assert config.upstream is not None
    assert (config.upstream.url, config.upstream.key_env) == ("https://model.example/v1", "KEY")
    assert config.clock.offset_file == path.parent / "offset"
    assert (config.limits.identifiers, config.limits.body_bytes) == (3, 1 << 20)
    assert [person.role for person in config.staff] == [Role.LEAD, Role.PARTNER]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('role = "partner"', 'role = "janitor"', ", line 33: staff[2].role: Invalid enum value 'janitor'"),
        ('path = "keys"', 'path = "keys"\nfoo = 1', ", line 9: keys.foo: Object contains unknown field `foo`"),
        ('path = "keys"', "path = 7", ", line 8: keys.path: Expected a path"),
        ('path = "keys"', 'path = ""', ", line 8: keys.path: Expected a path"),
        ('path = "keys"', 'path = "k\\u0000"', ", line 8: keys.path: Expected a path"),
        ('path = "keys"', "", ", line 7: keys.path: Object missing required field `path`"),
        ("[keys]", "[keyss]", ", line 7: keyss: Object contains unknown field `keyss`"),
        ("[gate]", "[gate]\nlease_s = 0", ", line 50: gate.lease_s: Expected `int` >= 1"),
        ('name = "startup"', 'name = "startup"\nfile = "p.toml"', ", line 10: policy: give either name or file"),
        ('[keys]\npath = "keys"\n', "", ": keys: Object missing required field `keys`"),
    ],
)
def test_a_refusal_names_line_and_key(path: Path, old: str, new: str, said: str) -> None:
    """Whoever edits the file is told where to look."""
    assert refusal(path, old, new) == said


@pytest.mark.parametrize("new", ["[serve", "a = 1\na = 2", f"a = {'[' * 20_000}"])
def test_what_is_not_toml_is_refused(path: Path, new: str) -> None:
    """Broken TOML is an error of the file, told as such."""
    assert refusal(path, "[serve]", new).startswith(" is not TOML")


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """A missing file says how to get one; a folder, other bytes and a giant are refused."""
    with pytest.raises(ConfigError, match="there is no") as caught:
        load(tmp_path / "answerable.toml")
    assert caught.value.hint is not None
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "giant").write_bytes(b"#" * (FILE_BYTES_MAX + 1))
    for name in (".", "bytes", "giant"):
        with pytest.raises(ConfigError):
            load(tmp_path / name)


def test_what_holds_can_be_shown(path: Path) -> None:
    """`answerable config` shows every key, defaults included, as plain values."""
    shown = json.loads(json.dumps(resolved(load(path))))
    assert shown["gate"]["lease_s"] == 60
    assert shown["record"]["path"] == str(path.parent / "record")
    assert shown["policy"] == {"name": "startup", "file": None}


def test_a_line_is_found_by_its_table() -> None:
    """The line of a key is the one in its own table; an unwritten key leads to the table around it."""
    source = "a = 1\n[t]\n# a = 2\na = 3\n[[list]]\na = 4\n[[list]]\nb = 5\n[t.sub]\nc = 6\n"
    assert [line_of(source, key) for key in (("a",), ("t", "a"), ("list", 0, "a"), ("list", 1, "a"))] == [1, 4, 6, 7]
    assert [line_of(source, key) for key in (("list",), ("list", 5), ("t", "x"), ("nothing", "x"), ())] == [
        5,
        5,
        2,
        None,
        None,
    ]
