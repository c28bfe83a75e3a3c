"""The composition root: from a configuration to a record with its keys, ports and verbs; nothing is wired elsewhere.

Law: keys are made only for a record that holds nothing yet; whoever lost them is told, never given new ones.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from answerable.app import Acts, Adoption, Answerable, GateRules, Intake, Reading
from answerable.app.genesis import Person, adoption, enrol
from answerable.app.identifying import Index
from answerable.cli import ports
from answerable.config import Config, from_environment, load
from answerable.edge import RandomMint, SystemClock
from answerable.errors import ConfigError, Conflict
from answerable.ports.notifier import FileNotifier, Notifier
from answerable.ports.signer import LocalSigner, Signer, create_signing_key
from answerable.ports.signer_remote import RemoteSigner
from answerable.store.opening import INCEPTION
from answerable.store.places import Place
from answerable.store.protocol import Store
from answerable.vault.keys import Keyring, create_keyring, load_keyring

SIGNING_KEY = "log.json"
LETTERS = "letters.jsonl"

_log = logging.getLogger("answerable.policy")


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """One process's hold on a record: its store, keys, ports and clock; `policy` is the text that is configured."""

    config: Config
    policy: str
    store: Store
    keyring: Keyring
    signer: Signer
    clock: SystemClock
    mint: RandomMint
    ports: ports.Connected

    def acts(self) -> Acts:
        """Return acts for one thread; each thread keeps its own time and memory."""
        return Acts(store=self.store, keyring=self.keyring, clock=self.clock, mint=self.mint)

    @property
    def index(self) -> Index:
        """The blind index of this record."""
        return Index(keyring=self.keyring, region=self.config.ports.phone_region)

    def answerable(self) -> Answerable:
        """Return the verbs for one thread."""
        acts = self.acts()
        intake = Intake(acts, self.index, directory=self.ports.directory, entitlements=self.ports.entitlements)
        return Answerable(acts, intake, self.signer)

    def reading(self) -> Reading:
        """Return what may be read without opening a case, for one thread."""
        gate = self.config.gate
        rules = GateRules(
            on_stale=gate.on_stale,
            on_cold_start=gate.on_cold_start,
            on_no_identity=gate.on_no_identity,
            lease_s=gate.lease_s,
        )
        return Reading(self.acts(), self.signer, rules, policy=self.policy)

    def adoption(self) -> Adoption:
        """Return how the configured policy stands to the one in force."""
        return adoption(self.acts(), self.policy)

    def notifier(self) -> Notifier:
        """Return the carrier of letters: until mail is connected, a file in the ports' folder or beside the record."""
        return FileNotifier((self.config.ports.folder or self.config.record.path) / LETTERS)

    def close(self) -> None:
        """Close the record."""
        self.store.close()


def open_house(config: Config) -> House:
    """Open the record of a configuration, make it on the first start, and bring the roster up to date."""
    mint = RandomMint()
    policy = policy_text(config)
    keyring, store = _record(config, mint)
    try:
        house = House(
            config=config,
            policy=policy,
            store=store,
            keyring=keyring,
            signer=signer_of(config),
            clock=SystemClock(config.clock.offset_file),
            mint=mint,
            ports=ports.connect(config, os.environ, mint=mint),
        )
        enrol(house.acts(), house.index, staff=_people(config))
    except BaseException:
        store.close()
        raise
    return house


def signer_of(config: Config) -> Signer:
    """Return who signs: the process that is configured, whose key is never opened here, or the key in its file."""
    found = config.signer
    if found is None:
        return LocalSigner(signing_key(config))
    token = from_environment(found.token_env, os.environ) if found.token_env is not None else None
    return RemoteSigner(found.address, pinned=found.vkey, token=token, timeout_s=found.timeout_s)


def signing_key(config: Config) -> Path:
    """Return the file of the log's key."""
    named = config.signer.key_file if config.signer is not None else None
    return named or config.keys.path / SIGNING_KEY


def open_adopted(path: Path) -> House:
    """Open a record to run it: under the policy in force, whatever is configured, and never under none.

    Raise `ConfigError` where no policy was ever signed; one that waits is logged and changes nothing.
    """
    house = open_house(load(path))
    found = house.adoption()
    if found.in_force is None:
        house.close()
        raise ConfigError(
            "no policy is in force in this record: two of the staff must sign one first",
            hint=f"answerable policy adopt --config {path}",
        )
    if found.waiting is not None:
        _log.warning("%s; %s stays in force", found.waiting, found.in_force)
    return house


def _record(config: Config, mint: RandomMint) -> tuple[Keyring, Store]:
    """Return the keyring and the record; both are made only where there is neither a record nor a trace of one."""
    keys, origin = config.keys.path, config.record.origin
    place = place_of(config)
    if not place.is_begun() and not (keys / INCEPTION).exists():
        keyring = create_keyring(keys, mint=mint)
        # Two processes at their first start: one makes the keys and the record, both use them.
        if config.signer is None:
            with suppress(Conflict):
                create_signing_key(keys / SIGNING_KEY, origin, mint=mint)
        with suppress(Conflict):
            return keyring, place.create(keys=keys, origin=origin, mark=keyring.mark)
    keyring = load_keyring(keys)
    return keyring, place.open(keys=keys, origin=origin, mark=keyring.mark)


def place_of(config: Config) -> Place:
    """Return where the record lies: in the database that is named, else in the folder."""
    variable = config.record.dsn_env
    if variable is None:
        return Place.of_folder(config.record.path)
    config.record.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Place.of_database(from_environment(variable, os.environ))


def _people(config: Config) -> list[Person]:
    return [
        Person(
            id=one.id, name=one.name, role=one.role, duty=one.duty, superior=one.superior, emails=one.emails
        )
        for one in config.staff
    ]


def policy_text(config: Config) -> str:
    """Return the policy that the configuration chooses; raise `ConfigError` where the file cannot be read."""
    if config.policy.file is not None:
        return read_policy(config.policy.file)
    return shipped_policy(str(config.policy.name))


def shipped_policy(name: str) -> str:
    """Return the text of a policy that is shipped."""
    return (resources.files("answerable.blobs") / "policies" / f"{name}.toml").read_text("utf-8")


def read_policy(path: Path) -> str:
    """Return the text of a policy file."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the policy cannot be read: {path} ({error})") from error
