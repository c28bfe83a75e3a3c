"""The directed killers: the shortest story in which a planted fault cannot stay unseen.

Law: each passes where nothing is planted, and the check that sees the fault is one of the simulator's own.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial

from answerable.app import AccountIn, AccountState, SignalIn, sources
from answerable.core import facts as f
from answerable.ports.entitlements import Plan
from answerable.simulation import Law, LawBroken, endings, evasion, simulate
from answerable.simulation.people import Size, named
from answerable.simulation.sourcing import SMALL_BOUND
from answerable.work.ticker import sweep
from answerable_gate import Entry, Level, entry_line
from tests.mutants.stage import LEAD, STAFFED, Stage


def a_default_falls_due_with_everybody_away() -> None:
    """A flag arms a default; nobody and no worker does anything; the gate is asked."""
    stage = Stage()
    stage.flag("u", trajectory=True)
    stage.carry()
    stage.wait(minutes=5)
    assert stage.ask("u").level is Level.GUARDED


def somebody_looks_and_leaves_it_there() -> None:
    """A flag is looked at and nothing is decided; the limit passes."""
    stage = Stage()
    case = stage.flag("u")
    stage.carry()
    stage.view(case, LEAD)
    stage.wait(days=8)
    stage.tick()
    stage.flag("u")


def the_first_signer_goes_on_alone() -> None:
    """Somebody proposes a lift and carries it out."""
    stage = Stage()
    case = stage.flag("u")
    stage.answer(case, LEAD)
    proposal = stage.propose(case, LEAD)
    assert isinstance(proposal, str)
    stage.wait(days=5)
    assert stage.lift(case, proposal, LEAD) is not None


def the_first_signer_signs_again() -> None:
    """Somebody proposes a lift, signs as the second as well, waits, and carries it out."""
    stage = Stage()
    case = stage.flag("u")
    stage.answer(case, LEAD)
    proposal = stage.propose(case, LEAD)
    assert isinstance(proposal, str)
    stage.countersign(case, proposal, LEAD)
    stage.wait(days=5)
    assert stage.lift(case, proposal, LEAD) is not None


def somebody_decides_nothing_is_needed() -> None:
    """A default is armed and not yet due; one person decides less than it."""
    stage = Stage()
    refused = stage.decide(stage.flag("u"), Level.NONE, LEAD)
    assert isinstance(refused, f.Refused)


def somebody_finds_it_less_urgent() -> None:
    """One person proposes a lower tier."""
    stage = Stage()
    case = stage.flag("u", trajectory=True)
    stage.view(case, LEAD)
    stage.propose(case, LEAD, kind=f.LoweringKind.RETIER, tier=f.Tier.CONCERN)
    assert stage.house.witness.cases[case].tier is f.Tier.SERIOUS


def two_agree_and_act_at_once() -> None:
    """Two people sign a lift and carry it out in the same minute."""
    stage = Stage()
    case = stage.flag("u")
    proposal, second = stage.agreed(case)
    assert stage.lift(case, proposal, second) is not None


def somebody_outside_switches_on_what_is_held() -> None:
    """The operator's own systems switch an account off, and the next day on again; the gate is asked."""
    stage = Stage()
    stage.switch("u", AccountState.DISABLED)
    stage.carry()
    stage.wait(days=1)
    case = stage.switch("u", AccountState.ENABLED)
    stage.carry()
    assert stage.ask("u").level is Level.SUSPENDED
    assert case is not None


def support_asks_about_who_was_flagged() -> None:
    """A flag, and then a mail to support: how do I get back in?"""
    stage = Stage()
    stage.house.accounts.add("u", Plan(plan="paid", models=(), tools=()))
    stage.flag("u")
    stage.support("u")


def support_asks_about_whom_somebody_warned_of() -> None:
    """A notice alone, and then a mail to support."""
    stage = Stage()
    stage.house.accounts.add("u", Plan(plan="paid", models=(), tools=()))
    stage.warn("u")
    stage.support("u")


