//! The cases, by what they are about.

mod changes;
mod claims;
mod commits;
mod footprints;
mod hidden;
mod names;
mod passing;
mod refusals;
mod rules;
mod staged;
mod tables;
mod types;
mod unchanged;

use super::bed::Bed;
use super::{Ability, Harness};
use crate::conformance::Held;
use futures::future::BoxFuture;

/// A promise that is looked at.
pub struct Case {
    /// What is promised.
    pub name: &'static str,
    /// What a sink needs for it to apply.
    pub needs: &'static [Ability],
    pub(super) run: for<'a> fn(&'a dyn Harness) -> BoxFuture<'a, Held>,
}

macro_rules! cases {
    ($($module:ident: $($name:ident $(needs $need:ident)*),* ;)*) => {
        /// Every case there is.
        pub fn all() -> Vec<Case> {
            vec![$($(
                Case {
                    name: stringify!($name),
                    needs: &[$(Ability::$need),*],
                    run: {
                        fn run(harness: &dyn Harness) -> BoxFuture<'_, Held> {
                            Box::pin(async move { $module::$name(Bed::new(harness).await?).await })
                        }
                        run
                    },
                }
            ),*),*]
        }
    };
}

cases! {
    commits:
        a_commit_lands_once,
        a_commit_by_two_at_once_lands_once,
        only_the_predecessor_lets_a_commit_land,
        a_predecessor_that_never_was_lets_nothing_land,
        of_rivals_at_once_one_lands,
        the_head_tells_the_last_commit,
        a_record_is_carried_out_by_another_process,
        a_commit_that_is_dropped_is_before_or_after,
        a_commit_whose_rows_are_gone_changes_nothing,
        what_another_program_wrote_is_not_lost needs OtherPrograms;
    claims:
        a_number_belongs_to_the_attempt_that_claimed_it,
        the_highest_number_is_told;
    hidden:
        what_is_staged_worked_out_and_claimed_is_seen_by_no_reader,
        working_out_new_columns_changes_nothing,
        what_is_staged_for_no_table_makes_none;
    staged:
        a_stage_that_fails_says_so,
        a_stage_that_is_cancelled_ends,
        staged_rows_are_read_alone,
        what_is_discarded_is_gone_and_what_is_gone_is_no_error,
        a_sweep_keeps_what_is_named needs Sweeps,
        many_pieces_are_one_change,
        pieces_are_staged_at_once,
        pieces_without_rows_are_fine,
        a_change_without_pieces_is_one;
    changes:
        rows_are_added,
        a_table_is_replaced_in_another_schema,
        ranges_are_half_open_and_the_rest_stays,
        ranges_of_instants_and_numbers,
        slices_are_replaced_and_the_rest_stays,
        slices_of_several_columns_and_numbers,
        a_merge_replaces_adds_and_deletes,
        a_merge_by_several_columns,
        a_merge_leaves_one_row_of_a_key,
        a_merge_without_a_column,
        a_commit_widens_the_table,
        changes_by_chance_do_what_they_say,
        merges_by_chance_do_what_they_say;
    unchanged:
        equal_rows_are_no_change,
        how_often_a_row_is_there_counts,
        equal_slices_are_told,
        equal_ranges_are_told,
        a_new_column_is_a_change;
    footprints:
        a_footprint_has_old_and_new_values,
        a_footprint_is_in_the_readers_grain,
        a_footprint_of_many_values_is_their_hull,
        a_column_without_numbers_has_no_footprint;
    refusals:
        empty_keys_are_refused,
        doubled_keys_are_refused,
        rows_outside_their_ranges_are_refused,
        rows_outside_their_slices_are_refused,
        nothing_is_narrowed,
        another_assets_table_is_refused;
    rules:
        rows_that_are_not_unique_are_refused needs Rules,
        rows_that_a_refused_row_makes_room_for_are_refused needs Rules,
        rows_that_break_a_condition_are_refused needs Rules,
        rows_that_break_nothing_are_not_refused needs Rules,
        rows_may_exchange_a_value_that_is_unique needs Rules;
    passing:
        rows_that_pass_land_as_values_do needs Passes,
        rows_that_pass_and_are_not_whole_stage_nothing needs Passes,
        rows_that_the_table_bends_do_not_pass needs Passes;
    types:
        values_return_as_they_went,
        null_returns_as_null_of_every_type,
        a_schema_returns_as_it_went;
    names:
        columns_may_have_any_name needs AnyColumn,
        tables_may_have_any_name needs AnyTable;
    tables:
        an_empty_table_is_a_table,
        records_tell_what_was_committed,
        tables_are_told_with_their_assets,
        changes_are_told_by_version,
        an_old_version_is_read_as_it_was needs OldVersions,
        another_version_than_asked_for_is_never_read,
        columns_are_read_in_the_order_asked_for,
        a_dropped_table_is_gone_and_may_come_again,
        the_place_has_one_name,
        companions_follow_their_own_predecessors needs Companions;
}
