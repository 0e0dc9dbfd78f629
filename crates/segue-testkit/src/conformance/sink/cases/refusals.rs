//! What is refused, with the table as it was.

use crate::conformance::grid::{Cell, Grid, some};
use crate::conformance::sink::bed::Bed;
use crate::conformance::sink::kinds::{days, merge, nothing, slices, thing, things};
use crate::conformance::sink::model::{Piece, Step};
use crate::conformance::{Held, hold, same};
use segue_core::sink::{Change, Committed, Target};
use segue_core::{Kind, Type};

/// A table with a row, at which nothing that is refused may change anything.
async fn table(bed: &mut Bed<'_>) -> Held<(Target, Grid)> {
    let t = bed.target("things");
    let there = things(&[(1, "ann", 1)]);
    bed.land(&t, &Step::new(Change::Append, there.clone())).await?;
    Ok((t, there))
}

/// Working the step out is `BadData`, and leaves the table as it is.
async fn refused(bed: &mut Bed<'_>, target: &Target, there: &Grid, step: &Step) -> Held {
    let mut staged = Vec::new();
    for piece in &step.pieces {
        staged.push(bed.stage(target, piece).await?);
    }
    let worked = bed.work_out(target, step, &staged).await?;
    let kind = worked.as_ref().map(|w| w.rows_written).map_err(|e| e.kind());
    same!(
        format!("{:?} of {:?}", step.change, step.pieces),
        kind,
        Err(Kind::BadData)
    );
    bed.see(target, there).await
}

/// Of a row that comes and of one that deletes, of the whole key and of a part of it.
pub(super) async fn empty_keys_are_refused(mut bed: Bed<'_>) -> Held {
    let (t, there) = table(&mut bed).await?;
    let with_null = |at: usize| {
        let mut row: Vec<Cell> = thing(2, "bob", 2, 0.5);
        row[at] = None;
        nothing().with(vec![thing(3, "eve", 3, 0.5), row])
    };
    for (key, at) in [(vec!["id"], 0), (vec!["id", "name"], 1), (vec!["name", "id"], 1)] {
        for deletes in [vec![], vec![false, true]] {
            let piece = Piece {
                rows: with_null(at),
                deletes,
            };
            let step = Step {
                change: merge(&key),
                pieces: vec![piece],
            };
            refused(&mut bed, &t, &there, &step).await?;
        }
    }
    Ok(())
}

/// In one piece, in two, and of a row that comes and one that deletes.
pub(super) async fn doubled_keys_are_refused(mut bed: Bed<'_>) -> Held {
    let (t, there) = table(&mut bed).await?;
    let twice = things(&[(1, "ann", 1), (2, "bob", 2), (2, "eve", 2)]);
    let (one, two) = (things(&[(1, "ann", 1), (2, "bob", 2)]), things(&[(2, "bob", 2)]));
    let pieces = [
        vec![Piece::of(twice.clone())],
        vec![Piece {
            rows: twice,
            deletes: vec![false, false, true],
        }],
        vec![Piece::of(one.clone()), Piece::of(two.clone())],
        vec![
            Piece::of(one),
            Piece {
                rows: two,
                deletes: vec![true],
            },
        ],
    ];
    for pieces in pieces {
        let step = Step {
            change: merge(&["id"]),
            pieces,
        };
        refused(&mut bed, &t, &there, &step).await?;
    }
    Ok(())
}

/// Before, at the end, between, and without a value.
pub(super) async fn rows_outside_their_ranges_are_refused(mut bed: Bed<'_>) -> Held {
    let (t, there) = table(&mut bed).await?;
    for day in [Some(0), Some(3), Some(5), Some(9), None] {
        let mut row = thing(2, "bob", 1, 0.5);
        row[2] = day.map(|day: i64| day.to_string());
        let rows = nothing().with(vec![thing(3, "eve", 1, 0.5), row]);
        refused(&mut bed, &t, &there, &Step::new(days(&[(1, 3), (6, 9)]), rows)).await?;
    }
    refused(&mut bed, &t, &there, &Step::new(days(&[]), things(&[(2, "bob", 1)]))).await
}