def two_would_waive_the_time_for_what_others_switched_off() -> None:
    """Two sign that a switch-off was wrong, both waiving the cooling-off, and carry the lift out at once."""
    stage = Stage()
    case = stage.switch("u", AccountState.DISABLED)
    assert case is not None
    stage.answer(case, LEAD)
    proposal = stage.propose(case, LEAD, Level.PAUSED, waives=True)
    assert isinstance(proposal, str)
    second = f.StaffId(stage.house.witness.cases[case].proposals[proposal].drawn[-1])
    stage.view(case, second)
    name = f.ProposalId(proposal)
    stage.house.act("sign", lambda: stage.house.app.countersign(case, name, staff=second, waives=True))
    assert stage.lift(case, proposal, second) is not None


def a_notice_comes_between_signing_and_lifting() -> None:
    """Two sign; then somebody warns; both read and answer it; the cooling-off ends; the lift is tried."""
    stage = Stage()
    case = stage.flag("u", trajectory=True)
    proposal, second = stage.agreed(case, Level.WATCH)
    # Her case is another one of the same subject: what two people signed before she warned is stale in both.
    other = stage.warn("u")
    for one in {case, other}:
        stage.answer(one, LEAD)
        stage.view(one, second)
    stage.wait(days=8)
    assert stage.lift(case, proposal, LEAD) is not None


def the_second_decides_and_then_lifts() -> None:
    """The second person signs, then decides, and the lift would take away what that person decided."""
    stage = Stage()
    case = stage.flag("u", trajectory=True)
    proposal, second = stage.agreed(case, Level.WATCH)
    assert stage.decide(case, Level.GUARDED, second) is None
    stage.wait(days=2)
    assert stage.lift(case, proposal, LEAD) is not None


def the_stores_are_away_when_a_case_opens() -> None:
    """A case opens, the operator's stores do not answer, and two hours later somebody looks."""
    stage = Stage()
    stage.house.stores.is_down = True
    case = stage.flag("u")
    stage.deliver()
    stage.wait(hours=2)
    stage.tick()
    stage.view(case, LEAD)
    assert any(isinstance(one.fact, f.HoldUnconfirmed) for one in stage.house.facts)
    stage.house.stores.is_down = False
    stage.wait(hours=1)
    stage.deliver()
    assert len(stage.house.stores.kept) == 1


def a_case_with_a_flag_grows_old() -> None:
    """A flag, and nothing else, for a hundred days."""
    stage = Stage()
    stage.flag("u")
    stage.deliver()
    stage.wait(days=100)
    stage.tick()
    assert len(stage.house.stores.kept) == 1


def a_notice_comes_while_a_clock_runs() -> None:
    """A flag starts a clock; a notice comes before it ends."""
    stage = Stage()
    stage.flag("u")
    stage.wait(days=6)
    stage.warn("u")
    stage.wait(days=2)
    stage.tick()


def stronger_evidence_comes_while_a_clock_runs() -> None:
    """A reviewer records the act twenty hours after the flag: more is armed, and not for later."""
    stage = Stage()
    case = stage.flag("u", trajectory=True)
    stage.wait(hours=20)
    found = stage.view(case, LEAD).body["signals"][0]["id"]
    stage.house.act("act", lambda: stage.house.app.record_act(case, found, staff=LEAD, text="He says so."))
    armed = list(stage.house.witness.cases[case].items.values())
    assert max(item.standing.level for item in armed) is Level.PAUSED


def a_milder_default_falls_due_beside_a_measure() -> None:
    """Somebody suspended the account; a flag of another hazard then arms less, and with care."""
    stage = Stage()
    case = stage.flag("u", trajectory=True)
    assert stage.decide(case, Level.SUSPENDED, LEAD) is None
    stage.flag("u", hazard=f.Hazard.SELF_HARM)
    assert len(stage.house.witness.cases[case].items) > 2


