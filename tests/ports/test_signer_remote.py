"""The signer that is asked over a connection.

Law: what is not signed under the pinned key is not believed, and one that is away costs a bounded wait.
"""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from answerable.cli.listening import address_of, listen
from answerable.cli.sign import build
from answerable.config import token_hash
from answerable.edge import SeededMint
from answerable.errors import BadInput, Conflict, KeyFault, SignerUnavailable
from answerable.ledger.notes import checkpoint_text
from answerable.ledger.verify import Checkpoint, note_signers, parse_note, parse_vkey
from answerable.ports.signer import LocalSigner, create_signing_key
from answerable.ports.signer_remote import RemoteSigner
from tests.ports.signers import NAME, Log, answering, asking, on_socket

FORGED = "another key's"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Write a key file."""
    path = tmp_path / "log.key"
    create_signing_key(path, NAME, mint=SeededMint(1))
    return path


@pytest.fixture
def remote(tmp_path: Path, key: Path) -> Iterator[RemoteSigner]:
    """Serve the key on a socket."""
    with on_socket(key, tmp_path / "keys" / "s.sock") as found:
        yield found


def test_it_signs_as_the_key_itself_does(remote: RemoteSigner, key: Path) -> None:
    """Over the socket a growing log is signed on, what was signed last is known, and the key is the pinned one."""
    log, local = Log(), LocalSigner(key)
    assert (remote.name, remote.vkey, remote.signed_last().size) == (NAME, local.vkey, 0)
    for count in (1, 0, 2, 5, 64):
        text = log.grow(*(bytes([n]) for n in range(count)))
        note = parse_note(remote.sign(text, log.prove).encode())
        assert note.text == text
        assert note_signers(note, [parse_vkey(local.vkey)]) == {NAME}
        assert remote.signed_last() == local.signed_last()
        assert remote.signed_last().size == log.range.size


def test_a_text_already_signed_is_signed_again(remote: RemoteSigner) -> None:
    """Whoever lost the answer asks again and gets the same note; no proof is needed for it."""

    def none(old: int, new: int) -> Sequence[bytes]:
        raise AssertionError(f"no proof is needed from {old} to {new}")

    log = Log()
    text = log.grow(b"a", b"b")
    assert remote.sign(text, log.prove) == remote.sign(text, none)


def test_what_does_not_grow_is_refused(remote: RemoteSigner) -> None:
    """A shorter log, another of the same size, a longer one without the old one in it, and a false proof."""
    log, other = Log(), Log()
    smaller = log.grow(b"a", b"b")
    remote.sign(log.grow(b"c"), log.prove)
    for text in (smaller, other.grow(b"x", b"y", b"z"), other.grow(b"w", b"v")):
        with pytest.raises(Conflict):
            remote.sign(text, other.prove)
    with pytest.raises(Conflict):
        remote.sign(log.grow(b"d"), lambda _old, _new: [b"\0" * 32])
    with pytest.raises(BadInput):
        remote.sign("anything\n", log.prove)
    with pytest.raises(SignerUnavailable, match="status 400"):
        remote.sign(checkpoint_text(Checkpoint("other.example.org", 3, log.range.root())), log.prove)
    assert remote.signed_last().size == 3
    assert remote.sign(log.grow(), log.prove)


def test_two_who_ask_at_once_make_no_fork(remote: RemoteSigner) -> None:
    """Each gets a note of one history, or hears that a larger tree is signed; never two trees of one size."""
    log = Log()
    texts = [log.grow(bytes([number])) for number in range(60)]
    notes: list[str] = []
    refused: list[Conflict] = []

    def ask(mine: list[str]) -> None:
        for text in mine:
            try:
                notes.append(remote.sign(text, log.prove))
            except Conflict as error:
                refused.append(error)

    threads = [threading.Thread(target=ask, args=(texts[turn::3],)) for turn in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(notes) + len(refused) == len(texts)
    assert {parse_note(note.encode()).text for note in notes} <= set(texts)
    # Whoever was overtaken again and again hears so as well, and asks anew.
    assert parse_note(remote.sign(texts[-1], log.prove).encode()).text == texts[-1]
    assert remote.signed_last().size == 60


def test_who_was_overtaken_between_question_and_answer_asks_again(remote: RemoteSigner) -> None:
    """Another server is signed for while the proof is made: the proof then begins where that one ended."""
    log, began = Log(), list[int]()
    remote.sign(log.grow(b"a"), log.prove)
    between, last = log.grow(b"b"), log.grow(b"c")

    def prove(old: int, new: int) -> Sequence[bytes]:
        began.append(old)
        if old == 1:
            remote.sign(between, log.prove)
        return log.prove(old, new)

    assert parse_note(remote.sign(last, prove).encode()).text == last
    assert began == [1, 2]


def test_a_signer_that_died_after_its_memory_was_written_signs_again(tmp_path: Path, key: Path) -> None:
    """Killed after `.last` is on the disk and before any answer: the same text is signed, and the next."""
    program = """
