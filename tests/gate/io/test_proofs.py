"""Notes under the pinned key, and seals."""

from __future__ import annotations

import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from answerable.ledger import notes
from answerable_gate import Malformed
from answerable_gate.io.proofs import pin
from tests.gate.build import ORIGIN, Log


def signed(text: str, name: str = ORIGIN, private: Ed25519PrivateKey | None = None) -> str:
    """Sign any text as the log would."""
    return notes.sign_note(text, name, private or Log().private)


def test_a_note_of_the_pinned_log_is_believed() -> None:
    """Size and root come back, with other signatures and further lines of the checkpoint beside them."""
    log = Log()
    log.append("Noise")
    verify = log.pinned.verify
    assert verify is not None
    assert verify(log.note()) == (1, log.edge.root())
    foreign = signed("x\n", "witness.example", Ed25519PrivateKey.generate()).split("\n\n")[1]
    assert verify(log.note() + foreign) == (1, log.edge.root())
    text = notes.checkpoint_text(notes.Checkpoint(ORIGIN, 1, log.edge.root()))
    assert verify(signed(text + "a further line\n")) == (1, log.edge.root())


ROOT = "A" * 43 + "="


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n\n",
        f"{ORIGIN}\n1\n{ROOT}\n\n",
        f"{ORIGIN}\n1\n{ROOT}\n\n\u2014 {ORIGIN} AAAA\n",
        f"{ORIGIN}\n1\n{ROOT}\n\n\u2014 {ORIGIN} %\n",
        f"{ORIGIN}\n1\n{ROOT}\n\n\u2014 {ORIGIN} \ud800\n",
        signed(f"{ORIGIN}\n1\n{ROOT}\n")[:-1],
        signed(f"{ORIGIN}\n1\n{ROOT}\n").replace("\n1\n", "\n2\n"),
        signed(f"{ORIGIN}\n1\n{ROOT}\n", private=Ed25519PrivateKey.generate()),
        signed(f"{ORIGIN}\n1\n{ROOT}\n", name="other.example"),
        signed(f"other.example\n1\n{ROOT}\n"),
        signed(f"{ORIGIN}\n01\n{ROOT}\n"),
        signed(f"{ORIGIN}\n+1\n{ROOT}\n"),
        signed(f"{ORIGIN}\n\u0661\n{ROOT}\n"),
        signed(f"{ORIGIN}\n1\nAAAA\n"),
        signed(f"{ORIGIN}\n1\n%\n"),
        signed(f"{ORIGIN}\n1\n"),
        signed(f"{ORIGIN}\n1\n{ROOT}\n") + f"\u2014 {ORIGIN} {'A' * 20}\n" * 20,
    ],
)
def test_any_other_note_is_not(note: str) -> None:
    """Unsigned, changed, of another key, name or origin, or not exactly a checkpoint: nothing is proven."""
    verify = Log().pinned.verify
    assert verify is not None
    assert verify(note) is None


def test_one_wrong_signature_of_the_known_key_condemns_the_note() -> None:
    """A good signature beside a bad one under the same key is no good (C2SP signed-note)."""
    good, bad = signed(f"{ORIGIN}\n1\n{ROOT}\n"), signed(f"{ORIGIN}\n2\n{ROOT}\n").split("\n\n")[1]
    verify = Log().pinned.verify
    assert verify is not None
    assert verify(good) is not None
    assert verify(good + bad) is None


@pytest.mark.parametrize("vkey", ["", "name", "name+00000000+AQ==", "name+zz+%", Log().key[:-4], "x" + Log().key])
def test_a_broken_key_line_is_malformed(vkey: str) -> None:
    """A wrong key is noticed when it is given, not when a proof comes."""
    with pytest.raises(Malformed):
        pin(vkey, ORIGIN)


@pytest.mark.parametrize(
    ("missing", "module", "extra"), [("cryptography", "proofs", "proofs"), ("aiohttp", "aiohttp", "aiohttp")]
)
def test_a_missing_extra_is_named(missing: str, module: str, extra: str) -> None:
    """Where a package is missing, the error says what to install; the pure gate needs none of them."""
    program = (
        f"import sys; sys.modules[{missing!r}] = None; import answerable_gate, answerable_gate.snapshot\n"
        f"try:\n    import answerable_gate.io.{module}\nexcept ImportError as error:\n    sys.stdout.write(str(error))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert f"pip install answerable-gate[{extra}]" in done.stdout
