//! What each change does to the rows.

use crate::conformance::grid::{Cell, DAY, Grid, some};
use crate::conformance::sink::bed::Bed;
use crate::conformance::sink::kinds::{Kind, days, keyed_kinds, kinds, merge, nothing, slices, thing, things};
use crate::conformance::sink::model::{Piece, Step};
use crate::conformance::{Broken, Chance, Held, same};
use segue_core::sink::Change;
use segue_core::{Labels, Span, Spans, Type};
use serde_json::json;

/// Also rows that are there already, and rows without values.
pub(super) async fn rows_are_added(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let rows = things(&[(1, "ann", 1), (2, "bob", 2), (2, "bob", 2)]);
    bed.land(&t, &Step::new(Change::Append, rows.clone())).await?;
    bed.land(&t, &Step::new(Change::Append, rows)).await?;
    let empty = nothing().with(vec![vec![some(3), None, None, None], vec![None, None, None, None]]);
    bed.land(&t, &Step::new(Change::Append, empty)).await.map(drop)
}

/// The rows are the table, in their schema: columns go, come, change their types and their order.
pub(super) async fn a_table_is_replaced_in_another_schema(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    bed.land(&t, &Step::new(Change::Append, things(&[(1, "ann", 1), (2, "bob", 2)])))
        .await?;
    let schemas = [
        vec![("id", Type::Int64), ("name", Type::String)],
        vec![("name", Type::String), ("id", Type::Int64)],
        vec![("id", Type::Int64), ("name", Type::Int32), ("extra", Type::Timestamp)],
        vec![("id", Type::Int32), ("name", Type::Int16)],
        vec![("other", Type::String), ("id", Type::Int64)],
    ];
    for columns in schemas {
        let cells = columns.iter().map(|_| some(7)).collect::<Vec<Cell>>();
        let grid = Grid::of(&columns).with(vec![cells.clone(), cells]);
        bed.land(&t, &Step::new(Change::ReplaceTable, grid.clone())).await?;
        bed.reopen().await?;
        let found = bed.rows(&t).await?.map(|g| g.columns);
        same!("the columns", found, Some(grid.columns));
    }
    Ok(())
}

/// A row at the beginning of a stretch is in it, one at its end is not; rows without a value are in none.
pub(super) async fn ranges_are_half_open_and_the_rest_stays(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let mut there = things(&[
        (1, "ann", -1),
        (2, "bob", 0),
        (3, "eve", 1),
        (4, "zoë", 2),
        (5, "ann", 3),
        (6, "bob", 9),
    ]);
    there.rows.push(vec![some(7), some("eve"), None, None]);
    bed.land(&t, &Step::new(Change::Append, there)).await?;
    let new = things(&[(10, "new", 0), (11, "new", 2)]);
    bed.land(&t, &Step::new(days(&[(0, 1), (2, 3)]), new)).await?;
    let wide = things(&[(12, "new", -700_000)]);
    bed.land(&t, &Step::new(days(&[(-719_162, 2)]), wide)).await?;
    bed.land(&t, &Step::new(days(&[]), nothing())).await?;
    bed.land(&t, &Step::new(days(&[(3, 10)]), nothing())).await.map(drop)
}

/// Microseconds count at the ends of a stretch, and whole numbers are ranged over as they are.
pub(super) async fn ranges_of_instants_and_numbers(mut bed: Bed<'_>) -> Held {
    for of in [Type::Timestamp, Type::LocalTimestamp, Type::Int64, Type::Int32] {
        let t = bed.target("things");
        let columns = Grid::of(&[("id", Type::Int64), ("at", of.clone())]);
        let at = |numbers: &[i64]| columns.with(numbers.iter().map(|n| vec![some(n % 100), some(n)]).collect());
        bed.land(
            &t,
            &Step::new(Change::Append, at(&[-1, 0, 1, 999_999, 1_000_000, 1_000_001])),
        )
        .await?;
        let change = Change::ReplaceRanges {
            column: "at".into(),
            ranges: Spans::of([Span::new(0, 1), Span::new(999_999, 1_000_001)]),
        };
        bed.land(&t, &Step::new(change, at(&[1_000_000, 0])))
            .await
            .map_err(|e| e.about(of))?;
        bed.sink.drop_table(&t, &bed.ctx).await?;
    }
    // A day belongs to the stretch in which it begins.
    let t = bed.target("days");
    bed.land(
        &t,
        &Step::new(Change::Append, things(&[(1, "ann", 1), (2, "ann", 2), (3, "ann", 3)])),
    )
    .await?;
    let change = Change::ReplaceRanges {
        column: "day".into(),
        ranges: Spans::of([Span::new(DAY + 1, 3 * DAY)]),
    };
    bed.land(&t, &Step::new(change, nothing())).await.map(drop)
}

