//! Rows that come as they are, in a form that the sink speaks: they lie ready, and land, as the same rows do that come value by value.

use crate::conformance::grid::{Grid, schema_of, some};
use crate::conformance::sink::bed::{Bed, Prepared, check_worked_out, read, record};
use crate::conformance::sink::kinds::{merge, nothing, slices, things};
use crate::conformance::sink::model::{Piece, Step};
use crate::conformance::{Broken, Held, hold, same};
use futures::{StreamExt, stream};
use segue_core::commit::{Part, Role};
use segue_core::sink::{Change, Staged, Target};
use segue_core::wire::{Wire, WireRows};
use segue_core::{Error, Kind, Result, Type};

/// These rows in the sink's form, in two portions.
fn sent(bed: &Bed<'_>, rows: &Grid, key: &[&str]) -> Held<(Wire, [WireRows; 2])> {
    let batch = rows.batch();
    let middle = batch.num_rows() / 2;
    let portion = |from: usize, length: usize| -> Held<(Wire, WireRows)> {
        let sent = bed.place.in_wire(&batch.slice(from, length))?;
        sent.ok_or_else(|| Broken("the place gives no rows in the sink's form".into()))
    };
    let (mut wire, first) = portion(0, middle)?;
    let (_, second) = portion(middle, batch.num_rows() - middle)?;
    wire.key = key.iter().map(|k| k.to_string()).collect();
    Ok((wire, [first, second]))
}

async fn stage(bed: &Bed<'_>, target: &Target, wire: Wire, rows: Vec<Result<WireRows>>) -> Result<Staged> {
    bed.sink
        .stage_wire(target, wire, stream::iter(rows).boxed(), &bed.ctx)
        .await
}

/// Lands the rows, which come as they are, and compares everything with what the same rows come to by value.
async fn land(bed: &mut Bed<'_>, target: &Target, change: Change, rows: Grid, key: &[&str]) -> Held {
    let (wire, portions) = sent(bed, &rows, key)?;
    let anew = change == Change::ReplaceTable;
    let refused = bed.sink.refuses(target, &wire, anew, &bed.ctx).await?;
    same!("why the table does not take them", refused, None);
    let staged = stage(bed, target, wire, portions.into_iter().map(Ok).collect()).await?;
    same!("rows that lie staged", staged.rows, rows.rows.len() as u64);
    let alone = read(
        bed.sink
            .staged(target, std::slice::from_ref(&staged), &bed.ctx)
            .await?
            .as_ref(),
    )
    .await?;
    same!("the staged rows", alone.sorted(), rows.clone().sorted());
    let step = Step {
        change,
        pieces: vec![Piece::of(rows)],
    };
    let told = bed.told(target, &step).await?;
    let told = told.map_err(|refusal| Broken(format!("a case asks for what is refused: {refusal:?}")))?;
    let staged = vec![staged];
    let worked = bed.work_out(target, &step, &staged).await??;
    let part = Part {
        role: Role::Table,
        target: target.clone(),
        predecessor: bed.head(target).await?.n,
        change: step.change.clone(),
        schema: schema_of(&bed.columns_after(target, &step).await?),
        staged,
        grains: bed.grains.clone(),
        plan: worked.plan.clone(),
    };
    let n = bed.next_number(target).await?;
    let prepared = Prepared {
        record: record(n, part, worked.footprint.clone()),
        worked,
        told,
    };
    check_worked_out(&step, &prepared, &bed.grains)?;
    bed.commit(&prepared.record).await?;
    bed.see(target, &prepared.told.after).await
}

/// Added, in the place of slices, merged by a key, and in the place of all, also where there is no table yet; with empty values, and beside
/// rows that came by value.
pub(super) async fn rows_that_pass_land_as_values_do(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let mut first = things(&[(1, "ann", 1), (2, "bob", 2), (3, "eve", 3)]);
    first.rows.push(vec![some(4), None, None, None]);
    land(&mut bed, &t, Change::Append, first, &[]).await?;
    bed.land(&t, &Step::new(Change::Append, things(&[(5, "zoë", 5)])))
        .await?;
    let slice = things(&[(6, "ann", 6), (7, "ann", 7), (8, "kim", 8)]);
    land(&mut bed, &t, slices(&["ann", "kim"]), slice, &[]).await?;
    let changed = things(&[(2, "bob", 20), (9, "lee", 9), (7, "ann", 7)]);
    land(&mut bed, &t, merge(&["id"]), changed, &["id"]).await?;
    land(
        &mut bed,
        &t,
        Change::ReplaceTable,
        things(&[(1, "ann", 1), (1, "ann", 1)]),
        &[],
    )
    .await?;
    land(&mut bed, &t, Change::ReplaceTable, nothing(), &[]).await
}

/// A read that fails in the middle, and one that tells of fewer rows than there are.
pub(super) async fn rows_that_pass_and_are_not_whole_stage_nothing(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let there = things(&[(1, "ann", 1)]);
    bed.land(&t, &Step::new(Change::Append, there.clone())).await?;
    let rows = things(&[(2, "bob", 2), (3, "eve", 3), (4, "kim", 4), (5, "lee", 5)]);
    let (wire, [first, second]) = sent(&bed, &rows, &[])?;
    let gone = Error::new(Kind::Unavailable, "the source is gone");
    let staged = stage(
        &bed,
        &t,
        wire.clone(),
        vec![Ok(first.clone()), Err(gone), Ok(second.clone())],
    )
    .await;
    let kind = staged.map(|s| s.rows).map_err(|e| e.kind());
    same!("what comes of a read that failed", kind, Err(Kind::Unavailable));
    let mut few = second;
    few.rows -= 1;
    let staged = stage(&bed, &t, wire.clone(), vec![Ok(first), Ok(few)]).await;
    hold!(staged.is_err(), "more rows lie staged than were told of");
    bed.see(&t, &there).await
}

/// A column that is of another type, or that another program's table does not have.
pub(super) async fn rows_that_the_table_bends_do_not_pass(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let mut other = Grid::of(&[("id", Type::Int64), ("name", Type::Int64)]);
    other.rows.push(vec![some(1), some(2)]);
    bed.land(&t, &Step::new(Change::Append, other)).await?;
    let (wire, _) = sent(&bed, &things(&[(1, "ann", 1)]), &[])?;
    let why = bed.sink.refuses(&t, &wire, false, &bed.ctx).await?;
    hold!(
        why.as_ref().is_some_and(|why| why.contains("name")),
        "texts pass into numbers: {why:?}"
    );
    // A table of ours that is made anew takes the types of what comes.
    let why = bed.sink.refuses(&t, &wire, true, &bed.ctx).await?;
    same!("why a table that is made anew does not take them", why, None);
    Ok(())
}