def a_second_flag_comes() -> None:
    """A second flag comes while the first one's default is armed."""
    stage = Stage()
    stage.flag("u")
    stage.wait(minutes=10)
    stage.flag("u", hazard=f.Hazard.THREAT, trajectory=True)


def the_wall_clock_jumps_ahead_and_is_put_right() -> None:
    """The server's clock is two hours fast for one act."""
    stage = Stage()
    stage.house.server.clock.offset = timedelta(hours=2)
    stage.flag("u")
    stage.house.server.clock.offset = timedelta(0)
    stage.flag("v")


def the_gates_clock_steps_back_after_a_default_fell_due() -> None:
    """A default has fallen due and refuses; then the gate's clock goes back behind its due time."""
    stage = Stage()
    case = stage.flag("u", trajectory=True)
    found = stage.view(case, LEAD).body["signals"][0]["id"]
    stage.house.act("act", lambda: stage.house.app.record_act(case, found, staff=LEAD, text="He says so."))
    stage.carry()
    stage.wait(hours=25)
    assert stage.ask("u").answer == "refuse"
    stage.house.sites[0].clock.offset = timedelta(hours=-3)
    stage.wait(seconds=1)
    assert stage.ask("u").answer == "refuse"


def the_store_forgets_a_subject() -> None:
    """A line comes that names nothing any more for a subject, with no proof of it."""
    stage = Stage()
    case = stage.flag("u", trajectory=True)
    stage.decide(case, Level.PAUSED, LEAD)
    stage.carry()
    site, entry = stage.house.sites[0], stage.house.entries[stage.subjects["u"]]
    empty: Entry = replace(entry, items=(), open=False, version=entry.version + 1)
    line = entry_line(site.gate.after, empty, (), now=stage.house.now)
    site.gate.receive(line.rstrip(b"\n"), wall=site.clock.now(), monotonic=site.clock.monotonic())
    stage.wait(seconds=30)
    stage.ask("u")


def a_lift_is_written_and_the_signer_is_down() -> None:
    """Two lift something; nobody can sign a checkpoint; another flag makes the store send the entry again."""
    stage = Stage()
    case = stage.flag("u", trajectory=True)
    proposal, second = stage.agreed(case, Level.WATCH)
    stage.wait(days=2)
    assert stage.lift(case, proposal, second) is None
    stage.flag("u", hazard=f.Hazard.THREAT)


def somebody_opens_a_case() -> None:
    """Somebody opens a case file."""
    stage = Stage()
    stage.house.view(stage.flag("u"), LEAD)


def two_people_warn_of_each_other() -> None:
    """Two account holders warn of each other; what it brings each must not depend on who was first."""
    stage = Stage()
    house = stage.house
    for user in "ab":
        house.accounts.add(user, Plan(plan="p", models=(), tools=()), *named(f"{user}@mail.example"))
        came = AccountIn(account=user, identifiers=named(f"{user}@mail.example"), verified_at=house.now)
        house.act("account", partial(house.app.see_account, came))
    first = stage.warn("a", reporter="b@mail.example")
    second = stage.warn("b", reporter="a@mail.example")
    crossed = [one.fact for one in house.facts if isinstance(one.fact, f.NoticesCrossed)]
    assert len(crossed) == 2
    armed = [
        sorted((item.standing.level, item.limit) for item in house.witness.cases[case].items.values())
        for case in (first, second)
    ]
    house.checks.that(Law.L13, armed[0] == armed[1], f"the first to warn brought {armed[0]}, the second {armed[1]}")


def many_people_say_the_same() -> None:
    """Notices in ever other words come about one person."""
    stage = Stage()
    for number in range(15):
        stage.warn("u", reporter="her@mail.example", text=f"He is dangerous, in other words {number}.")
        stage.wait(minutes=30)


def many_are_warned_of_in_one_hour() -> None:
    """Thirty accounts are warned of within the hour; the server starts again in the middle of it."""
    stage = Stage()
    for number in range(30):
        stage.warn(f"u{number}", reporter=f"her{number}@mail.example")
        stage.wait(minutes=1)
        if number % 10 == 0:
            stage.house.restart(stage.house.server)


