"""Every planted fault is found by its directed killer, and no killer cries out where nothing is planted.

Law: a green simulation proves nothing about a fault that its checks could not see; here they must see it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from answerable.simulation import Law, LawBroken
from tests.mutants import announcing, killers, ordering, plants, promises, reviews, shields, tenants


class Mutant(NamedTuple):
    """A planted fault, the story that finds it, and the laws by which it may be found."""

    plant: Callable[[pytest.MonkeyPatch], None]
    killer: Callable[[], None]
    laws: frozenset[Law]


def _mutant(plant: Callable[[pytest.MonkeyPatch], None], killer: Callable[[], None], *laws: Law) -> Mutant:
    return Mutant(plant, killer, frozenset(laws))


MUTANTS = {
    "runner-only gate": _mutant(plants.runner_only_gate, killers.a_default_falls_due_with_everybody_away, Law.L1),
    "acknowledgement stops the clock": _mutant(
        plants.acknowledgement_stops_the_clock, killers.somebody_looks_and_leaves_it_there, Law.L1, Law.L3
    ),
    "one person lifts": _mutant(plants.one_person_lifts, killers.the_first_signer_goes_on_alone, Law.L4),
    "same person twice": _mutant(plants.same_person_twice, killers.the_first_signer_signs_again, Law.L4),
    "one person decides below the armed default": _mutant(
        plants.one_person_decides_below_the_armed_default, killers.somebody_decides_nothing_is_needed, Law.L4
    ),
    "re-tier down": _mutant(plants.re_tier_down, killers.somebody_finds_it_less_urgent, Law.L4),
    "cooling-off skipped": _mutant(plants.cooling_off_skipped, killers.two_agree_and_act_at_once, Law.L4),
    "switching on outside lets go": _mutant(
        plants.switching_on_outside_lets_go, killers.somebody_outside_switches_on_what_is_held, Law.L2
    ),
    "switching on outside is only noted": _mutant(
        plants.switching_on_outside_is_only_noted, killers.somebody_outside_switches_on_what_is_held, Law.L4
    ),
    "what others switched off counts as a machine's": _mutant(
        plants.what_others_switched_off_counts_as_a_machines,
        killers.two_would_waive_the_time_for_what_others_switched_off,
        Law.L4,
    ),
    "support is let go on": _mutant(plants.support_is_let_go_on, killers.support_asks_about_who_was_flagged, Law.L4),
    "support hears of every case": _mutant(
        plants.support_hears_of_every_case, killers.support_asks_about_whom_somebody_warned_of, Law.L13
    ),
    "approval survives new evidence": _mutant(
        plants.approval_survives_new_evidence, killers.a_notice_comes_between_signing_and_lifting, Law.L4
    ),
    "signer checked when drawn only": _mutant(
        plants.signer_checked_when_drawn_only, killers.the_second_decides_and_then_lifts, Law.L4
    ),
    "new notice extends": _mutant(plants.new_notice_extends, killers.a_notice_comes_while_a_clock_runs, Law.L1, Law.L3),
    "further default due later": _mutant(
        plants.further_default_due_later, killers.stronger_evidence_comes_while_a_clock_runs, Law.L3
    ),
    "default loosens": _mutant(plants.default_loosens, killers.a_milder_default_falls_due_beside_a_measure, Law.L2),
    "armed default edited": _mutant(plants.armed_default_edited, killers.a_second_flag_comes, Law.L2, Law.L3),
    "scalar instead of join": _mutant(
        plants.scalar_instead_of_join, killers.a_milder_default_falls_due_beside_a_measure, Law.L2
    ),
    "forward clock step then correction": _mutant(
        plants.forward_clock_step_then_correction, killers.the_wall_clock_jumps_ahead_and_is_put_right, Law.L3
    ),
    "clock step back after a default fell due": _mutant(
        plants.clock_step_back_after_a_default_fell_due,
        killers.the_gates_clock_steps_back_after_a_default_fell_due,
        Law.L1,
    ),
    "feed entry lost": _mutant(plants.feed_entry_lost, killers.a_default_falls_due_with_everybody_away, Law.L1),
    "dropped subject without proof": _mutant(
        plants.dropped_subject_without_proof, killers.the_store_forgets_a_subject, Law.L1
    ),
    "lift counts unsealed": _mutant(
        plants.lift_counts_unsealed, killers.a_lift_is_written_and_the_signer_is_down, Law.L2
    ),
    "withdrawal takes others along": _mutant(
        plants.withdrawal_takes_others_along, killers.the_one_between_two_accounts_is_let_go, Law.L4
    ),
    "tenant is one person": _mutant(plants.tenant_is_one_person, killers.an_administrator_is_flagged, Law.L2),
    "each name counts for itself": _mutant(
        plants.each_name_counts_for_itself, killers.a_key_calls_every_vendor_another_name, Law.L13
    ),
    "flood raises whom it likes": _mutant(
        plants.flood_raises_whom_it_likes, killers.a_source_floods_and_is_confirmed, Law.L13
    ),
    "recall takes what somebody warned of": _mutant(
        plants.recall_takes_what_somebody_warned_of, killers.a_source_is_recalled, Law.L4
    ),
    "recall signed unread": _mutant(plants.recall_signed_unread, killers.a_recall_is_signed_unread, Law.L4),
    "recall leaves some behind": _mutant(plants.recall_leaves_some_behind, killers.a_source_is_recalled, Law.L4),
    "step below guarded": _mutant(plants.step_below_guarded, killers.nobody_reviews_a_suspension, Law.L4),
    "step with a notice standing": _mutant(
        plants.step_with_a_notice_standing, killers.nobody_reviews_the_suspension_of_whom_somebody_is_afraid, Law.L4
    ),
    "view without fact": _mutant(plants.view_without_fact, killers.somebody_opens_a_case, Law.L6),
    "first filer wins": _mutant(plants.first_filer_wins, killers.two_people_warn_of_each_other, Law.L13),
    "10,000 paraphrased notices restrict somebody beyond watch": _mutant(
        plants.many_voices_are_evidence, killers.many_people_say_the_same, Law.L13
    ),
    "no hourly bound": _mutant(plants.no_hourly_bound, killers.many_are_warned_of_in_one_hour, Law.L13),
    "reply counts as answer": _mutant(plants.reply_counts_as_answer, killers.the_reporter_gets_a_kind_word, Law.L5),
    "owner changed in memory": _mutant(plants.owner_changed_in_memory, killers.the_tables_are_compared, Law.L7),
    "forked chain": _mutant(plants.chain_forked, killers.several_facts_in_a_stream, Law.L8),
    "webhook is the enforcement": _mutant(plants.webhook_is_the_enforcement, killers.somebody_decides, Law.L9),
    "second delivery taken as new": _mutant(
        plants.second_delivery_taken_as_new, killers.a_delivery_comes_again, Law.L17
    ),
    "half an act stays": _mutant(plants.half_an_act_stays, killers.the_process_dies_before_the_commit, Law.L7),
    "served is not counted": _mutant(plants.served_is_not_counted, killers.somebody_is_served_after_a_flag, Law.L18),
    "an order sent is a hold": _mutant(
        plants.an_order_sent_is_a_hold, killers.the_stores_are_away_when_a_case_opens, Law.L14
    ),
    "silence of the stores is consent": _mutant(
        plants.silence_of_the_stores_is_consent, killers.the_stores_are_away_when_a_case_opens, Law.L14
    ),
    "every hold lapses": _mutant(plants.every_hold_lapses, killers.a_case_with_a_flag_grows_old, Law.L14),
    "a letterhead is proof": _mutant(
        ordering.a_letterhead_is_proof, ordering.an_order_and_an_event_that_nobody_calls_back, Law.L13
    ),
    "whoever answers the telephone verifies": _mutant(
        ordering.whoever_answers_the_telephone_verifies, ordering.somebody_verifies_what_nobody_opened, Law.L6
    ),
    "two may overrule a court": _mutant(
        ordering.two_may_overrule_a_court, ordering.two_want_to_go_below_an_order, Law.L4
    ),
    "three of four clauses": _mutant(ordering.three_of_four, ordering.an_order_comes_into_force, Law.L4),
    "an ended order lets go": _mutant(ordering.an_ended_order_lets_go, ordering.an_order_ends, Law.L4),
    "each attempt is told": _mutant(ordering.each_attempt_is_told, ordering.he_tries_for_three_days, Law.L12),
    "the end is not shown": _mutant(
        ordering.the_end_is_nobodys_business, ordering.an_authority_asks_what_became_of_its_order, Law.L8
    ),
    "the same time everywhere": _mutant(
        ordering.it_is_the_same_time_everywhere, ordering.she_lives_elsewhere, Law.L12
    ),
    "the letter says how often": _mutant(ordering.the_letter_says_how_often, ordering.he_tries_for_three_days, Law.L12),
    "a notice says whom to shield": _mutant(
        shields.a_notice_says_whom_to_shield, shields.somebody_is_shielded_of_whom_he_wrote, Law.L11
    ),
    "the whole case is looked through": _mutant(
        shields.the_whole_case_is_looked_through, shields.somebody_is_shielded_of_whom_he_wrote, Law.L11
    ),
    "a decision takes over what stands": _mutant(
        shields.a_decision_takes_over_what_stands, shields.two_accounts_are_taken_apart_again, Law.L11
    ),
    "who is alike is judged alike": _mutant(
        shields.who_is_alike_is_judged_alike, shields.two_are_shielded_of_whom_each_wrote, Law.L1, Law.L11
    ),
    "a shield is left at home": _mutant(
        shields.a_shield_is_left_at_home, shields.somebody_is_shielded_of_whom_he_wrote, Law.L1, Law.L2
    ),
    "a gate keeps the level alone": _mutant(
        shields.a_gate_keeps_the_level_alone, shields.somebody_is_shielded_of_whom_he_wrote, Law.L1
    ),
    "a shield is for ever": _mutant(shields.a_shield_is_for_ever, shields.a_shield_is_lifted, Law.L2),
    "a default is reviewed some day": _mutant(
        reviews.a_default_is_reviewed_some_day, reviews.somebody_is_held_and_told_until_when, Law.L3
    ),
    "the time to review runs from when it was noted": _mutant(
        reviews.the_time_to_review_runs_from_when_it_was_noted,
        reviews.the_worker_is_away_while_a_default_falls_due,
        Law.L3,
    ),
    "only what people set has a date": _mutant(
        reviews.only_what_people_set_has_a_date, reviews.somebody_is_held_and_told_until_when, Law.L3
    ),
    "a gate tells the last date": _mutant(
        reviews.a_gate_tells_the_last_date, reviews.somebody_is_held_and_told_until_when, Law.L3
    ),
    "a gate tells the date of measures alone": _mutant(
        reviews.a_gate_tells_the_date_of_measures_alone, reviews.somebody_is_held_and_told_until_when, Law.L3
    ),
    "the clock of the case is promised": _mutant(
        promises.the_clock_of_the_case_is_promised, promises.the_watched_warn_of_themselves, Law.L11
    ),
    "a second notice is promised more": _mutant(
        promises.a_second_notice_is_promised_more, promises.the_watched_warn_of_themselves, Law.L11
    ),
    "what was missed is told at once": _mutant(
        promises.what_was_missed_is_told_at_once, promises.nobody_answers_who_warned_of_a_flagged_account, Law.L11
    ),
    "the same shield for all": _mutant(
        tenants.the_same_shield_for_all, tenants.somebody_decides_for_all_below_a_tenant, Law.L11
    ),
    "a scope is a word": _mutant(tenants.a_scope_is_a_word, tenants.somebody_decides_for_all_below_a_tenant, Law.L2),
    "a lesser measure is enough for the others": _mutant(
        tenants.a_lesser_measure_is_enough_for_the_others, tenants.somebody_decides_for_all_below_a_tenant, Law.L2
    ),
    "every decision is about the tenant": _mutant(
        tenants.every_decision_is_about_the_tenant, tenants.somebody_decides_about_an_end_user, Law.L2
    ),
    "what came by itself is the tenant's": _mutant(
        tenants.what_came_by_itself_is_the_tenants, tenants.a_tenants_traffic_is_flagged, Law.L2
    ),
    "whom nobody has spoken of is free": _mutant(
        tenants.whom_nobody_has_spoken_of_is_free, tenants.somebody_decides_for_all_below_a_tenant, Law.L1
    ),
    "the reference of the tenant's case is told": _mutant(
        tenants.the_reference_of_the_tenants_case_is_told, tenants.somebody_decides_for_all_below_a_tenant, Law.L11
    ),
    "whoever has the reference may read it": _mutant(
        tenants.whoever_has_the_reference_may_read_it, tenants.a_tenants_traffic_is_flagged, Law.L11
    ),
    "the clock starts when it is read": _mutant(
        announcing.the_clock_starts_when_it_is_read, announcing.a_vendor_is_away_for_hours, Law.L3
    ),
    "the switch off is new when it is read": _mutant(
        announcing.the_switch_off_is_new_when_it_is_read, announcing.a_vendor_is_away_for_hours, Law.L3
    ),
    "what is not answered is not there": _mutant(
        announcing.what_is_not_answered_is_not_there, announcing.a_vendor_is_away_for_hours, Law.L17
    ),
    "each delivery is a notice": _mutant(
        announcing.each_delivery_is_a_notice, announcing.a_vendor_repeats_itself, Law.L17
    ),
    "each telling is a notice": _mutant(
        announcing.each_telling_is_a_notice, announcing.a_vendor_repeats_itself, Law.L17
    ),
    "it is answered first": _mutant(
        announcing.it_is_answered_first, announcing.a_vendor_is_away_for_hours, Law.L17
    ),
    "a flag first and then the rest": _mutant(
        announcing.a_flag_first_and_then_the_rest, announcing.a_vendor_switches_somebody_off_and_warns_of_him, Law.L4
    ),
    "a switch off is a flag": _mutant(
        announcing.a_switch_off_is_a_flag, announcing.a_vendor_switches_somebody_off_and_warns_of_him, Law.L4
    ),
    "whoever only warns has relented": _mutant(
        announcing.whoever_only_warns_has_relented,
        announcing.a_vendor_switches_somebody_off_and_warns_of_him,
        Law.L1,
        Law.L2,
    ),
    "a draw from outside the mint": _mutant(
        plants.a_draw_from_outside_the_mint, killers.the_same_seed_runs_twice, Law.L16
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_killer_is_silent_where_nothing_is_planted(name: str) -> None:
    """The story of each killer keeps every law in the house as it is."""
    MUTANTS[name].killer()


@pytest.mark.parametrize("name", MUTANTS)
def test_the_killer_finds_the_fault(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each planted fault breaks the law it should, and a check sees it."""
    mutant = MUTANTS[name]
    mutant.plant(monkeypatch)
    with pytest.raises(LawBroken) as broken:
        mutant.killer()
    assert broken.value.law in mutant.laws, broken.value


def test_every_law_has_a_fault_that_breaks_it() -> None:
    """No check of the simulator is there that never could have cried out."""
    assert {law for mutant in MUTANTS.values() for law in mutant.laws} == set(Law)
