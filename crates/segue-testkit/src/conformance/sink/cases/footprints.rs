//! What readers are told to look at again.

use crate::conformance::grid::{DAY, Grid, some};
use crate::conformance::sink::bed::Bed;
use crate::conformance::sink::kinds::{days, merge, nothing, slice, slices, things};
use crate::conformance::sink::model::{Piece, Step};
use crate::conformance::{Broken, Held, hold, same};
use segue_core::sink::{Change, Grain};
use segue_core::{Footprint, Labels, Span, Spans, Type};
use std::collections::{BTreeMap, BTreeSet};

type Parts = (BTreeSet<Labels>, BTreeMap<String, Spans>, u64);

fn parts(footprint: Footprint) -> Held<Parts> {
    match footprint {
        Footprint::Parts { labels, columns, rows } => Ok((labels, columns, rows)),
        Footprint::Everything => Err(Broken("the footprint is everything".into())),
    }
}

fn exact(values: &[i64]) -> Spans {
    Spans::of(values.iter().map(|v| Span::new(*v, v + 1)))
}

fn grain(column: &str, bounds: Vec<i64>) -> Grain {
    Grain {
        column: column.into(),
        bounds,
    }
}

/// The values of rows that came and of rows that went, and no others; the slices that changed, and no others.
pub(super) async fn a_footprint_has_old_and_new_values(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    bed.grains = vec![grain("day", vec![]), grain("id", vec![])];
    let there = things(&[(1, "ann", 1), (2, "bob", 20), (3, "eve", 40), (4, "zoë", 60)]);
    bed.land(&t, &Step::new(Change::Append, there)).await?;
    let moved = things(&[(1, "ann", 1), (2, "bob", 22)]);
    let deleting = Piece {
        rows: things(&[(3, "eve", 0)]),
        deletes: vec![true],
    };
    let merged = Step {
        change: merge(&["id"]),
        pieces: vec![Piece::of(moved.clone()), deleting],
    };
    let day = |days: &[i64]| exact(&days.iter().map(|d| d * DAY).collect::<Vec<_>>());
    let none = BTreeSet::new();
    let cases = [
        (merged, none.clone(), day(&[20, 22, 40]), exact(&[2, 3]), 3),
        (
            Step::new(slices(&["ann", "bob", "nobody"]), moved.clone()),
            [slice("bob")].into(),
            day(&[20, 22]),
            exact(&[2]),
            2,
        ),
        (
            Step::new(slices(&["eve"]), nothing()),
            [slice("eve")].into(),
            day(&[40]),
            exact(&[3]),
            1,
        ),
        (
            Step::new(days(&[(0, 30)]), moved.clone()),
            none.clone(),
            day(&[20, 22]),
            exact(&[2]),
            2,
        ),
        (
            Step::new(Change::Append, moved.clone()),
            none.clone(),
            day(&[1, 22]),
            exact(&[1, 2]),
            2,
        ),
        (
            Step::new(Change::ReplaceTable, moved),
            none,
            day(&[20, 22, 40, 60]),
            exact(&[2, 3, 4]),
            4,
        ),
    ];
    for (step, labels, days, ids, rows) in cases {
        let about = format!("{:?}", step.change);
        let prepared = bed.prepare(&t, &step).await?;
        let (found, mut columns, count) = parts(prepared.worked.footprint)?;
        same!(
            &about,
            (found, columns.remove("day"), columns.remove("id")),
            (labels, Some(days), Some(ids))
        );
        same!(&about, count, rows);
    }
    Ok(())
}

/// In the intervals of the reader, and by itself where a value lies before the first or after the last of its bounds.
pub(super) async fn a_footprint_is_in_the_readers_grain(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    bed.land(&t, &Step::new(Change::Append, things(&[(1, "ann", 0)])))
        .await?;
    bed.grains = vec![
        grain("day", [5, 10, 20].map(|d| d * DAY).to_vec()),
        grain("id", vec![0, 100]),
    ];
    let prepared = bed
        .prepare(
            &t,
            &Step::new(Change::Append, things(&[(7, "bob", 3), (8, "bob", 12), (9, "bob", 25)])),
        )
        .await?;
    let (_, columns, _) = parts(prepared.worked.footprint)?;
    let days = Spans::of(
        [(3 * DAY, 3 * DAY + 1), (10 * DAY, 20 * DAY), (25 * DAY, 25 * DAY + 1)].map(|(a, b)| Span::new(a, b)),
    );
    same!("days", columns.get("day"), Some(&days));
    same!("ids", columns.get("id"), Some(&Spans::of([Span::new(0, 100)])));
    Ok(())
}

/// Never less than what changed, and never more than so many intervals.
pub(super) async fn a_footprint_of_many_values_is_their_hull(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    bed.grains = vec![grain("id", vec![])];
    let columns = Grid::of(&[("id", Type::Int64)]);
    let of = |ids: Vec<i64>| columns.with(ids.into_iter().map(|id| vec![some(id)]).collect());
    let most = Footprint::MOST_SPANS as i64;
    bed.land(&t, &Step::new(Change::Append, of((0..most).map(|id| id * 3).collect())))
        .await?;
    let many: Vec<i64> = (0..most + 500).map(|id| id * 3 + 1).collect();
    for change in [Change::Append, Change::ReplaceTable] {
        let prepared = bed.prepare(&t, &Step::new(change, of(many.clone()))).await?;
        let (_, columns, _) = parts(prepared.worked.footprint)?;
        let found = columns.get("id").cloned().unwrap_or_default();
        hold!(
            found.as_slice().len() <= Footprint::MOST_SPANS,
            "{} intervals",
            found.as_slice().len()
        );
        let missing = many.iter().find(|id| !found.meets(&Span::new(**id, **id + 1)));
        hold!(missing.is_none(), "the footprint lacks {missing:?}");
        let end = found.as_slice().last().map(|s| s.to);
        same!("where it ends", end, many.last().map(|id| id + 1));
    }
    Ok(())
}

/// Text, and columns that the table has not, stand for everything by not being named; rows without a value are in no range.
pub(super) async fn a_column_without_numbers_has_no_footprint(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    bed.grains = ["name", "never", "day", "amount"]
        .map(|column| grain(column, vec![]))
        .to_vec();
    bed.land(&t, &Step::new(Change::Append, things(&[(1, "ann", 1)])))
        .await?;
    let empty = nothing().with(vec![vec![some(2), None, None, None]]);
    let prepared = bed.prepare(&t, &Step::new(Change::Append, empty)).await?;
    let (_, columns, rows) = parts(prepared.worked.footprint)?;
    same!("columns", columns, BTreeMap::from([("day".to_string(), Spans::none())]));
    same!("rows", rows, 1);
    Ok(())
}
