//! What no reader sees.

use crate::conformance::grid::{Grid, some};
use crate::conformance::sink::Ability;
use crate::conformance::sink::bed::Bed;
use crate::conformance::sink::kinds::{merge, things};
use crate::conformance::sink::model::{Piece, Step};
use crate::conformance::{Held, same};
use segue_core::Type;
use segue_core::sink::{Change, Head, Target};

/// All that a reader can ask of a table.
async fn seen(bed: &Bed<'_>, target: &Target) -> Held<(Head, Option<Grid>, usize, usize, usize)> {
    let head = bed.head(target).await?;
    let records = bed.sink.records(target, &bed.ctx).await?.len();
    let tables = bed
        .sink
        .tables(&bed.ctx)
        .await?
        .into_iter()
        .filter(|t| t.is_ok())
        .count();
    let changes = match head.schema {
        Some(_) => bed.sink.changes(target, 0, head.version, &bed.ctx).await?.len(),
        None => 0,
    };
    Ok((
        head,
        bed.rows(target).await?.map(Grid::sorted),
        records,
        tables,
        changes,
    ))
}

/// Staging, working out, looking at it and claiming leave the table as it is for everybody.
pub(super) async fn what_is_staged_worked_out_and_claimed_is_seen_by_no_reader(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let there = things(&[(1, "ann", 1), (2, "bob", 2)]);
    bed.land(&t, &Step::new(Change::Append, there.clone())).await?;
    let before = seen(&bed, &t).await?;
    let deleting = Piece {
        rows: things(&[(1, "ann", 1)]),
        deletes: vec![true],
    };
    let pieces = vec![Piece::of(things(&[(2, "new", 2), (3, "new", 3)])), deleting];
    for step in [
        Step::new(Change::ReplaceTable, things(&[(9, "eve", 9)])),
        Step {
            change: merge(&["id"]),
            pieces,
        },
    ] {
        let prepared = bed.prepare(&t, &step).await?;
        same!("after working out", seen(&bed, &t).await?, before);
        let view = bed.sink.view(&t, &prepared.record.own().plan, &bed.ctx).await?;
        crate::conformance::sink::bed::read(view.as_ref()).await?;
        same!("after looking at it", seen(&bed, &t).await?, before);
        bed.sink.claim(&prepared.record, &bed.ctx).await?;
        same!("after the claim", seen(&bed, &t).await?, before);
        bed.reopen().await?;
        same!("for another process", seen(&bed, &t).await?, before);
        bed.see(&t, &there).await?;
    }
    Ok(())
}

/// A change that brings a column and a wider type is worked out without touching the table.
pub(super) async fn working_out_new_columns_changes_nothing(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let narrow = Grid::of(&[("id", Type::Int64), ("size", Type::Int32)]).with(vec![vec![some(1), some(7)]]);
    bed.land(&t, &Step::new(Change::Append, narrow.clone())).await?;
    let before = seen(&bed, &t).await?;
    let columns = [("id", Type::Int64), ("size", Type::Int64), ("more", Type::String)];
    let wide = Grid::of(&columns).with(vec![vec![some(2), some(1_i64 << 40), some("x")]]);
    for change in [Change::Append, merge(&["id"]), Change::ReplaceTable] {
        bed.prepare(&t, &Step::new(change, wide.clone())).await?;
        same!("after working out", seen(&bed, &t).await?, before);
        bed.reopen().await?;
        bed.see(&t, &narrow).await?;
    }
    Ok(())
}

/// A table that is only staged for is none.
pub(super) async fn what_is_staged_for_no_table_makes_none(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let before = seen(&bed, &t).await?;
    bed.prepare(&t, &Step::new(Change::Append, things(&[(1, "ann", 1)])))
        .await?;
    same!("after working out", seen(&bed, &t).await?, before);
    bed.reopen().await?;
    same!("for another process", seen(&bed, &t).await?, before);
    if bed.has(Ability::SeenOtherwise) {
        same!("past the sink", bed.place.ids(&t).await?, None);
    }
    Ok(())
}
