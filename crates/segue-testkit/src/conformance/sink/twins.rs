//! Sinks that break one promise each, made from a good one, and the case that is meant for each.
//!
//! A case that no twin is made for is a case that may not be able to fail: [`cases_without`] is empty.

mod rows;
mod rules;
mod wrong;

use super::{Ability, Case, Harness, Keeps, Place, Rule, all};
use crate::conformance::{Broken, Held, Report, judge_all, judged};
use arrow_array::RecordBatch;
use async_trait::async_trait;
use futures::future::BoxFuture;
use segue_core::sink::{Change, Sink, Target};
use segue_core::wire::{Wire, WireRows};
use segue_core::{Result, Type};
use std::sync::Arc;
use wrong::{Shared, Wrong};

macro_rules! twins {
    ($($(#[$doc:meta])* $fault:ident => $($case:ident),+;)*) => {
        /// What a twin does wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Fault { $($(#[$doc])* $fault),* }

        /// Every twin, with the cases that are meant for it.
        pub const TWINS: &[(Fault, &[&str])] = &[$((Fault::$fault, &[$(stringify!($case)),+])),*];
    };
}

twins! {
    /// Says that it wrote what had been there before.
    SaysWritten => a_commit_lands_once;
    /// Adds the rows again when it is called again.
    LandsTwice => a_commit_by_two_at_once_lands_once;
    /// Takes whatever comes as the next one.
    ForgetsThePredecessor => only_the_predecessor_lets_a_commit_land, of_rivals_at_once_one_lands;
    /// Takes a predecessor that the table has not seen for its last one.
    TrustsAnyPredecessor => a_predecessor_that_never_was_lets_nothing_land;
    /// Tells the number without the attempt.
    HeadWithoutAttempt => the_head_tells_the_last_commit;
    /// Tells always the same version.
    HeadStandsStill => the_head_tells_the_last_commit;
    /// Answers with another version than the one that it wrote.
    TellsAnotherVersion => the_head_tells_the_last_commit;
    /// Keeps in memory where the staged rows lie.
    KeepsItInMind => a_record_is_carried_out_by_another_process;
    /// Lands the first piece, and later the rest.
    LandsInHalves => a_commit_that_is_dropped_is_before_or_after;
    /// Says that it landed although the rows are gone.
    LandsNothing => a_commit_whose_rows_are_gone_changes_nothing;
    /// Makes of the table what it had worked out, whoever wrote since.
    OverwritesOthers => what_another_program_wrote_is_not_lost;
    /// Gives a number to whoever asks; where there are none, refuses them.
    ClaimsForAnybody => a_number_belongs_to_the_attempt_that_claimed_it;
    /// Knows of no number.
    ForgetsNumbers => the_highest_number_is_told;
    /// Reads staged rows with the table's.
    ShowsStaged => what_is_staged_worked_out_and_claimed_is_seen_by_no_reader;
    /// Gives the table its new columns when they are worked out.
    WidensTooEarly => working_out_new_columns_changes_nothing;
    /// Makes the table when rows are staged for it.
    MakesTheTableTooEarly => what_is_staged_for_no_table_makes_none;
    /// Takes the end of what could be read for the end.
    SwallowsErrors => a_stage_that_fails_says_so;
    /// Does not hear that it should stop.
    GoesOn => a_stage_that_is_cancelled_ends;
    /// Reads the table with what is staged.
    StagedWithTheTable => staged_rows_are_read_alone;
    /// Throws nothing away.
    DiscardsNothing => what_is_discarded_is_gone_and_what_is_gone_is_no_error;
    /// Fails where there is nothing to throw away.
    MissesWhatIsGone => what_is_discarded_is_gone_and_what_is_gone_is_no_error;
    /// Sweeps what is named, too.
    SweepsEverything => a_sweep_keeps_what_is_named;
    /// Sweeps nothing.
    SweepsNothing => a_sweep_keeps_what_is_named;
    /// Takes only the first piece.
    TakesTheFirstPiece => many_pieces_are_one_change;
    /// Refuses to stage while another one does.
    StagesOneAtATime => pieces_are_staged_at_once;
    /// Refuses to stage no rows.
    RefusesNoRows => pieces_without_rows_are_fine;
    /// Thinks that without pieces there is nothing to do.
    NothingWithoutPieces => a_change_without_pieces_is_one;
    /// Leaves rows without any value out.
    LosesEmptyRows => rows_are_added;
    /// Puts columns in an order of its own.
    SortsColumns => a_table_is_replaced_in_another_schema;
    /// Takes the end of a stretch for a part of it.
    ClosesRanges => ranges_are_half_open_and_the_rest_stays;
    /// Knows the ends of a stretch to the millisecond.
    RangesOfMilliseconds => ranges_of_instants_and_numbers;
    /// Leaves slices alone for which no rows came.
    ForgetsEmptySlices => slices_are_replaced_and_the_rest_stays;
    /// Knows a slice by its first label.
    SlicesByFirstLabel => slices_of_several_columns_and_numbers;
    /// Takes no row for one that deletes.
    LosesDeletes => a_merge_replaces_adds_and_deletes;
    /// Knows a row by the first column of its key.
    MergesByFirstColumn => a_merge_by_several_columns;
    /// Leaves equal rows of one key beside each other.
    LeavesDoubledRows => a_merge_leaves_one_row_of_a_key;
    /// Makes up what does not come.
    MakesValuesUp => a_merge_without_a_column;
    /// Leaves columns their types.
    NeverWidens => a_commit_widens_the_table;
    /// Loses the last row of many.
    LosesTheLastOfMany => changes_by_chance_do_what_they_say;
    /// Loses all deletes but one.
    LosesDeletesOfMany => merges_by_chance_do_what_they_say;
    /// Finds every change worth a commit.
    AlwaysChanges => equal_rows_are_no_change;
    /// Takes rows for equal when they are as many.
    CountsRows => equal_rows_are_no_change;
    /// Takes equal rows for one.
    ForgetsHowOften => how_often_a_row_is_there_counts;
    /// Tells no slice as unchanged.
    TellsNoSlices => equal_slices_are_told;
    /// Tells no stretch as unchanged.
    TellsNoRanges => equal_ranges_are_told;
    /// Tells every stretch as unchanged.
    TellsAllRanges => equal_ranges_are_told;
    /// Looks at rows alone.
    IgnoresColumns => a_new_column_is_a_change;
    /// Tells a value too few.
    FootprintTooSmall => a_footprint_has_old_and_new_values;
    /// Tells no slices.
    FootprintWithoutSlices => a_footprint_has_old_and_new_values;
    /// Knows no reader's grain.
    FootprintWithoutGrain => a_footprint_is_in_the_readers_grain;
    /// Cuts the last value off.
    FootprintCutOff => a_footprint_of_many_values_is_their_hull;
    /// Says of every column that nothing in it changed.
    FootprintOfText => a_column_without_numbers_has_no_footprint;
    /// Takes any key.
    TakesAnyKey => empty_keys_are_refused, doubled_keys_are_refused;
    /// Takes rows from outside.
    TakesRowsFromOutside => rows_outside_their_ranges_are_refused, rows_outside_their_slices_are_refused;
    /// Takes any value.
    Narrows => nothing_is_narrowed;
    /// Goes by the place alone.
    MinglesAssets => another_assets_table_is_refused;
    /// Lets every row in.
    RefusesNothing => rows_that_are_not_unique_are_refused, rows_that_break_a_condition_are_refused;
    /// Lets the first in of those that it refuses.
    RefusesTheLater => rows_that_are_not_unique_are_refused, rows_that_a_refused_row_makes_room_for_are_refused;
    /// Refuses all where one is to be refused.
    RefusesAll => rows_that_break_a_condition_are_refused;
    /// Refuses a row that it need not.
    RefusesTheFirst => rows_that_break_nothing_are_not_refused;
    /// Refuses rows without saying why.
    RefusesInSilence => rows_that_are_not_unique_are_refused;
    /// Lets no two rows change at once.
    ExchangesNothing => rows_may_exchange_a_value_that_is_unique;
    /// Loses the last portion of rows that pass.
    LosesTheLastPortion => rows_that_pass_land_as_values_do;
    /// Takes the end of what passed for the end.
    SwallowsWhatCutsRowsOff => rows_that_pass_and_are_not_whole_stage_nothing;
    /// Lets everything pass.
    LetsEverythingPass => rows_that_the_table_bends_do_not_pass;
    /// Keeps milliseconds.
    LosesMicroseconds => values_return_as_they_went;
    /// Takes an empty text for none.
    EmptyIsNull => values_return_as_they_went;
    /// Keeps seven digits.
    LosesDigits => values_return_as_they_went;
    /// Takes none for the first value that there is.
    NullIsZero => null_returns_as_null_of_every_type;
    /// Knows Arrow's types alone.
    ForgetsTypes => a_schema_returns_as_it_went;
    /// Writes columns in small letters.
    LowersColumns => columns_may_have_any_name;
    /// Makes plain words of places.
    PlainPlaces => tables_may_have_any_name;
    /// Finds a table without rows not worth making.
    NoEmptyTables => an_empty_table_is_a_table;
    /// Forgets the first commit.
    LosesTheFirstRecord => records_tell_what_was_committed;
    /// Forgets a table.
    LosesATable => tables_are_told_with_their_assets;
    /// Tells everything up to now.
    TellsUpToNow => changes_are_told_by_version;
    /// Reads the newest version, whatever is asked for.
    ReadsTheNewest => an_old_version_is_read_as_it_was, another_version_than_asked_for_is_never_read;
    /// Reads columns in the order in which they stand.
    ReadsInOrder => columns_are_read_in_the_order_asked_for;
    /// Leaves a dropped table where it is.
    DropsNothing => a_dropped_table_is_gone_and_may_come_again;
    /// Is called otherwise each time.
    ManyNames => the_place_has_one_name;
    /// Puts a companion after the own table's last commit.
    CompanionsGoByTheOwn => companions_follow_their_own_predecessors;
    /// Finds everything ready.
    AlwaysReady => companions_follow_their_own_predecessors;
}

/// Shows of every twin that the case which is meant for it catches it. Those whose case does not apply are told as left out.
pub async fn check(harness: &dyn Harness) -> Report {
    check_for(harness, |_| true).await
}

/// As [`check`], for the twins of these cases alone.
pub async fn check_for(harness: &dyn Harness, is_it: impl Fn(&Case) -> bool) -> Report {
    let (mut report, mut applies, cases) = (Report::default(), Vec::new(), all());
    let wanted = |name: &&&str| cases.iter().find(|case| case.name == **name).is_none_or(&is_it);
    for (fault, meant) in TWINS {
        for name in meant.iter().filter(wanted) {
            let Some(case) = cases.iter().find(|case| case.name == *name) else {
                report
                    .broken
                    .push((name, format!("there is no such case for {fault:?}")));
                continue;
            };
            if let Some(lack) = case.needs.iter().find(|need| harness.lacks().contains(need)) {
                report.left_out.push((name, format!("{fault:?}: it lacks {lack:?}")));
                continue;
            }
            let (fault, run) = (*fault, case.run);
            let caught = async move {
                match judged(run(&OfTwins { harness, fault })).await {
                    Err(_) => Ok(()),
                    Ok(()) => Err(Broken(format!("{fault:?} is not caught"))),
                }
            };
            applies.push((*name, Box::pin(caught) as BoxFuture<'_, Held>));
        }
    }
    judge_all(applies, &mut report).await;
    report
}

/// The cases that no twin is made for.
pub fn cases_without() -> Vec<&'static str> {
    let has_twin = |name: &str| TWINS.iter().any(|(_, meant)| meant.contains(&name));
    all()
        .iter()
        .map(|case| case.name)
        .filter(|name| !has_twin(name))
        .collect()
}

/// Makes places whose sinks are a twin of the harness's.
struct OfTwins<'a> {
    harness: &'a dyn Harness,
    fault: Fault,
}

#[async_trait]
impl Harness for OfTwins<'_> {
    async fn place(&self) -> Result<Box<dyn Place>> {
        Ok(Box::new(TwinPlace {
            place: self.harness.place().await?,
            fault: self.fault,
            shared: Arc::default(),
        }))
    }

    fn lacks(&self) -> &'static [Ability] {
        self.harness.lacks()
    }

    fn keeps(&self, of: &Type, value: &str) -> Keeps {
        self.harness.keeps(of, value)
    }

    fn takes(&self, change: &Change) -> bool {
        self.harness.takes(change)
    }
}

struct TwinPlace {
    place: Box<dyn Place>,
    fault: Fault,
    shared: Arc<Shared>,
}

#[async_trait]
impl Place for TwinPlace {
    async fn open(&self) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(Wrong::new(
            self.place.open().await?,
            self.fault,
            self.shared.clone(),
        )))
    }

    fn connection(&self) -> Option<String> {
        self.place.connection()
    }

    fn named(&self, name: &str) -> String {
        self.place.named(name)
    }

    async fn ids(&self, target: &Target) -> Result<Option<Vec<i64>>> {
        self.place.ids(target).await
    }

    async fn forbid(&self, target: &Target, rule: Rule) -> Result<()> {
        self.place.forbid(target, rule).await
    }

    fn in_wire(&self, rows: &RecordBatch) -> Result<Option<(Wire, WireRows)>> {
        self.place.in_wire(rows)
    }

    async fn write(&self, target: &Target, rows: &RecordBatch) -> Result<()> {
        self.place.write(target, rows).await
    }
}

#[cfg(test)]
mod tests {
    /// A case that no twin is made for may not be able to fail.
    #[test]
    fn every_case_has_a_twin() {
        assert_eq!(super::cases_without(), Vec::<&str>::new());
    }
}
