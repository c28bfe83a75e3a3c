"""`answerable check`: hold the record against its own entries, signatures and keys; nothing is written."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from answerable.app.checking import Check, Checked, Trusted
from answerable.app.identifying import Index
from answerable.cli.options import DEFAULT_CONFIG, ConfigPath
from answerable.cli.wiring import place_of, signer_of
from answerable.config import Config, load
from answerable.edge import SystemClock
from answerable.errors import SignerUnavailable, StoreUnavailable
from answerable.ledger.verify import EMPTY_ROOT, Checkpoint
from answerable.vault.keys import load_keyring

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def check(config: ConfigPath = DEFAULT_CONFIG, json_: AsJson = False) -> None:
    """Check that nobody has changed the record: 0 verified, 1 failed, 3 not all was checked."""
    begun = begin_check(load(config))
    try:
        checked = begun.run()
    finally:
        begun.inspection.close()
    typer.echo(json.dumps({**asdict(checked), "first_bad": checked.first}, indent=2) if json_ else page(checked))
    sys.exit(checked.exit_code)


def begin_check(config: Config) -> Check:
    """Begin a check of the record of a configuration, and change nothing: not even staff and policy are brought in."""
    place, clock = place_of(config), SystemClock(config.clock.offset_file)
    if not place.is_begun():
        raise StoreUnavailable("there is no record in the place that is configured", hint="restore it from your backup")
    signer, away = signer_of(config), None
    index = Index(keyring=load_keyring(config.keys.path), region=config.ports.phone_region)
    # What was signed last is read first: what is signed meanwhile only makes the record longer.
    try:
        signed = signer.signed_last()
    except SignerUnavailable as error:
        signed, away = Checkpoint(config.record.origin, 0, EMPTY_ROOT), error
    trusted = Trusted(origin=config.record.origin, vkey=signer.vkey, index=index, signed=signed, now=clock.now)
    begun = Check(place.inspect(), trusted)
    if away is not None:
        begun.found.skip(f"whether the end of the record is there: {away}")
    return begun


def page(checked: Checked) -> str:
    """Write what a check found for a person."""
    lines = [checked.verdict, f"{checked.entries} entries, {checked.checkpoints} checkpoints"]
    if checked.waiting:
        lines.append(f"not yet in the tree: {checked.waiting}, which no checkpoint covers")
    lines.append(f"the first {checked.sealed} agree with one; {checked.subjects} accounts, {checked.texts} texts")
    titles = {"Faults": checked.findings, "Not checked": checked.not_checked, "A pass does not show": checked.not_shown}
    for title, items in titles.items():
        if items:
            lines += ["", f"{title}:", *(f"  {item}" for item in items)]
    return "\n".join(lines)
