"""The verifier as a whole: folders that are whole, changed, cut, forked, unsigned or hostile.

Law: VERIFIED means every byte was checked under the reader's key; any change is FAILED, anything left out NOT CHECKED.
"""

from __future__ import annotations

import base64
import json
import os
import runpy
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest

from answerable.ledger import verify
from answerable.ledger.notes import sign_note, vkey
from answerable.ledger.verify import audit_folder, canonical, leaf_hash, main, parse_vkey, report
from tests.ledger.logs import KEY, ORIGIN, OTHER, PRIVATE, VKEY, note_for, plain_root, some_entries, write_folder

STREAMS = ["system", "case:c_1", "subject:s_1", "case:c_1", "case:c_2", "case:c_1", "system"]
ENTRIES = some_entries(STREAMS)
SIZES = [0, 3, 5, 7]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a whole and signed export."""
    return write_folder(tmp_path / "export", ENTRIES, SIZES)


def verdict(folder: Path, *, key: bool = True) -> dict:
    """Return the report on a folder."""
    return report(audit_folder(folder, [KEY] if key else []))


def put(folder: Path, entries: list[bytes]) -> dict:
    """Replace the entries and return the report."""
    (folder / "entries.jsonl").write_bytes(b"".join(entry + b"\n" for entry in entries))
    return verdict(folder)


def holds(result: dict, line: int) -> bool:
    """Tell whether the report's first bad place covers this line."""
    first, last = result["first_bad"]
    return first <= line <= last


def test_a_whole_folder_is_verified(folder: Path) -> None:
    """Nothing changed, everything signed: VERIFIED, with what that does not show."""
    result = verdict(folder)
    assert result["verdict"] == "VERIFIED"
    assert (result["entries"], result["streams"], result["checkpoints"]) == (7, 4, 5)
    assert result["agree_with_a_checkpoint"] == 7
    assert result["first_bad"] is None
    assert any("true" in line for line in result["not_shown"])


def test_every_flipped_byte_is_found(folder: Path) -> None:
    """Each byte of each file, changed in one bit, in turn: FAILED every time."""
    missed = []
    for path in [p for p in sorted(folder.rglob("*")) if p.is_file()]:
        whole = path.read_bytes()
        for at in range(len(whole)):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
            if verdict(folder)["verdict"] != "FAILED":
                missed.append((path.name, at))
        path.write_bytes(whole)
    assert missed == []


@pytest.mark.parametrize("line", range(1, 8))
def test_an_edit_that_keeps_every_form_is_found(folder: Path, line: int) -> None:
    """An entry rewritten in good form is found, and the place named holds it."""
    edited = canonical({**json.loads(ENTRIES[line - 1]), "by": "staff_8"})
    result = put(folder, [*ENTRIES[: line - 1], edited, *ENTRIES[line:]])
    assert result["verdict"] == "FAILED"
    assert holds(result, line)


@pytest.mark.parametrize("line", range(1, 8))
def test_a_broken_line_is_named_exactly(folder: Path, line: int) -> None:
    """An entry that is no longer in form is the first bad line, alone."""
    broken = ENTRIES[line - 1].replace(b'"v":1', b'"v": 1')
    assert put(folder, [*ENTRIES[: line - 1], broken, *ENTRIES[line:]])["first_bad"] == [line, line]


@pytest.mark.parametrize("line", range(1, 8))
def test_a_deleted_entry_is_found(folder: Path, line: int) -> None:
    """Each entry, left out."""
    assert put(folder, [*ENTRIES[: line - 1], *ENTRIES[line:]])["verdict"] == "FAILED"


@pytest.mark.parametrize(("one", "two"), list(combinations(range(7), 2)))
def test_two_entries_in_each_others_place_are_found(folder: Path, one: int, two: int) -> None:
    """Each pair, exchanged; the order is the evidence of what was known first."""
    entries = list(ENTRIES)
    entries[one], entries[two] = entries[two], entries[one]
    assert put(folder, entries)["verdict"] == "FAILED"


@pytest.mark.parametrize("line", range(1, 8))
def test_a_doubled_entry_is_found(folder: Path, line: int) -> None:
    """Each entry, twice."""
    assert put(folder, [*ENTRIES[:line], *ENTRIES[line - 1 :]])["verdict"] == "FAILED"


