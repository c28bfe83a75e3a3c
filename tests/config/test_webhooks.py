"""Vendors' webhooks in the file: each whole, or nothing starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from answerable.config import init_config, load
from answerable.core.words import Hazard
from answerable.edge import SeededMint
from answerable.errors import ConfigError

OPENAI = '[[webhooks]]\nname = "openai"\nformat = "openai"\nsecret_env = "S"\nkey_env = "K"\n'
OTHER = '[[webhooks]]\nname = "other"\nsecret_env = "S"\naccount = "/user"\nkind = "/type"\n'


def written(folder: Path, more: str) -> Path:
    """Write a sound file with more in it."""
    path = folder / "answerable.toml"
    init_config(path, mint=SeededMint(1))
    path.write_text(path.read_text() + "\n" + more)
    return path


def test_a_vendor_is_read_with_what_its_words_mean(tmp_path: Path) -> None:
    """Each word a hazard, and whether it is held."""
    more = OPENAI + '[webhooks.kinds.harassment]\nhazard = "stalking"\nadopts = true\n' + OTHER
    one, other = load(written(tmp_path, more)).webhooks
    assert (one.kinds["harassment"].hazard, one.kinds["harassment"].adopts) == (Hazard.STALKING, True)
    assert one.url == "https://api.openai.com/v1"
    assert (other.format, other.kinds) == ("pointers", {})


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (OTHER + OTHER, "is there twice"),
        (OPENAI.replace('key_env = "K"\n', ""), "without one none is ever known"),
        (OPENAI + 'account = "/user"\n', "pointers are for vendors"),
        (OPENAI + 'url = "http://api.example/v1"\n', "an https address"),
        (OPENAI + 'url = "api.example"\n', "an https address"),
        (OTHER.replace('account = "/user"\n', ""), "give account and kind"),
        (OTHER.replace('kind = "/type"\n', ""), "give account and kind"),
        (OTHER + 'key_env = "K"\n', "no key"),
        (OTHER.replace("/user", "user"), "account"),
        (OTHER.replace('"other"', '"Other One"'), "name"),
        (OTHER + '[webhooks.kinds.x]\nhazard = "bad weather"\n', "kinds"),
    ],
)
def test_what_could_not_work_does_not_start(tmp_path: Path, more: str, says: str) -> None:
    """A webhook that is half configured loses notices; the file is refused instead."""
    with pytest.raises(ConfigError, match=says):
        load(written(tmp_path, more))


def test_a_stand_in_on_this_machine_needs_no_tls(tmp_path: Path) -> None:
    """For rehearsals."""
    assert load(written(tmp_path, OPENAI + 'url = "http://127.0.0.1:9/v1"\n')).webhooks