def the_reporter_gets_a_kind_word() -> None:
    """Somebody replies to the reporter and answers nothing; the limit passes."""
    stage = Stage()
    case = stage.warn("u")
    notice = f.NoticeId(stage.view(case, LEAD).body["notices"][0]["id"])
    stage.house.act("reply", lambda: stage.house.app.reply(case, notice, staff=LEAD, text="This is extremely serious."))
    stage.wait(days=4)
    stage.tick()
    stage.flag("u")


def the_tables_are_compared() -> None:
    """A case opens, and the tables are compared with the facts."""
    stage = Stage()
    stage.flag("u")
    endings.check_tables(stage.house)


def several_facts_in_a_stream() -> None:
    """A case opens; its stream has several entries."""
    Stage().flag("u")


def somebody_decides() -> None:
    """Somebody sets a measure; no gate has heard of it yet."""
    stage = Stage()
    stage.decide(stage.flag("u", trajectory=True), Level.PAUSED, LEAD)


def a_delivery_comes_again() -> None:
    """A source sends the same flag a second time."""
    stage = Stage()
    came = SignalIn(
        id="s1", source="c", model="m", version="1", label="x", hazard=f.Hazard.THREAT, user="u", score=None
    )
    first = stage.house.act("flag", lambda: stage.house.app.raise_signal(came))
    again = stage.house.act("flag again", lambda: stage.house.app.raise_signal(came))
    assert first is not None
    stage.house.checks.that(Law.L17, again is not None and again.id == first.id, "one flag was taken twice")


def the_process_dies_before_the_commit() -> None:
    """A process dies before the commit of an act, and the flag comes again."""
    stage = Stage()
    stage.flag("v")
    size = stage.house.store.size()
    stage.house.disk.dies_before = True
    with suppress(AssertionError):
        stage.flag("u")
    stage.house.checks.that(Law.L7, stage.house.store.size() == size, "an act that died left facts behind")


def somebody_is_served_after_a_flag() -> None:
    """An account with a case asks, and the blocks are sealed."""
    stage = Stage()
    stage.flag("u")
    stage.carry()
    for _ in range(3):
        stage.wait(minutes=1)
        stage.ask("u")
    house = stage.house
    house.act("exchanges", lambda: house.app.record_exchanges(house.log))
    house.act("blocks", house.app.seal_exposures)
    endings.check_coverage(house)


def the_same_seed_runs_twice() -> None:
    """One seed runs twice for three days."""
    small = Size(quiet=2, dangerous=1, crossed=0)
    one, other = (simulate(3, policy=STAFFED, days=3, size=small) for _ in range(2))
    if one.root != other.root:
        raise LawBroken(Law.L16, "the same seed gave two records")


def the_one_between_two_accounts_is_let_go() -> None:
    """Three accounts share what links; two people find that the one in the middle is somebody else's."""
    stage = Stage()
    tokens = [stage.account(name, "own@mail.example", "+49 151 00000001") for name in ("between", "u", "again")]
    case = stage.flag("u", trajectory=True)
    (link,) = [name for name, one in stage.house.witness.links.items() if set(one.ends) == set(tokens[:2])]
    proposal, second = stage.agreed(case, kind=f.LoweringKind.WITHDRAW_LINK, link=link)
    stage.wait(days=2)
    assert stage.lift(case, proposal, second) is None
    evasion.check_holders(stage.house.checks, stage.house.witness, {"u": set(tokens)})


def an_administrator_is_flagged() -> None:
    """The administrator's own account shares e-mail and telephone with the tenant's."""
    stage = Stage()
    stage.account("acme", "admin@acme.example", "+49 151 00000001", party=f.Party.ORGANISATION)
    stage.account("acme/admin", "admin@acme.example", "+49 151 00000001")
    stage.flag("acme/admin", hazard=f.Hazard.MASS_CASUALTY)
    stage.carry()
    assert [stage.ask(user).level for user in ("acme/admin", "acme")] == [Level.GUARDED, Level.NONE]