@pytest.mark.parametrize("count", range(7))
def test_entries_cut_off_below_a_checkpoint_are_missed(folder: Path, count: int) -> None:
    """Fewer entries than a checkpoint signs: the missing lines are named."""
    result = put(folder, ENTRIES[:count])
    assert result["verdict"] == "FAILED"
    assert holds(result, count + 1)


def test_what_the_newest_checkpoint_does_not_cover_is_not_checked(folder: Path) -> None:
    """An entry after the newest checkpoint is in form, but nobody has signed it yet."""
    result = put(folder, some_entries([*STREAMS, "system"]))
    assert result["verdict"] == "NOT CHECKED"
    assert result["not_checked"] == ["lines 8 to 8: beyond the newest checkpoint that holds"]
    assert result["agree_with_a_checkpoint"] == 7


def test_a_fork_that_the_log_itself_signed_is_found(tmp_path: Path) -> None:
    """Two entries for one place of a stream fail, though every signature is good."""
    other = canonical({**json.loads(ENTRIES[1]), "by": "staff_8"})
    result = verdict(write_folder(tmp_path / "export", [*ENTRIES[:2], other], [3]))
    assert result["verdict"] == "FAILED"
    assert result["first_bad"] == [2, 3]


@pytest.mark.parametrize("change", [{"prev": "00" * 32}, {"seq": 3}])
def test_a_broken_chain_that_the_log_itself_signed_is_found(tmp_path: Path, change: dict) -> None:
    """A link that names another entry, or a gap in the counting, fails though every signature is good."""
    entries = [ENTRIES[1], ENTRIES[0], canonical({**json.loads(ENTRIES[3]), **change})]
    result = verdict(write_folder(tmp_path / "export", entries, [3]))
    assert result["verdict"] == "FAILED"
    assert result["first_bad"] == [1, 3]
    assert len(result["findings"]) == 1


def test_a_stream_that_starts_in_the_middle_is_found(tmp_path: Path) -> None:
    """The first entry of a stream must have seq 1, whoever signed it."""
    result = verdict(write_folder(tmp_path / "export", [ENTRIES[3]], [1]))
    assert result["first_bad"] == [1, 1]


@pytest.mark.parametrize("size", [3, 7])
def test_a_checkpoint_that_contradicts_the_others_is_found(folder: Path, size: int) -> None:
    """A second history, signed with the log's own key, fails against the first."""
    other = some_entries(["case:c_9"] * size)
    (folder / "checkpoints" / str(size)).write_bytes(note_for(other))
    result = verdict(folder)
    assert result["verdict"] == "FAILED"
    assert any(f"checkpoints/{size}: signs other entries" in line for line in result["findings"])


def test_two_contradicting_copies_of_one_size_are_found(folder: Path) -> None:
    """The copy of the newest is checked as much as the original."""
    (folder / "checkpoint").write_bytes(note_for(some_entries(["case:c_9"] * 7)))
    assert verdict(folder)["verdict"] == "FAILED"


def test_without_a_key_nothing_is_verified(folder: Path) -> None:
    """A folder may agree with itself; that alone is never VERIFIED."""
    result = verdict(folder, key=False)
    assert result["verdict"] == "NOT CHECKED"
    assert not result["signatures_checked"]
    assert "self-consistent only" in result["not_checked"][0]


def test_signed_by_somebody_else_is_a_failure(folder: Path) -> None:
    """One checkpoint under another key is enough."""
    (folder / "checkpoints" / "3").write_bytes(note_for(ENTRIES[:3], OTHER))
    result = verdict(folder)
    assert result["verdict"] == "FAILED"
    assert "no signature" in result["findings"][0]


