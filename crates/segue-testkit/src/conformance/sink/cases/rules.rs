//! Rules that another program put on a table: rows that break them are told from the others, and no row breaks one on its way alone.

use crate::conformance::grid::{Grid, columns_of, schema_of};
use crate::conformance::sink::Rule;
use crate::conformance::sink::bed::{Bed, read, record};
use crate::conformance::sink::kinds::{merge, nothing, slices, thing, things};
use crate::conformance::sink::model::{Piece, Step};
use crate::conformance::{Held, hold, same};
use segue_core::commit::{Part, Role};
use segue_core::sink::{Change, Committed, REFUSED_AS, REFUSED_BY, REFUSED_FOR, Staged, Target};

/// A table with two rows, and a rule on it.
async fn table(bed: &mut Bed<'_>, rule: Rule) -> Held<Target> {
    let t = bed.target("things");
    let there = things(&[(1, "ann", 1), (2, "bob", 2)]);
    bed.land(&t, &Step::new(merge(&["id"]), there)).await?;
    bed.place.forbid(&t, rule).await?;
    Ok(t)
}

async fn stage(bed: &Bed<'_>, target: &Target, step: &Step) -> Held<Vec<Staged>> {
    let mut staged = Vec::new();
    for piece in &step.pieces {
        staged.push(bed.stage(target, piece).await?);
    }
    Ok(staged)
}

/// Sifts the rows of a step: what is left, and the ids of those that are refused.
async fn sift(bed: &Bed<'_>, target: &Target, step: &Step) -> Held<(Vec<Staged>, Vec<i64>)> {
    let staged = stage(bed, target, step).await?;
    let came: u64 = staged.iter().map(|s| s.rows).sum();
    let schema = schema_of(&bed.columns_after(target, step).await?);
    let sifted = bed.sink.sift(target, schema, &step.change, &staged, &bed.ctx).await?;
    let told: u64 = sifted.staged.iter().chain(&sifted.refused).map(|s| s.rows).sum();
    same!("rows that are left and refused", told, came);
    if sifted.refused.is_empty() {
        return Ok((sifted.staged, Vec::new()));
    }
    same!("rows of the table", sifted.there, 2);
    let refused = read(bed.sink.staged(target, &sifted.refused, &bed.ctx).await?.as_ref()).await?;
    let names: Vec<&str> = refused.columns.iter().map(|(name, _)| name.as_str()).collect();
    same!(
        "the columns of refused rows",
        names,
        ["id", "name", "day", "amount", REFUSED_BY, REFUSED_FOR, REFUSED_AS]
    );
    let reason = |row: &Vec<_>| row.last().cloned().flatten().unwrap_or_default();
    hold!(
        refused.rows.iter().all(|row| !reason(row).is_empty()),
        "a row is refused without a reason"
    );
    let mut ids: Vec<i64> = refused
        .rows
        .iter()
        .filter_map(|r| r[0].as_deref()?.parse().ok())
        .collect();
    ids.sort_unstable();
    bed.sink.discard(target, &sifted.refused, None, &bed.ctx).await?;
    Ok((sifted.staged, ids))
}

/// Commits what is staged, and compares the table.
async fn commit(bed: &mut Bed<'_>, target: &Target, change: &Change, staged: Vec<Staged>, after: &Grid) -> Held {
    let schema = schema_of(&columns_of(&nothing().schema())?);
    let worked = bed
        .sink
        .work_out(target, schema.clone(), change, &staged, &[], &bed.ctx)
        .await?;
    let predecessor = bed.head(target).await?.n;
    let part = Part {
        role: Role::Table,
        target: target.clone(),
        predecessor,
        change: change.clone(),
        schema,
        staged,
        grains: Vec::new(),
        plan: worked.plan,
    };
    let n = bed.next_number(target).await?;
    let done = bed.commit(&record(n, part, worked.footprint)).await?;
    hold!(matches!(done, Committed::Written(_)), "the commit was told {done:?}");
    bed.see(target, after).await
}

/// Of rows that come and one that is there, and of two that come; added, merged, and in the place of a slice.
pub(super) async fn rows_that_are_not_unique_are_refused(mut bed: Bed<'_>) -> Held {
    let t = table(&mut bed, Rule::UniqueName).await?;
    let rows = things(&[(3, "bob", 3), (4, "eve", 3), (5, "zoë", 3), (6, "zoë", 4)]);
    let (left, refused) = sift(&bed, &t, &Step::new(Change::Append, rows.clone())).await?;
    same!("of rows that are added", refused, [3, 5, 6]);
    bed.sink.discard(&t, &left, None, &bed.ctx).await?;
    // In two pieces, the twins apart. A row that is there as it comes was there first.
    let pieces = [
        things(&[(2, "bob", 2), (3, "bob", 3), (5, "zoë", 3)]),
        things(&[(6, "zoë", 4), (4, "eve", 3)]),
    ];
    let step = Step {
        change: merge(&["id"]),
        pieces: pieces.into_iter().map(Piece::of).collect(),
    };
    let (left, refused) = sift(&bed, &t, &step).await?;
    same!("of rows that are merged", refused, [3, 5, 6]);
    let after = things(&[(1, "ann", 1), (2, "bob", 2), (4, "eve", 3)]);
    commit(&mut bed, &t, &step.change, left, &after).await
}