def _flooded() -> Stage:
    """Let one source say the gravest of twenty accounts within an hour; somebody had warned of the second last."""
    stage = Stage(policy=STAFFED.replace(*SMALL_BOUND))
    stage.warn("u18")
    for number in range(20):
        stage.say(f"u{number}")
    stage.wait(minutes=5)
    return stage


def a_source_floods_and_is_confirmed() -> None:
    """Whoever came beyond the bound waits as tier 3, and is tier 1 once a person has found the source to be right."""
    stage = _flooded()
    house = stage.house
    tier = {user: house.witness.cases[house.witness.accounts[stage.subjects[user]][-1]].tier for user in ("u1", "u19")}
    assert tier == {"u1": f.Tier.CRITICAL, "u19": f.Tier.CONCERN}
    house.act("confirm", lambda: sources.confirm(house.app.acts, "noisy", staff=LEAD))
    house.act("sweep", lambda: sweep(house.worker.app))
    tiers = {case.tier for case in house.witness.cases.values() if case.signals}
    assert tiers == {f.Tier.CRITICAL}


def a_key_calls_every_vendor_another_name() -> None:
    """Twenty accounts are flagged within an hour, each in another vendor's name, by whoever has one key."""
    stage = Stage(policy=STAFFED.replace(*SMALL_BOUND))
    for number in range(20):
        stage.say(f"u{number}", source=f"noisy:v{number}")
    house = stage.house
    tiers = [house.witness.cases[house.witness.accounts[stage.subjects[f"u{one}"]][-1]].tier for one in (1, 19)]
    assert tiers == [f.Tier.CRITICAL, f.Tier.CONCERN]
    house.act("confirm", lambda: sources.confirm(house.app.acts, "noisy", staff=LEAD))
    house.act("sweep", lambda: sweep(house.worker.app))
    assert {case.tier for case in house.witness.cases.values()} == {f.Tier.CRITICAL}


def a_source_is_recalled() -> None:
    """Two take back what it said: all are let go but who was warned of, and those of tier 1 only after three days."""
    stage = _flooded()
    house = stage.house
    stage.say("u3", version="2")
    recall = stage.recall()
    stage.signed(recall)
    stage.release(recall)
    house.sourcing.at_rest()
    first = _open(stage)
    stage.wait(days=3)
    stage.release(recall)
    house.sourcing.at_rest()
    stage.carry()
    assert len(first) > len(_open(stage)) == 3
    assert stage.ask("u0").level is Level.NONE


def _open(stage: Stage) -> list[str]:
    return [case.id for case in stage.house.witness.cases.values() if case.is_open]


def a_recall_is_signed_unread() -> None:
    """The second person signs without having opened the sample."""
    stage = _flooded()
    recall = stage.recall()
    acts = stage.house.app.acts
    refused = stage.house.act("sign", lambda: sources.sign(acts, recall.recall, staff=recall.drawn))
    assert isinstance(refused, f.Refused)


def _nobody_reviews(stage: Stage) -> None:
    """A reviewer records the act in a flag of the gravest class; then nobody decides for half a month."""
    case = stage.flag("u", hazard=f.Hazard.MASS_CASUALTY)
    found = stage.view(case, LEAD).body["signals"][0]["id"]
    stage.house.act("record", lambda: stage.house.app.record_act(case, found, staff=LEAD, text="So."))
    stage.wait(hours=2)
    stage.tick()
    stage.wait(days=15)


def nobody_reviews_a_suspension() -> None:
    """An account is suspended by itself, and nobody ever looks at that."""
    stage = Stage()
    _nobody_reviews(stage)
    stage.tick()
    stage.carry()
    assert stage.ask("u").level is Level.PAUSED


def nobody_reviews_the_suspension_of_whom_somebody_is_afraid() -> None:
    """The same, and somebody gave notice."""
    stage = Stage()
    stage.warn("u")
    _nobody_reviews(stage)
    stage.tick()
