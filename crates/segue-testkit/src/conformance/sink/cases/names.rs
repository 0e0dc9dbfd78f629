//! What tables and columns may be called.

use crate::conformance::grid::{Grid, some};
use crate::conformance::sink::bed::Bed;
use crate::conformance::sink::kinds::{merge, things};
use crate::conformance::sink::model::Step;
use crate::conformance::{Held, same};
use segue_core::sink::Change;
use segue_core::{Labels, Span, Spans, Type};
use serde_json::json;

/// Names that SQL reads as something else, or would not read at all.
const ODD: [&str; 16] = [
    "select",
    "group",
    "user",
    "Mixed Case",
    "a b",
    "a_b",
    "with.dot",
    "it's",
    "say \"so\"",
    "semi;colon -- and",
    "żółw🐢",
    "$1",
    "?",
    "back\\slash",
    "100%",
    "a-long-name-of-sixty-three-characters-that-ends-here-and-at-las",
];

/// As keys, as slices' columns, as ranges' columns, and as others.
pub(super) async fn columns_may_have_any_name(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let mut columns = vec![("id", Type::Int64)];
    columns.extend(ODD.map(|name| (name, Type::Int32)));
    let grid = Grid::of(&columns);
    let row = |id: i64| grid.columns.iter().map(|_| some(id)).collect::<Vec<_>>();
    bed.land(&t, &Step::new(Change::Append, grid.with(vec![row(1), row(2)])))
        .await?;
    for (at, name) in ODD.into_iter().enumerate() {
        let mut changed = row(2);
        changed[(at + 1) % ODD.len() + 1] = some(40 + at);
        let label = Labels::from_iter([(name.to_string(), json!(2))]);
        let slices = Change::ReplaceSlices {
            columns: vec![name.into()],
            slices: [label].into(),
        };
        let ranges = Change::ReplaceRanges {
            column: name.into(),
            ranges: Spans::of([Span::new(2, 3)]),
        };
        for change in [slices, ranges, merge(&[name])] {
            bed.land(&t, &Step::new(change, grid.with(vec![changed.clone()])))
                .await
                .map_err(|e| e.about(name))?;
            bed.land(&t, &Step::new(merge(&["id"]), grid.with(vec![row(1), row(2)])))
                .await
                .map_err(|e| e.about(name))?;
        }
    }
    Ok(())
}

/// Each is a table of its own.
pub(super) async fn tables_may_have_any_name(mut bed: Bed<'_>) -> Held {
    let mut made = Vec::new();
    for (id, name) in ODD.into_iter().enumerate() {
        let (t, id) = (bed.target(name), id as i64);
        let landed = bed.land(&t, &Step::new(Change::Append, things(&[(id, name, 1)]))).await;
        landed.map_err(|e| e.about(name))?;
        bed.land(&t, &Step::new(merge(&["id"]), things(&[(id, name, 2)])))
            .await
            .map_err(|e| e.about(name))?;
        made.push((t, things(&[(id, name, 2)])));
    }
    for (t, rows) in &made {
        bed.see(t, rows).await.map_err(|e| e.about(&t.place))?;
    }
    let told = bed.sink.tables(&bed.ctx).await?;
    let mut told: Vec<_> = told.into_iter().filter_map(|t| Some(t.ok()?.place)).collect();
    told.sort();
    let mut places: Vec<_> = made.iter().map(|(t, _)| t.place.clone()).collect();
    places.sort();
    same!("the tables that are told", told, places);
    for (t, _) in &made {
        bed.sink.drop_table(t, &bed.ctx).await?;
    }
    same!(
        "the tables after all are dropped",
        bed.sink.tables(&bed.ctx).await?.len(),
        0
    );
    Ok(())
}