/// Those that are named, with rows or without; a slice that became empty is empty.
pub(super) async fn slices_are_replaced_and_the_rest_stays(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let mut there = things(&[
        (1, "ann", 1),
        (2, "ann", 2),
        (3, "bob", 1),
        (4, "eve", 1),
        (5, "Ann", 1),
    ]);
    there.rows.push(vec![some(6), None, some(1), None]);
    bed.land(&t, &Step::new(Change::Append, there)).await?;
    let new = things(&[(1, "ann", 1), (7, "zoë", 1)]);
    bed.land(&t, &Step::new(slices(&["ann", "bob", "zoë", "nobody"]), new))
        .await?;
    bed.land(&t, &Step::new(slices(&["ann"]), nothing())).await?;
    bed.land(&t, &Step::new(slices(&[]), nothing())).await.map(drop)
}

/// Labels that are numbers, and slices that are told apart by two columns.
pub(super) async fn slices_of_several_columns_and_numbers(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let columns = Grid::of(&[("id", Type::Int64), ("team", Type::Int32), ("place", Type::String)]);
    let grid = |rows: &[(i64, i64, &str)]| {
        columns.with(
            rows.iter()
                .map(|(id, team, place)| vec![some(id), some(team), some(place)])
                .collect(),
        )
    };
    bed.land(
        &t,
        &Step::new(
            Change::Append,
            grid(&[(1, 1, "x"), (2, 1, "y"), (3, 2, "x"), (4, 2, "1")]),
        ),
    )
    .await?;
    let label = |team: i64, place: &str| {
        Labels::from_iter([("team".to_string(), json!(team)), ("place".to_string(), json!(place))])
    };
    let change = Change::ReplaceSlices {
        columns: vec!["team".into(), "place".into()],
        slices: [label(1, "x"), label(2, "1"), label(3, "x")].into(),
    };
    bed.land(&t, &Step::new(change, grid(&[(1, 1, "x"), (9, 3, "x")])))
        .await
        .map(drop)
}

/// A row of a key that is there is replaced, of one that is not is added, and a deleting one removes it.
pub(super) async fn a_merge_replaces_adds_and_deletes(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let first = things(&[(1, "ann", 1), (2, "bob", 2), (3, "eve", 3), (4, "zoë", 4)]);
    bed.land(&t, &Step::new(merge(&["id"]), first)).await?;
    let coming = Piece::of(things(&[(1, "ann", 1), (2, "BOB", 2), (5, "new", 5)]));
    let going = Piece {
        rows: nothing().with(vec![vec![some(3), None, None, None], thing(6, "unknown", 6, 0.5)]),
        deletes: vec![true, true],
    };
    let step = Step {
        change: merge(&["id"]),
        pieces: vec![coming, going],
    };
    bed.land(&t, &step).await?;
    bed.land(&t, &step).await.map(drop)
}

/// Keys of two columns, of text and of days; what differs in case, in spaces or in one column alone is another key.
pub(super) async fn a_merge_by_several_columns(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let key = merge(&["name", "day"]);
    let first = things(&[
        (1, "ann", 1),
        (2, "ann", 2),
        (3, "Ann", 1),
        (4, "ann ", 1),
        (5, "", 1),
        (6, "e\u{301}", 1),
    ]);
    bed.land(&t, &Step::new(key.clone(), first)).await?;
    let second = Piece {
        rows: things(&[
            (10, "ann", 1),
            (11, "", 1),
            (12, "é", 1),
            (13, "ANN", 2),
            (14, "ann ", 1),
        ]),
        deletes: vec![false, false, false, false, true],
    };
    let step = Step {
        change: key,
        pieces: vec![second],
    };
    bed.land(&t, &step).await.map(drop)
}

/// A table may have come to hold a key twice; the row that comes takes the place of both, be it equal to one of them or not.
pub(super) async fn a_merge_leaves_one_row_of_a_key(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let doubled = [
        (1, "ann", 1),
        (1, "ann", 1),
        (2, "bob", 2),
        (2, "BOB", 2),
        (3, "eve", 3),
        (3, "eve", 3),
        (4, "zoë", 4),
        (4, "zoë", 4),
    ];
    bed.land(&t, &Step::new(Change::Append, things(&doubled))).await?;
    let step = Step {
        change: merge(&["id"]),
        pieces: vec![Piece {
            rows: things(&[(1, "ann", 1), (2, "bob", 2), (3, "new", 3), (4, "zoë", 4)]),
            deletes: vec![false, false, false, true],
        }],
    };
    bed.land(&t, &step).await.map(drop)
}

/// What stands in a column that no staged row has, by what the sink says of it.
pub(super) async fn a_merge_without_a_column(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    bed.land(&t, &Step::new(merge(&["id"]), things(&[(1, "ann", 1), (2, "bob", 2)])))
        .await?;
    let fewer = Grid::of(&[("id", Type::Int64), ("name", Type::String)]);
    let rows = fewer.with(vec![
        vec![some(1), some("eve")],
        vec![some(2), some("bob")],
        vec![some(3), some("zoë")],
    ]);
    bed.land(&t, &Step::new(merge(&["id"]), rows)).await.map(drop)
}

