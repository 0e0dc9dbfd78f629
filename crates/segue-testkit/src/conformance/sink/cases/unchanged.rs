//! What is told of rows that are equal.

use crate::conformance::grid::{Grid, some};
use crate::conformance::sink::bed::Bed;
use crate::conformance::sink::kinds::{days, merge, nothing, slice, slices, thing, things};
use crate::conformance::sink::model::{Piece, Step};
use crate::conformance::{Held, same};
use segue_core::sink::Change;
use segue_core::{Span, Type};

/// Rows that are there, brought again in another order, are no change, whichever way they are brought; one value that differs is.
pub(super) async fn equal_rows_are_no_change(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let mut rows = things(&[(1, "ann", 1), (2, "bob", 2), (3, "eve", 3), (4, "ann", 4)]);
    rows.rows[2][3] = None;
    bed.land(&t, &Step::new(Change::Append, rows.clone())).await?;
    let mut again = rows.clone();
    again.rows.reverse();
    let mut other = again.clone();
    other.rows[3][3] = some("1.5000000000000002");
    for change in [
        Change::ReplaceTable,
        slices(&["ann", "bob", "eve"]),
        days(&[(0, 9)]),
        merge(&["id"]),
    ] {
        for (rows, expected) in [(&again, true), (&other, false)] {
            let prepared = bed.prepare(&t, &Step::new(change.clone(), rows.clone())).await?;
            let about = format!("{change:?}");
            same!(&about, prepared.worked.unchanged, expected);
            same!(&about, prepared.worked.footprint.is_nothing(), expected);
            let counts = (prepared.worked.rows_written, prepared.worked.rows_removed);
            same!(&about, counts, if expected { (0, 0) } else { (1, 1) });
        }
    }
    let prepared = bed.prepare(&t, &Step::new(Change::Append, nothing())).await?;
    same!("no rows added", prepared.worked.unchanged, true);
    Ok(())
}

/// A row that is there twice and comes once is a change, and so is the other way round.
pub(super) async fn how_often_a_row_is_there_counts(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let (a, b) = ((1, "ann", 1), (2, "bob", 1));
    bed.land(&t, &Step::new(Change::Append, things(&[a, a, b]))).await?;
    for change in [Change::ReplaceTable, slices(&["ann", "bob"]), days(&[(1, 2)])] {
        for (rows, counts) in [
            (vec![a, b], (0, 1)),
            (vec![a, a, a, b], (1, 0)),
            (vec![a, b, b], (1, 1)),
        ] {
            let prepared = bed.prepare(&t, &Step::new(change.clone(), things(&rows))).await?;
            let worked = prepared.worked;
            let found = (worked.unchanged, (worked.rows_written, worked.rows_removed));
            same!(format!("{change:?} by {rows:?}"), found, (false, counts));
        }
    }
    Ok(())
}

/// Slices whose rows are equal, those without rows before and after among them; one that became empty is changed.
pub(super) async fn equal_slices_are_told(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    bed.land(
        &t,
        &Step::new(
            Change::Append,
            things(&[(1, "ann", 1), (2, "ann", 2), (3, "bob", 3), (4, "eve", 4)]),
        ),
    )
    .await?;
    let rows = things(&[(2, "ann", 2), (1, "ann", 1), (4, "eve", 5)]);
    let step = Step::new(slices(&["ann", "bob", "eve", "nobody"]), rows);
    let prepared = bed.prepare(&t, &step).await?;
    same!(
        "equal slices",
        prepared.worked.unchanged_slices,
        ["ann", "nobody"].map(slice).into()
    );
    bed.commit(&prepared.record).await?;
    bed.see(&t, &prepared.told.after).await?;
    let prepared = bed.prepare(&t, &step).await?;
    same!("all of them", prepared.worked.unchanged_slices.len(), 4);
    same!("no change", prepared.worked.unchanged, true);
    Ok(())
}

/// Stretches without a changed value; a stretch with one is not covered, and neighbours of it are.
pub(super) async fn equal_ranges_are_told(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    bed.land(
        &t,
        &Step::new(
            Change::Append,
            things(&[(1, "ann", 0), (2, "ann", 1), (3, "ann", 2), (4, "ann", 8)]),
        ),
    )
    .await?;
    // Three days side by side, of which the middle one changes; one without rows; one that is emptied.
    let ranges = [(0, 1), (1, 2), (2, 3), (5, 6), (8, 9)];
    let step = Step::new(days(&ranges), things(&[(1, "ann", 0), (2, "new", 1), (3, "ann", 2)]));
    let prepared = bed.prepare(&t, &step).await?;
    let day = crate::conformance::grid::DAY;
    let equal: Vec<bool> = ranges
        .iter()
        .map(|(from, to)| {
            prepared
                .worked
                .unchanged_ranges
                .covers(&Span::new(from * day, to * day))
        })
        .collect();
    same!("which days are equal", equal, [true, false, true, true, false]);
    bed.land(&t, &step).await?;
    let prepared = bed.prepare(&t, &step).await?;
    same!(
        "all of them",
        prepared.worked.unchanged_ranges,
        prepared.told.same_ranges
    );
    same!("no change", prepared.worked.unchanged, true);
    Ok(())
}

/// Rows that are equal but for a column that none had, or for a wider type, change the table, and no row.
pub(super) async fn a_new_column_is_a_change(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let narrow = Grid::of(&[("id", Type::Int64), ("size", Type::Int32)]);
    bed.land(
        &t,
        &Step::new(Change::Append, narrow.with(vec![vec![some(1), some(2)]])),
    )
    .await?;
    let wide = Grid::of(&[("id", Type::Int64), ("size", Type::Int64)]);
    let more = Grid::of(&[("id", Type::Int64), ("size", Type::Int32), ("more", Type::String)]);
    let one = vec![some(1), some(2)];
    let with_more = vec![some(1), some(2), None];
    for (grid, row) in [(wide, one), (more, with_more)] {
        for (change, rows) in [(Change::Append, vec![]), (merge(&["id"]), vec![row.clone()])] {
            let prepared = bed.prepare(&t, &Step::new(change.clone(), grid.with(rows))).await?;
            let worked = prepared.worked;
            let found = (worked.unchanged, worked.rows_written, worked.rows_removed);
            same!(format!("{change:?} of {:?}", grid.columns), found, (false, 0, 0));
        }
    }
    // And the table has it afterwards, though no row came.
    let t = bed.target("others");
    bed.land(&t, &Step::new(Change::Append, things(&[(1, "ann", 1)])))
        .await?;
    let mut wider = nothing();
    wider.columns.push(("more".into(), Type::String));
    let step = Step {
        change: Change::Append,
        pieces: vec![Piece::of(wider.clone())],
    };
    bed.land(&t, &step).await?;
    let mut row = thing(1, "ann", 1, 1.5);
    row.push(None);
    bed.see(&t, &wider.with(vec![row])).await
}
