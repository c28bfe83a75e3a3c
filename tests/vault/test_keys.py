"""The keyring: made once, private, never replaced."""

from __future__ import annotations

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path

import pytest

from answerable.edge import RandomMint, SeededMint
from answerable.errors import KeyFault
from answerable.vault.keys import KEYRING_FILE, create_keyring, load_keyring, make_keyring


def test_keys_are_made_once_and_read_back(tmp_path: Path) -> None:
    """The first start makes the keys; every later one reads the same, whatever its mint gives."""
    folder = tmp_path / "new" / "keys"
    made = create_keyring(folder, mint=SeededMint(1))
    assert made == make_keyring(SeededMint(1)) == load_keyring(folder) == create_keyring(folder, mint=SeededMint(2))
    assert os.listdir(folder) == [KEYRING_FILE]


def test_the_keys_are_private(tmp_path: Path) -> None:
    """Mode 0600 in a folder of mode 0700, and no key is ever shown."""
    keyring = create_keyring(tmp_path / "keys", mint=RandomMint())
    assert stat.S_IMODE((tmp_path / "keys" / KEYRING_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert all(getattr(keyring, each.name).hex() not in repr(keyring) + keyring.mark for each in fields(keyring))
    assert repr(keyring) == "Keyring()"


def test_of_many_first_starts_one_makes_the_keys(tmp_path: Path) -> None:
    """Processes that start at once all use the same keys."""
    with ThreadPoolExecutor(8) as pool:
        keyrings = list(pool.map(lambda _: create_keyring(tmp_path / "keys", mint=RandomMint()), range(16)))
    assert keyrings == [keyrings[0]] * 16
    assert os.listdir(tmp_path / "keys") == [KEYRING_FILE]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_keys_that_others_can_reach_are_refused(tmp_path: Path, mode: int) -> None:
    """A keyring that group or world may read or write opens nothing."""
    create_keyring(tmp_path, mint=RandomMint())
    (tmp_path / KEYRING_FILE).chmod(mode)
    with pytest.raises(KeyFault, match="only its owner reads"):
        load_keyring(tmp_path)


def test_a_link_is_judged_by_the_file_behind_it(tmp_path: Path) -> None:
    """A mounted secret may be a link; a dangling one is missing keys, and no keys are made in its place."""
    create_keyring(tmp_path / "keys", mint=RandomMint())
    (tmp_path / KEYRING_FILE).symlink_to(tmp_path / "keys" / KEYRING_FILE)
    assert load_keyring(tmp_path) == load_keyring(tmp_path / "keys")
    (tmp_path / "keys" / KEYRING_FILE).unlink()
    with pytest.raises(KeyFault, match="there are no keys"):
        create_keyring(tmp_path, mint=RandomMint())


def test_missing_keys_are_never_made_anew_by_loading(tmp_path: Path) -> None:
    """Loading never makes keys: another keyring would silently recognise nobody."""
    with pytest.raises(KeyFault, match="there are no keys"):
        load_keyring(tmp_path)
    assert os.listdir(tmp_path) == []


def test_what_is_no_folder_holds_no_keys(tmp_path: Path) -> None:
    """Where the disk refuses, the start is refused and the reason is told."""
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyFault, match="cannot be made"):
        create_keyring(tmp_path / "file", mint=RandomMint())
    with pytest.raises(KeyFault, match="cannot be read"):
        load_keyring(tmp_path / "file")
    (tmp_path / KEYRING_FILE).mkdir()
    with pytest.raises(KeyFault):
        load_keyring(tmp_path)


GOOD = {"v": 1, "kek": "a" * 64, "index": "b" * 64, "gate": "c" * 64}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "\ud800".encode("utf-8", "surrogatepass"),
        json.dumps(GOOD | {"v": 2}),
        json.dumps(GOOD | {"more": "d" * 64}),
        json.dumps({name: GOOD[name] for name in ("v", "kek", "index")}),
        json.dumps(GOOD | {"gate": "c" * 63}),
        json.dumps(GOOD | {"gate": "C" * 64}),
        json.dumps(GOOD | {"gate": 7}),
        json.dumps(GOOD | {"gate": ["c"]}),
        json.dumps(GOOD | {"gate": "b" * 64}),
        json.dumps(GOOD) + " " * 5000 + "x",
        "[" * 4000,
    ],
)
def test_a_strange_keyring_is_refused_and_kept(tmp_path: Path, content: str | bytes) -> None:
    """A file that is no keyring of this version is an error, and stays as it is."""
    path = tmp_path / KEYRING_FILE
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(0o600)
    before = path.read_bytes()
    with pytest.raises(KeyFault):
        create_keyring(tmp_path, mint=RandomMint())
    assert path.read_bytes() == before


def test_the_mark_tells_keyrings_apart() -> None:
    """A record that noted the mark of its keyring sees at start that another one was given."""
    keyring = make_keyring(SeededMint(1))
    assert keyring.mark == make_keyring(SeededMint(1)).mark
    marks = {keyring.mark, replace(keyring, kek=bytes(32)).mark, replace(keyring, index=bytes(32)).mark}
    assert len(marks) == 3