def test_a_known_key_may_not_sign_for_another_log(folder: Path) -> None:
    """Entries and checkpoints of one folder are of one log, and its own key signs for it."""
    foreign = sign_note(note_for(ENTRIES[:3]).decode().split("\n\n")[0].replace(ORIGIN, "x") + "\n", ORIGIN, PRIVATE)
    (folder / "checkpoints" / "3").write_bytes(foreign.encode())
    assert "another log" in verdict(folder)["findings"][0]
    other = sign_note(note_for(ENTRIES[:3]).decode().split("\n\n")[0] + "\n", "x", OTHER)
    (folder / "checkpoints" / "3").write_bytes(other.encode())
    both = report(audit_folder(folder, [KEY, parse_vkey(vkey("x", OTHER.public_key()))]))
    assert "no signature of the log" in both["findings"][0]


def test_an_entry_of_another_log_is_found(folder: Path) -> None:
    """An entry that names another origin is a fault on its line."""
    mixed = [*ENTRIES[:2], *some_entries(["case:c_7"], "other.example")]
    assert "line 3: belongs to another log" in put(folder, mixed)["findings"]


def test_no_checkpoint_at_all_is_not_checked(folder: Path) -> None:
    """An empty ledger without a checkpoint is not VERIFIED either: nobody signed its emptiness."""
    for path in (folder / "checkpoints").iterdir():
        path.unlink()
    (folder / "checkpoint").unlink()
    assert verdict(folder)["verdict"] == "NOT CHECKED"
    assert put(folder, [])["not_checked"] == ["checkpoints: there is none"]
    (folder / "checkpoints").rmdir()
    assert verdict(folder)["verdict"] == "NOT CHECKED"


def test_the_copy_of_the_newest_must_be_there_and_be_the_newest(folder: Path) -> None:
    """An older copy, or none, is a fault: it hides what was signed last."""
    (folder / "checkpoint").write_bytes(note_for(ENTRIES[:5]))
    assert any("not the newest" in line for line in verdict(folder)["findings"])
    (folder / "checkpoint").unlink()
    assert any("is missing" in line for line in verdict(folder)["findings"])


def test_a_checkpoint_has_the_size_in_its_name(folder: Path) -> None:
    """A note filed under another size is a fault."""
    (folder / "checkpoints" / "4").write_bytes(note_for(ENTRIES[:3]))
    assert any("another size" in line for line in verdict(folder)["findings"])


def test_files_that_are_no_checkpoints_are_counted_and_not_read(folder: Path) -> None:
    """A stray file takes the VERIFIED away, as something there was not checked."""
    (folder / "checkpoints" / "+3").write_bytes(b"?")
    result = verdict(folder)
    assert result["verdict"] == "NOT CHECKED"
    assert result["not_checked"] == ["checkpoints/: 1 files that are named after no size"]


def test_a_line_without_end_stops_the_reading(folder: Path) -> None:
    """A line beyond the limit is a fault, and memory stays bounded."""
    (folder / "entries.jsonl").write_bytes(ENTRIES[0] + b"\n" + b"x" * 100_000 + b"\n")
    assert verdict(folder)["first_bad"] == [2, 2]
    (folder / "entries.jsonl").write_bytes(ENTRIES[0] + b"\n" + b"x" * verify.MAX_ENTRY + b"x\n")
    assert any("longer than" in line for line in verdict(folder)["findings"])


def test_faults_are_counted_only_so_far(folder: Path) -> None:
    """A folder full of rubbish is FAILED with a bounded report."""
    assert len(put(folder, [b"x"] * 1_000)["findings"]) == verify.MAX_FINDINGS


@pytest.mark.parametrize("name", ["entries.jsonl", "checkpoint", "checkpoints/3", "checkpoints"])
def test_links_are_not_followed(folder: Path, tmp_path: Path, name: str) -> None:
    """A link could show the reader a file from elsewhere: the folder is refused as unreadable."""
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    assert main([str(folder), "--key", VKEY]) == 2


def test_pipes_and_folders_are_not_read(folder: Path) -> None:
    """A pipe would make the reader wait for ever."""
    (folder / "entries.jsonl").unlink()
    os.mkfifo(folder / "entries.jsonl")
    assert main([str(folder)]) == 2
    (folder / "entries.jsonl").unlink()
    (folder / "entries.jsonl").mkdir()
    assert main([str(folder)]) == 2