/// Of other slices, of one that differs in case alone, and of none.
pub(super) async fn rows_outside_their_slices_are_refused(mut bed: Bed<'_>) -> Held {
    let (t, there) = table(&mut bed).await?;
    for name in [some("zoë"), some("Ann"), some("ann "), some(""), None] {
        let mut row = thing(2, "bob", 1, 0.5);
        row[1] = name;
        let rows = nothing().with(vec![thing(3, "ann", 1, 0.5), row]);
        refused(&mut bed, &t, &there, &Step::new(slices(&["ann", "eve"]), rows)).await?;
    }
    refused(&mut bed, &t, &there, &Step::new(slices(&[]), things(&[(2, "bob", 1)]))).await
}

/// Rows of a wider type than the table is to have afterwards, although each value would fit.
pub(super) async fn nothing_is_narrowed(mut bed: Bed<'_>) -> Held {
    let pairs = [
        (Type::Int32, Type::Int64, "7"),
        (Type::Int64, Type::Float64, "7.0"),
        (Type::Float32, Type::Float64, "0.5"),
        (Type::Decimal(10, 2), Type::Decimal(10, 4), "100"),
        (Type::Date, Type::Timestamp, "0"),
        (Type::Timestamp, Type::LocalTimestamp, "0"),
        (Type::Bool, Type::Int8, "1"),
    ];
    for (at, (narrow, wide, value)) in pairs.into_iter().enumerate() {
        let t = bed.target(&format!("things_{at}"));
        let grid = |of: &Type| Grid::of(&[("id", Type::Int64), ("value", of.clone())]);
        bed.land(
            &t,
            &Step::new(Change::Append, grid(&narrow).with(vec![vec![some(1), None]])),
        )
        .await?;
        let rows = grid(&wide).with(vec![vec![some(2), some(value)]]);
        let staged = [bed.stage(&t, &Piece::of(rows)).await?];
        let schema = grid(&narrow).schema();
        for change in [Change::Append, merge(&["id"]), Change::ReplaceTable] {
            let worked = bed
                .sink
                .work_out(&t, schema.clone(), &change, &staged, &bed.grains, &bed.ctx)
                .await;
            let kind = worked.map(|w| w.rows_written).map_err(|e| e.kind());
            same!(format!("{wide} into {narrow} by {change:?}"), kind, Err(Kind::BadData));
        }
        bed.see(&t, &grid(&narrow).with(vec![vec![some(1), None]])).await?;
    }
    Ok(())
}

/// A place that holds another asset's table takes nothing of this one, and is not read as its.
pub(super) async fn another_assets_table_is_refused(mut bed: Bed<'_>) -> Held {
    let (t, there) = table(&mut bed).await?;
    let stranger = Target {
        place: t.place.clone(),
        ..bed.target("strangers")
    };
    let elsewhere = Target {
        place: bed.place.named("strangers"),
        ..stranger.clone()
    };
    // The record as the stranger would have made it on a place of its own.
    let step = Step::new(Change::Append, things(&[(2, "stranger", 2)]));
    let mut record = bed.prepare(&elsewhere, &step).await?.record;
    let staged = bed.stage(&stranger, &step.pieces[0]).await?;
    for change in [Change::Append, Change::ReplaceTable, merge(&["id"])] {
        let schema = nothing().schema();
        let worked = bed
            .sink
            .work_out(&stranger, schema, &change, std::slice::from_ref(&staged), &[], &bed.ctx)
            .await;
        let kind = worked.map(|w| w.rows_written).map_err(|e| e.kind());
        same!(format!("working {change:?} out"), kind, Err(Kind::Conflict));
    }
    (record.parts[0].target, record.parts[0].staged) = (stranger.clone(), vec![staged]);
    let done = bed.commit(&record).await;
    hold!(
        !matches!(done, Ok(Committed::Written(_) | Committed::AlreadyThere(_))),
        "another asset's commit was told {done:?}"
    );
    let head = bed.head(&stranger).await?;
    same!("the stranger's number on it", (head.n, head.id), (0, None));
    same!(
        "the stranger's records on it",
        bed.sink.records(&stranger, &bed.ctx).await.map_or(0, |r| r.len()),
        0
    );
    bed.see(&t, &there).await
}