/// What makes room for it and is refused itself leaves no room.
pub(super) async fn rows_that_a_refused_row_makes_room_for_are_refused(mut bed: Bed<'_>) -> Held {
    let t = table(&mut bed, Rule::UniqueName).await?;
    // Row 2 would be `ann`, which row 1 is; so it stays `bob`, which row 3 would be.
    let step = Step::new(merge(&["id"]), things(&[(2, "ann", 2), (3, "bob", 3), (4, "eve", 4)]));
    let (left, refused) = sift(&bed, &t, &step).await?;
    same!("what is refused", refused, [2, 3]);
    let after = things(&[(1, "ann", 1), (2, "bob", 2), (4, "eve", 4)]);
    commit(&mut bed, &t, &step.change, left, &after).await
}

/// By a condition, of one row and of many, in changes of several kinds.
pub(super) async fn rows_that_break_a_condition_are_refused(mut bed: Bed<'_>) -> Held {
    let t = table(&mut bed, Rule::AmountFromZero).await?;
    let row = |id: i64, name: &str, amount: f64| thing(id, name, 5, amount);
    for change in [merge(&["id"]), Change::Append, slices(&["ann", "eve"])] {
        let mut rows: Vec<_> = (10..200).map(|id| row(id, "eve", id as f64)).collect();
        rows.push(row(3, "ann", -0.5));
        rows.insert(70, row(4, "eve", f64::MIN));
        rows.insert(0, row(5, "ann", 0.0));
        let (left, refused) = sift(&bed, &t, &Step::new(change.clone(), nothing().with(rows))).await?;
        same!(format!("what is refused of {change:?}"), refused, [3, 4]);
        bed.sink.discard(&t, &left, None, &bed.ctx).await?;
    }
    let step = Step::new(
        merge(&["id"]),
        nothing().with(vec![row(2, "bob", -1.0), row(3, "eve", 1.0)]),
    );
    let (left, refused) = sift(&bed, &t, &step).await?;
    same!("what is refused", refused, [2]);
    let mut after = things(&[(1, "ann", 1), (2, "bob", 2)]);
    after.rows.push(row(3, "eve", 1.0));
    commit(&mut bed, &t, &step.change, left, &after).await
}

/// A table without rules, one whose rules no row breaks, rows that break one while they are on their way.
pub(super) async fn rows_that_break_nothing_are_not_refused(mut bed: Bed<'_>) -> Held {
    let t = bed.target("others");
    let rows = things(&[(1, "ann", 1), (2, "ann", 2)]);
    let (left, refused) = sift(&bed, &t, &Step::new(Change::Append, rows.clone())).await?;
    same!("of rows for no table", refused, Vec::<i64>::new());
    commit(&mut bed, &t, &Change::Append, left, &rows).await?;
    let (left, refused) = sift(&bed, &t, &Step::new(Change::Append, rows.clone())).await?;
    same!("of rows for a table without rules", refused, Vec::<i64>::new());
    bed.sink.discard(&t, &left, None, &bed.ctx).await?;
    let t = table(&mut bed, Rule::UniqueName).await?;
    let step = Step::new(merge(&["id"]), things(&[(1, "bob", 1), (2, "ann", 2)]));
    let (left, refused) = sift(&bed, &t, &step).await?;
    same!("of rows that exchange a value", refused, Vec::<i64>::new());
    commit(&mut bed, &t, &step.change, left, &step.pieces[0].rows).await
}

/// A pair, a ring, a row that takes what another gives up, in one change.
pub(super) async fn rows_may_exchange_a_value_that_is_unique(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let there = [
        (1, "a", 1),
        (2, "b", 1),
        (3, "c", 1),
        (4, "d", 1),
        (5, "e", 1),
        (6, "f", 1),
        (7, "g", 1),
    ];
    bed.land(&t, &Step::new(merge(&["id"]), things(&there))).await?;
    bed.place.forbid(&t, Rule::UniqueName).await?;
    // 1 and 2 change places, 3 to 5 go round, 6 gives way to a new row, 7 stays.
    let rows = things(&[
        (1, "b", 1),
        (2, "a", 2),
        (3, "d", 1),
        (4, "e", 1),
        (5, "c", 1),
        (6, "z", 1),
        (8, "f", 1),
    ]);
    bed.land(&t, &Step::new(merge(&["id"]), rows)).await?;
    // As a whole, by what the table has for its key.
    let rows = things(&[(8, "a", 1), (2, "f", 2), (3, "d", 1)]);
    bed.land(&t, &Step::new(Change::ReplaceTable, rows)).await?;
    Ok(())
}
