//! The conformance battery: what every store must do, one named case each.
//!
//! [`battery!`](crate::battery!) makes one test per case for a store, so a
//! failure names the case and the store. A case gets an empty store and fails
//! by panicking.

// A case is a test: it fails by panicking.
#![allow(clippy::missing_panics_doc)]

pub mod errors;
pub mod evidence;
pub mod intervals;
pub mod logs;
pub mod maintenance;
pub mod operation_samples;
pub mod paging;
pub mod pools;
pub mod removal;
pub mod reports;
pub mod rollups;
pub mod run_filters;
pub mod run_lists;
pub mod run_records;
pub mod runs;
pub mod samples;
pub mod targets;
pub mod templates;
pub mod workers;

/// Makes one `#[tokio::test]` per case. The expression gives a future of
/// `(Stores, keep)` with an empty store; `keep` is dropped after the case.
#[macro_export]
macro_rules! battery {
    ($make:expr) => {
        $crate::each_case! { ($make)
            targets: kept_whole, name_taken, repeated_request, absent, password_apart, every_address,
                listed_by_project_and_name, listed_while_others_insert, updated, lost_race, removed;
            templates: kept_whole, sources, name_taken, repeated_request, absent, versions, lost_race,
                every_variant, large_seeds, listed_by_project_and_name, listed_versions, removed;
            pools: kept_whole, name_taken, repeated_request, absent, large, listed_without_values,
                removed;
            runs: kept_whole, name_taken, id_taken, repeated_request, repeated_at_once, absent, advanced,
                what_a_run_is_made_from_stays, stale_revision_changes_nothing,
                taken_command_changes_nothing, unknown_run, one_of_many_wins;
            run_records: every_stage, every_end, every_attempt_stage, newest_attempt_counts,
                every_action, commands_after_a_sequence, phases_in_their_order,
                events_without_gaps, events_of_many_writers, events_by_page, every_event_kind,
                strange_texts;
            run_lists: newest_first, equal_timestamps, listed_while_others_insert, below_a_project,
                by_status, by_template, by_everything, changes_move_between_filters, without_searches,
                with_loads, only_active;
            run_filters: every_order, equal_places, ten_thousand_at_one_instant, like_the_terms_say,
                labels_that_change, as_reports_judge, cursor_of_another_order;
            removal: with_everything, never_at_work, by_age;
            intervals: kept_whole, repeats_removed, repeats_within_one_call, all_or_none, absent,
                large_counts, every_variant, contiguous, in_their_order, by_page, many_at_once,
                of_many_writers, by_time, pruned;
            rollups: kept_whole, replaced, by_time_and_operation, by_page, all_or_none;
            errors: grouped, only_of_new_intervals, bounded;
            operation_samples: kept_whole, replaced_by_set, filtered, by_page, all_or_none;
            logs: numbered, of_many_writers, filtered, oldest_go, absent;
            reports: kept_whole, replaced, absent;
            evidence: kept_whole, replaced, absent, activity;
            workers: kept_whole, gauges_go, replaced, every_status, listed_by_name, only_those_seen, one;
            maintenance: forgotten;
        }
    };
}

/// Spells out the tests of [`battery!`](crate::battery!).
#[doc(hidden)]
#[macro_export]
macro_rules! each_case {
    (($make:expr) $($subject:ident: $($case:ident),+ $(,)?;)+) => {$(
        mod $subject {
            use super::*;
            $(
                #[tokio::test]
                async fn $case() {
                    let (stores, keep) = $make.await;
                    $crate::battery::$subject::$case(stores).await;
                    drop(keep);
                }
            )+
        }
    )+};
}
