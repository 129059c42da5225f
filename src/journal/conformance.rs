//! The tests that every journal has to pass, for any database: each promise is a case, or several.
//!
//! A case knows only the traits. It runs three times: with each call made once, with each
//! made twice, and with a journal that performs the call and then answers that it is unavailable, so that
//! the call is repeated. A case sees the first answer each time; [`Caller`] compares the second one with it.
//! Files, locks and query plans are matters of one implementation, and tested there.
//!
//! Cases name runs and deliveries by the numbers that a fresh journal gives: from 1, without gaps.

pub(in crate::journal) mod accepting;
pub(in crate::journal) mod announcing;
pub(in crate::journal) mod attempts;
pub(in crate::journal) mod batching;
mod caller;
pub(in crate::journal) mod cancelling;
pub(in crate::journal) mod completing;
pub(in crate::journal) mod ending;
pub(in crate::journal) mod holding;
pub(in crate::journal) mod keeping;
pub(in crate::journal) mod limiting;
pub(in crate::journal) mod listing;
mod lost_answers;
pub(in crate::journal) mod order;
pub(in crate::journal) mod orphans;
pub(in crate::journal) mod owners;
pub(in crate::journal) mod reading;
pub(in crate::journal) mod rechecking;
pub(in crate::journal) mod requesting;
pub(in crate::journal) mod scheduling;
pub(in crate::journal) mod stepping;
pub(in crate::journal) mod storing;
pub(in crate::journal) mod story;
pub(in crate::journal) mod throttling;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

pub(in crate::journal) use self::caller::Caller;
pub(crate) use self::lost_answers::LostAnswers;
use super::{Acceptance, Journal};

/// Makes fresh journals.
pub(in crate::journal) trait Fresh: Sync {
    /// Where a journal will be that nobody has used before.
    fn place(&self) -> Box<dyn Place>;
}

/// Where a journal is, and stays for as long as this lives.
pub(in crate::journal) trait Place: Send + Sync {
    /// The journal as a service opens it. It is dropped before the next one is opened.
    fn service(&self) -> Arc<dyn Journal>;
    /// As a command opens it, beside the service.
    fn beside(&self) -> Arc<dyn Journal>;
}

/// How often each question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::journal) enum Asking {
    /// Once.
    Once,
    /// Twice in a row, and answered twice.
    Twice,
    /// Until it is answered: each first answer is lost, though what was asked has been done.
    UntilAnswered,
}

impl Asking {
    /// Every way.
    pub(in crate::journal) const ALL: [Self; 3] = [Self::Once, Self::Twice, Self::UntilAnswered];
}

/// What a case has to go by.
pub(in crate::journal) struct Scene<'a> {
    pub(in crate::journal) fresh: &'a dyn Fresh,
    pub(in crate::journal) asking: Asking,
}

/// Where the journals of one case are.
pub(in crate::journal) struct Ground {
    place: Box<dyn Place>,
    asking: Asking,
    /// The names of all rules of which there may be a run.
    rules: Mutex<BTreeSet<String>>,
}

impl Scene<'_> {
    /// Where a fresh journal will be.
    pub(in crate::journal) fn ground(&self) -> Arc<Ground> {
        Arc::new(Ground {
            place: self.fresh.place(),
            asking: self.asking,
            rules: Mutex::default(),
        })
    }

    /// A fresh journal, as a service uses it.
    pub(in crate::journal) async fn journal(&self) -> Caller {
        self.ground().service().await
    }
}

impl Ground {
    /// The journal that is here, as a service uses it. The former service has gone.
    pub(in crate::journal) async fn service(self: &Arc<Self>) -> Caller {
        Caller::join(self.place.service(), self.asking, self.clone()).await
    }

    /// Notes that these may be accepted: a service has their rules, unless a case says otherwise.
    fn know<'a>(&self, events: impl IntoIterator<Item = &'a Acceptance>) {
        let runs = events.into_iter().flat_map(|event| &event.runs);
        let rules = runs.map(|run| run.rule.clone());
        self.rules.lock().unwrap().extend(rules);
    }

    /// The same, as a command uses it.
    pub(in crate::journal) fn beside(self: &Arc<Self>) -> Caller {
        Caller::beside(self.place.beside(), self.asking, self.clone())
    }
}

