//! What every adapter of `Index` does. The suite is written against `dyn Index`; an adapter brings an [`Engine`] and a
//! module at the end of this file.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod erasures;
mod held;
mod kinds;
mod lifecycle;
mod oracle;
mod paging;
mod removals;
mod rows;
mod scopes;
mod searches;
mod sqlite;
mod versions;

use std::path::Path;
use std::sync::Arc;

use index::Index;

/// A place where an adapter keeps its rows, empty at first.
pub trait Engine {
    /// Opens what is there.
    fn open(&self) -> Arc<dyn Index>;

    /// What another process finds after this one was killed now: the index is not closed, nothing is waited for.
    fn crash(&mut self, index: Arc<dyn Index>) -> Arc<dyn Index>;

    /// Opens a backup as an index.
    fn restore(&self, backup: &Path) -> Arc<dyn Index>;

    /// A folder for files.
    fn folder(&self) -> &Path;
}

macro_rules! contract {
    ($engine:path: $($suite:ident :: $case:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                crate::$suite::$case(&mut $engine()).await;
            }
        )+
    };
}

/// Every case, for one engine.
macro_rules! all_cases {
    ($engine:path) => {
        contract! { $engine:
            held::a_row_comes_back_as_it_went_in,
            held::alike_instances_are_counted,
            held::an_instance_is_found_without_its_series,
            held::hits_carry_each_level,
            held::counts_follow_stores,
            held::two_patients_flag_the_study,
            held::chunk_sums_come_in_parts,
            versions::same_bytes_are_one_row,
            versions::other_bytes_are_a_version,
            versions::a_version_elsewhere_does_not_move,
            versions::versions_are_of_one_custodian,
            scopes::holdings_of_one_study_are_apart,
            scopes::filters_do_not_reach_out,
            scopes::targets_are_in_one_holding,
            scopes::single_holdings,
            scopes::many_custodians,
            paging::pages_are_parts_of_one_order,
            paging::the_order_is_of_dates_and_numbers,
            paging::what_remains_is_counted_to_a_thousand,
            paging::cursors_go_through_a_target_once,
            searches::every_key_matches,
            searches::dates_and_times_are_one_interval,
            searches::request_attributes_match_within_one_item,
            searches::names_match_without_case_and_accents,
            searches::hostile_texts_are_only_texts,
            searches::searches_below_a_path,
            kinds::names_are_found_by_their_words,
            kinds::dates_and_times_have_zones,
            kinds::judges_decide_by_documents,
            kinds::any_of_several_values_matches,
            oracle::random_searches_find_what_matching_says,
            lifecycle::placing_is_repeatable,
            lifecycle::unplaced_rows_come_oldest_first,
            lifecycle::removed_rows_leave_nothing,
            lifecycle::removing_the_current_version_shows_the_next,
            lifecycle::a_crash_keeps_what_was_answered,
            lifecycle::a_backup_is_a_whole_index,
            lifecycle::many_writers_at_once,
            lifecycle::one_call_is_whole_or_not_at_all,
            removals::a_deletion_takes_what_it_names,
            removals::a_page_does_not_go_on_in_what_is_gone,
            removals::a_deletion_is_durable_and_known,
            removals::only_its_holders_know_of_a_deletion,
            removals::versions_go_with_their_first,
            removals::notes_hide_what_they_name,
            removals::notes_are_of_one_custodian,
            removals::attributes_follow_the_first_instance,
            removals::damaged_rows_heal,
            removals::commitments_are_kept_and_end,
            erasures::holdings_are_told_with_all_their_versions,
            erasures::an_erasure_leaves_numbers_alone,
        }
    };
}

mod on_sqlite {
    all_cases!(crate::sqlite::engine);
}