import os, signal, sys
from answerable.ports import signer
from answerable.cli import sign
kept = signer._replace
signer._replace = lambda *given: (kept(*given), os.kill(os.getpid(), signal.SIGKILL))
import asyncio
from pathlib import Path
with sign._unix_socket(Path(sys.argv[2])) as listening:
    asyncio.run(sign.serve_alone(sign.build(signer.LocalSigner(Path(sys.argv[1])), None), listening, "signer", "here"))
"""
    path, log = tmp_path / "keys" / "s.sock", Log()
    text = log.grow(b"a", b"b", b"c")
    with subprocess.Popen(
        [sys.executable, "-c", program, str(key), str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready")
        with pytest.raises(SignerUnavailable):
            asking(f"unix:{path}", key).sign(text, log.prove)
        assert process.wait() == -signal.SIGKILL
    assert LocalSigner(key).signed_last().size == 3
    # The name that the dead one left is taken over.
    with on_socket(key, path) as again:
        assert parse_note(again.sign(text, log.prove).encode()).text == text
        assert again.sign(log.grow(b"d"), log.prove)


def test_one_that_is_away_says_so_in_time(tmp_path: Path, key: Path) -> None:
    """No socket, a wrong host, and one that takes the question and never answers: each ends, and says where."""
    log, text = Log(), Log().grow(b"a")
    path = tmp_path / "silent.sock"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        for address in (f"unix:{path}", f"unix:{tmp_path}/none", f"unix:{tmp_path}/{'long' * 40}", "http://no.invalid:1"):
            signer = asking(address, key, timeout_s=0.2)
            with pytest.raises(SignerUnavailable, match="no signer answers at"):
                signer.sign(text, log.prove)
            with pytest.raises(SignerUnavailable):
                signer.signed_last()


@pytest.mark.parametrize("said", ["", "nonsense", FORGED, "last", "\xff"])
def test_only_the_pinned_key_is_believed(said: str, tmp_path: Path, key: Path) -> None:
    """Whoever sits at the address without the key can neither sign nor tell what was signed last."""
    other = tmp_path / "other.key"
    create_signing_key(other, NAME, mint=SeededMint(2))
    log, good = Log(), LocalSigner(key)
    text = log.grow(b"a")

    async def last(_: Request) -> Response:
        return Response(good.signed_note() if said == "last" else lie(), media_type="text/plain")

    async def checkpoint(_: Request) -> Response:
        # A note of the right key, of another text than the one asked for.
        return Response(good.signed_note() if said == "last" else lie())

    def lie() -> bytes:
        return LocalSigner(other).sign(text, log.prove).encode() if said == FORGED else said.encode("latin-1")

    app = Starlette(
        routes=[Route("/v1/last", last), Route("/v1/checkpoints", checkpoint, methods=["POST"])]
    )
    with listen("127.0.0.1:0", share=False) as listening, answering(listening, app):
        signer = asking(address_of(listening), key)
        with pytest.raises(KeyFault, match="pins"):
            signer.sign(text, log.prove)
        if said != "last":
            with pytest.raises(KeyFault, match="pins"):
                signer.signed_last()


def test_over_http_only_who_has_the_token_asks(key: Path) -> None:
    """Without the token, or with another, nothing is signed and nothing is told."""
    log = Log()
    text = log.grow(b"a")
    app = build(LocalSigner(key), token_hash("right"))
    with listen("127.0.0.1:0", share=False) as listening, answering(listening, app):
        for token in (None, "wrong"):
            with pytest.raises(SignerUnavailable, match="401"):
                asking(address_of(listening), key, token=token).sign(text, log.prove)
        assert LocalSigner(key).signed_last().size == 0
        assert asking(address_of(listening), key, token="right").sign(text, log.prove)


def test_over_https_only_a_known_certificate_is_asked(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host must prove its name before the token is sent to it."""
    certificate = certify(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    log = Log()
    text = log.grow(b"a")
    app = build(LocalSigner(key), token_hash("right"))
    with listen("127.0.0.1:0", share=False) as listening, answering(listening, app, tls=context):
        address = address_of(listening).replace("http:", "https:")
        with pytest.raises(SignerUnavailable, match="certificate"):
            asking(address, key, token="right").sign(text, log.prove)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert asking(address, key, token="right").sign(text, log.prove)


def certify(folder: Path) -> Path:
    """Write a key and a certificate for this machine's own address."""
    private, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder(name, name, private.public_key(), 1, now, now + timedelta(days=1))
    built = built.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=True)
    signed = built.sign(private, SHA256())
    path = folder / "tls.pem"
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + signed.public_bytes(Encoding.PEM))
    return path


def test_a_pin_that_is_none_is_refused() -> None:
    """Nothing is asked under a key line that is broken."""
    with pytest.raises(KeyFault, match=r"signer\.vkey"):
        RemoteSigner("unix:/s", pinned="a+00000000+AQ==", token=None, timeout_s=1)