/// Makes a test of each case, for the journals that the expression makes.
macro_rules! hold_to_the_contract {
    ($fresh:expr) => {
        $crate::journal::conformance::hold_to_the_contract! { @cases $fresh;
            accepting:
                one_event_and_one_rule_make_one_run,
                the_same_id_of_another_source_is_another_event,
                a_batch_is_answered_in_order_even_with_duplicates_in_it,
                only_exactly_the_same_delivery_is_quarantined_once,
                release_takes_out_of_quarantine_what_it_accepts,
                a_rule_that_matches_later_reopens_a_finished_event,
                text_is_kept_as_it_is,
                what_is_looked_up_is_kept_short_and_still_distinguished;
            announcing:
                the_end_of_a_run_is_handed_out_until_it_is_announced,
                only_ends_that_are_wanted_are_announced,
                a_run_that_is_retried_ends_again_and_its_first_end_stays_as_it_was,
                what_comes_of_an_end_has_no_end_to_tell_of,
                what_an_attempt_made_is_announced_with_its_end,
                the_event_of_a_run_is_kept_until_its_end_is_announced,
                many_announcements_are_handed_out_in_order_and_in_parts;
            attempts:
                each_step_leaves_the_run_as_it_should,
                an_attempt_ends_once_and_only_if_it_began,
                a_claim_records_ends_and_hands_out_what_they_free,
                attempts_are_kept_with_all_that_is_known_of_them,
                a_remark_is_seen_for_as_long_as_the_attempt_is_open,
                open_attempts_survive_with_their_handle;
            cancelling:
                an_event_cancels_earlier_runs_of_its_lease_that_wait,
                an_event_about_no_lease_cancels_by_key,
                what_runs_is_cancelled_when_its_attempt_ends_unless_it_succeeds,
                a_cancelled_run_does_not_start_again_after_a_crash,
                the_operator_cancels_all_or_none,
                what_has_not_started_in_time_is_too_old,
                a_completed_event_says_when_its_run_starts,
                what_is_pointless_while_its_event_is_completed_does_not_start,
                what_comes_out_of_quarantine_cancels_only_what_was_there_before_it,
                a_scheduled_run_is_started_now_behind_all_there_are;
            rechecking:
                what_is_asked_about_first_is_claimed_apart,
                which_rules_those_are_may_change_while_runs_wait,
                a_limit_counts_what_is_asked_about,
                until_it_begins_a_run_may_become_too_old_or_pointless,
                what_has_begun_is_not_too_old_any_more;
            completing:
                a_completed_event_is_rewritten_and_awaits_nothing,
                a_run_whose_event_is_complete_has_its_place_in_its_own_key,
                what_awaits_its_lease_is_claimed_apart,
                of_an_event_that_comes_again_the_fuller_body_stays;
            ending:
                an_end_is_announced_whoever_ends_the_run,
                what_is_held_back_or_interrupted_is_no_end;
            holding:
                later_runs_of_the_key_wait_and_no_others,
                what_is_released_comes_before_what_waited_for_it,
                a_release_lets_go_whatever_comes_of_it,
                what_is_dropped_lets_go_and_says_what,
                what_retention_deletes_lets_go_and_says_what,
                the_same_delivery_again_keeps_its_place;
            keeping:
                finished_events_go_by_age_and_by_number_and_unfinished_ones_stay,
                runs_and_attempts_go_with_their_event_and_their_numbers_are_not_used_again,
                an_event_with_something_to_do_again_stays,
                the_quarantine_is_pruned_too,
                what_is_written_beside_the_service_is_claimed_by_it,
                a_service_is_told_of_what_is_written_beside_it,
                a_version_is_another_one_only_if_something_was_written;
            limiting:
                at_most_so_many_run_at_once_and_in_order,
                each_value_has_places_of_its_own,
                many_that_wait_hide_no_other_share,
                a_limit_counts_for_what_waits_when_it_is_set;
            orphans:
                a_claim_hands_out_runs_of_its_own_rules_alone,
                runs_of_rules_that_no_service_has_are_handed_out_to_be_cancelled,
                an_orphan_that_was_claimed_with_a_lost_answer_is_handed_out_again,
                however_many_orphans_wait_each_claim_goes_on_from_where_the_last_one_came_to;
            listing:
                runs_are_listed_newest_first_by_any_filter,
                what_became_of_runs_is_counted_and_what_waits;
            order:
                one_run_of_a_key_at_a_time_in_order_of_acceptance,
                a_retry_holds_the_later_runs_of_its_key_and_no_others,
                due_retries_and_new_runs_are_claimed_in_order_of_acceptance,
                the_operators_retry_goes_before_waiting_runs_but_not_beside_a_running_one,
                a_retry_is_of_all_runs_or_of_none,
                after_a_step_of_the_clock_no_retry_waits_longer_than_its_own_delay;
            owners:
                what_was_claimed_with_a_lost_answer_is_handed_out_again,
                the_end_of_an_attempt_is_recorded_once,
                an_attempt_that_has_ended_otherwise_is_lost,
                an_attempt_of_another_owner_is_lost,
                each_start_is_another_owner_and_finds_what_the_others_left_open,
                a_duty_is_of_an_owner_that_has_joined_and_not_left;
            reading:
                a_cursor_is_on_disk_with_the_events_that_it_covers,
                passes_and_failures_are_distinguished,
                a_cursor_is_moved_only_from_where_it_was_when_the_source_was_read,
                a_missing_lease_counts_against_the_event_and_not_against_its_runs;
            requesting:
                a_request_is_answered_once_and_the_answer_stays,
                what_is_withdrawn_is_not_done,
                a_request_for_a_delivery_that_has_gone_says_so,
                answers_go_with_what_retention_deletes;
            scheduling:
                a_scheduled_run_is_claimed_when_its_time_has_come,
                until_it_is_due_it_takes_no_place_and_holds_nothing,
                a_delivery_in_quarantine_holds_it_once_it_is_due,
                what_is_released_may_be_scheduled_too,
                it_is_not_forgotten,
                what_is_never_to_start_is_on_record_with_the_reason;
            stepping:
                a_run_that_goes_on_keeps_its_turn_and_begins_without_failures,
                a_run_between_two_steps_keeps_its_turn_whoever_is_retried,
                a_crash_goes_on_at_the_step,
                another_round_begins_at_the_step_that_failed_or_at_the_first;
            storing:
                a_value_is_set_read_and_deleted_by_its_name,
                a_value_is_gone_at_the_moment_its_time_is_over,
                only_what_is_absent_is_set_if_that_is_asked_for,
                counting_starts_at_nothing_and_keeps_its_time,
                a_change_is_made_once_for_each_who_asks,
                a_program_asks_for_one_change_after_the_other,
                what_a_run_asked_for_is_known_until_the_end_of_its_attempt_is_on_record,
                values_are_listed_page_by_page_in_the_order_of_their_names,
                a_store_that_is_full_takes_no_other_value_until_one_has_gone,
                what_is_refused_changes_nothing,
                upkeep_deletes_what_is_over;
            batching:
                a_run_tells_of_the_events_of_its_window,
                what_is_still_to_be_told_of_is_not_pruned,
                a_run_is_given_so_many_events_and_the_others_are_counted,
                what_awaited_its_lease_is_told_of_with_the_others;
            throttling:
                the_first_of_a_window_starts_and_the_others_are_on_record,
                one_run_stands_for_a_window_and_starts_at_its_end,
                only_the_event_of_its_number_starts,
                an_event_that_comes_again_counts_nothing,
                groups_rules_and_throttles_are_counted_apart,
                what_never_starts_counts_nothing_and_the_later_of_two_times_holds,
                what_awaits_its_lease_counts_once_that_is_known,
                windows_that_have_ended_are_pruned,
                after_a_step_of_the_clock_no_window_is_longer;
        }
    };
    (@cases $fresh:expr; $($theme:ident: $($case:ident),+;)+) => {
        $(mod $theme {
            use super::*;
            use $crate::journal::conformance::{Asking, Scene, $theme as cases};
            $(#[tokio::test]
            async fn $case() {
                for asking in Asking::ALL {
                    eprintln!("asking {asking:?}");
                    let scene = Scene { fresh: &$fresh, asking };
                    cases::$case(&scene).await;
                }
            })+
        })+
    };
}

pub(in crate::journal) use hold_to_the_contract;

#[test]
fn the_contract_names_cases_that_there_are() {
    let page = include_str!("../../ARCHITECTURE.md");
    let contract = page.split("## The journal's contract").nth(1).unwrap();
    let rows = contract
        .lines()
        .skip_while(|line| !line.starts_with("| 1."));
    let rows: Vec<_> = rows.take_while(|line| line.starts_with('|')).collect();
    assert_eq!(rows.len(), 15);
    for row in rows {
        let named = row.split('`').skip(1).step_by(2);
        for case in named.filter_map(|name| name.split_once("::")) {
            if case.0.contains('/') {
                let file = fs::read_to_string(Path::new("src").join(case.0)).unwrap();
                assert!(
                    file.contains(&format!("fn {}()", case.1)),
                    "{case:?} in {row}"
                );
                continue;
            }
            let list = include_str!("conformance.rs").split_once(&format!(" {}:\n", case.0));
            let list = list.and_then(|(_, list)| list.split_once(';'));
            let cases = list
                .map_or("", |(cases, _)| cases)
                .split(',')
                .map(str::trim);
            assert!(
                cases.into_iter().any(|name| name == case.1),
                "{case:?} in {row}"
            );
        }
    }
}