/// A column more is null in old rows, and a wider type holds every old value; narrower rows fit a wider table.
pub(super) async fn a_commit_widens_the_table(mut bed: Bed<'_>) -> Held {
    let steps = [
        (Type::Int8, Type::Int16, "-7"),
        (Type::Int32, Type::Int64, "2147483647"),
        (Type::Int32, Type::Float64, "7"),
        (Type::Float32, Type::Float64, "0.5"),
        (Type::Int64, Type::Decimal(20, 1), "7"),
        (Type::Decimal(5, 2), Type::Decimal(10, 4), "100"),
        (Type::Uuid, Type::String, "f47ac10b-58cc-4372-a567-0e02b2c3d479"),
    ];
    for (at, (narrow, wide, value)) in steps.into_iter().enumerate() {
        let t = bed.target(&format!("things_{at}"));
        let grid = |of: &Type, id: i64| {
            Grid::of(&[("id", Type::Int64), ("value", of.clone())]).with(vec![vec![some(id), some(value)]])
        };
        let about = format!("{narrow} becomes {wide}");
        bed.land(&t, &Step::new(merge(&["id"]), grid(&narrow, 1))).await?;
        let mut wider = grid(&wide, 2);
        wider.columns.push(("more".into(), Type::Date));
        wider.rows[0].push(some(3));
        // What a value becomes is for Arrow's own cast to say.
        for (change, rows) in [(Change::Append, wider), (merge(&["id"]), grid(&narrow, 3))] {
            let before = bed.rows(&t).await?.unwrap_or_default();
            let columns = bed.columns_after(&t, &Step::new(change.clone(), rows.clone())).await?;
            let schema = crate::conformance::grid::schema_of(&columns);
            let mut expected = Grid::of(&[]);
            for grid in [before, rows.clone()] {
                let cast = segue_core::align::align(&grid.batch(), &schema)?;
                let cast = Grid::read(&schema, &[cast])?;
                expected = cast.with([expected.rows, cast.rows.clone()].concat());
            }
            let prepared = bed.prepare(&t, &Step::new(change, rows)).await?;
            let counts = (
                prepared.worked.unchanged,
                prepared.worked.rows_written,
                prepared.worked.rows_removed,
            );
            same!(&about, counts, (false, 1, 0));
            bed.commit(&prepared.record).await?;
            bed.see(&t, &expected).await.map_err(|e| e.about(&about))?;
        }
    }
    Ok(())
}

/// Changes of every kind that takes doubled keys, one after the other, reopened between; with the fewest steps that break it.
pub(super) async fn changes_by_chance_do_what_they_say(bed: Bed<'_>) -> Held {
    by_chance(&bed, &kinds(), true).await
}

/// Merges and whole tables of rows whose keys are unique.
pub(super) async fn merges_by_chance_do_what_they_say(bed: Bed<'_>) -> Held {
    by_chance(&bed, &keyed_kinds(), false).await
}

async fn by_chance(bed: &Bed<'_>, kinds: &[Kind], then_merges: bool) -> Held {
    for seed in 0..8 {
        let mut chance = Chance::new(seed);
        let mut steps: Vec<(&str, Step)> = Vec::new();
        for _ in 0..7 {
            let kind = chance.one(kinds);
            steps.push((kind.name, (kind.make)(&mut chance)));
        }
        if then_merges {
            // The keys are made unique by a table of such rows, and merged into.
            let keyed = keyed_kinds();
            steps.extend(keyed.iter().rev().map(|kind| (kind.name, (kind.make)(&mut chance))));
        }
        steps.retain(|(_, step)| bed.harness.takes(&step.change));
        if let Err(broken) = play(bed, &steps).await {
            return Err(fewest(bed, steps, broken).await.about(format!("seed {seed}")));
        }
    }
    Ok(())
}

/// Plays the steps on a table of a place of their own.
async fn play(bed: &Bed<'_>, steps: &[(&str, Step)]) -> Held {
    let mut bed = Bed::new(bed.harness).await?;
    let t = bed.target("things");
    for (at, (_, step)) in steps.iter().enumerate() {
        bed.land(&t, step).await?;
        if at % 3 == 2 {
            bed.reopen().await?;
        }
    }
    Ok(())
}

/// Takes steps out as long as it breaks without them.
async fn fewest(bed: &Bed<'_>, mut steps: Vec<(&str, Step)>, mut broken: Broken) -> Broken {
    let mut at = 0;
    while at < steps.len() {
        let mut fewer = steps.clone();
        fewer.remove(at);
        match play(bed, &fewer).await {
            Err(e) => (steps, broken) = (fewer, e),
            Ok(()) => at += 1,
        }
    }
    let told: Vec<String> = steps.iter().map(|(name, step)| format!("{name} {step:?}")).collect();
    broken.about(told.join(", then "))
}