def test_a_folder_with_too_many_checkpoints_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a limit, and passing it is not a pass."""
    monkeypatch.setattr(verify, "MAX_CHECKPOINTS", 3)
    assert main([str(folder)]) == 2


@pytest.mark.parametrize("content", [b"", b"\xff", b"x" * 300_000])
def test_a_checkpoint_that_is_no_note_is_a_fault(folder: Path, content: bytes) -> None:
    """Rubbish in place of a checkpoint is FAILED, in the folder and as the copy."""
    (folder / "checkpoints" / "3").write_bytes(content)
    assert verdict(folder)["verdict"] == "FAILED"
    (folder / "checkpoints" / "3").write_bytes(note_for(ENTRIES[:3]))
    (folder / "checkpoint").write_bytes(content)
    assert verdict(folder)["verdict"] == "FAILED"


def test_after_a_bad_checkpoint_the_good_ones_still_count(folder: Path) -> None:
    """Which part of a damaged folder still agrees with a signature is said."""
    entries = [*ENTRIES[:5], canonical({**json.loads(ENTRIES[5]), "by": "staff_8"}), ENTRIES[6]]
    result = put(folder, entries)
    assert result["agree_with_a_checkpoint"] == 5
    assert "lines 6 to 7: checkpoint: signs other entries than these" in result["findings"]


def run(folder: Path, *arguments: str, alone: Path) -> subprocess.CompletedProcess[str]:
    """Run a copy of the one file, isolated from every package of ours."""
    copy = alone / "verify.py"
    copy.write_bytes(Path(verify.__file__).read_bytes())
    command = [sys.executable, "-I", str(copy), str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=alone)


def test_the_one_file_runs_alone(folder: Path, tmp_path: Path) -> None:
    """A copy on its own, isolated: 0 verified, 3 without a key, 1 failed, 2 for nothing there or no key line."""
    whole = run(folder, "--key", VKEY, alone=tmp_path)
    assert (whole.returncode, whole.stdout.splitlines()[0], whole.stderr) == (0, "VERIFIED", "")
    unsigned = run(folder, alone=tmp_path)
    assert (unsigned.returncode, unsigned.stdout.splitlines()[0]) == (3, "NOT CHECKED")
    with (folder / "entries.jsonl").open("ab") as file:
        file.write(b"{}\n")
    failed = run(folder, "--key", VKEY, "--json", alone=tmp_path)
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["first_bad"] == [8, 8]
    assert run(folder / "none", "--key", VKEY, alone=tmp_path).returncode == 2
    assert run(folder, "--key", "no key", alone=tmp_path).returncode == 2
    assert run(folder, "--what", alone=tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("key", "why"), [("abc", "is no Ed25519 verifier key"), (VKEY[:-1], "has base64 that is broken"), ("", "is no")]
)
def test_a_key_that_is_none_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], key: str, why: str
) -> None:
    """Whoever copied half of a key is told so in words, and nothing is checked."""
    with pytest.raises(SystemExit) as ended:
        main([str(folder), "--key", key])
    assert ended.value.code == 2
    assert f"argument --key: {why}" in capsys.readouterr().err


def test_the_page_cannot_be_painted_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing from the folder reaches the terminal as it is: a log's name could carry control sequences."""
    root = base64.b64encode(plain_root([])).decode()
    (folder / "checkpoint").write_bytes(sign_note(f"\u202eevil\u009b\n0\n{root}\n", "x", OTHER).encode())
    (folder / "checkpoints" / "0").unlink()
    assert main([str(folder)]) == 1
    page = capsys.readouterr().out
    assert page.isascii()
    assert "\\u202e" in page


def test_run_as_a_program(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The file run by name takes its arguments from the command line and ends with the exit code."""
    monkeypatch.setattr(sys, "argv", ["verify.py", str(folder), "--key", VKEY])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(verify.__file__, run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("VERIFIED\n")


def test_a_checkpoint_over_nothing_is_over_nothing(folder: Path) -> None:
    """A signed empty tree must have the empty root."""
    text = f"{ORIGIN}\n0\n{base64.b64encode(leaf_hash(b'')).decode()}\n"
    (folder / "checkpoints" / "0").write_bytes(sign_note(text, ORIGIN, PRIVATE).encode())
    assert verdict(folder)["verdict"] == "FAILED"
