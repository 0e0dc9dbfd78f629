//! Values of every type, both ways.

use crate::conformance::grid::{Cell, Grid, some};
use crate::conformance::sink::Keeps;
use crate::conformance::sink::bed::Bed;
use crate::conformance::sink::kinds::{edges, merge};
use crate::conformance::sink::model::{Piece, Step};
use crate::conformance::{Held, hold, same};
use segue_core::Type;
use segue_core::sink::Change;

fn grid(of: &Type) -> Grid {
    Grid::of(&[("id", Type::Int64), ("value", of.clone())])
}

/// Each value at the edges of its type returns as it went, or as what the sink says; what it refuses is an error and lands nothing.
pub(super) async fn values_return_as_they_went(mut bed: Bed<'_>) -> Held {
    for (at, (of, values)) in edges().into_iter().enumerate() {
        let t = bed.target(&format!("things_{at}"));
        let (mut went, mut returns, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for (id, value) in values.iter().enumerate() {
            let row = |value: &str| vec![some(id), some(value)];
            let kept = match bed.harness.keeps(&of, value) {
                Keeps::Whole => value,
                Keeps::As(other) => other,
                Keeps::Refuses => {
                    refused.push(row(value));
                    continue;
                }
            };
            went.push(row(value));
            returns.push(row(kept));
        }
        let step = Step::new(Change::Append, grid(&of).with(went));
        let prepared = bed.prepare(&t, &step).await.map_err(|e| e.about(&of))?;
        bed.commit(&prepared.record).await?;
        bed.reopen().await?;
        let expected = grid(&of).with(returns);
        // Row by row, so that a broken one is told.
        let found = bed
            .rows(&t)
            .await
            .map_err(|e| e.about(&of))?
            .unwrap_or_default()
            .sorted();
        for (found, expected) in found.rows.iter().zip(expected.clone().sorted().rows) {
            same!(&of, *found, expected);
        }
        same!(format!("rows of {of}"), found.rows.len(), expected.rows.len());
        let again = bed
            .prepare(&t, &Step::new(Change::ReplaceTable, step.pieces[0].rows.clone()))
            .await;
        let again = again.map_err(|e| e.about(&of))?;
        same!(format!("the same rows of {of} again"), again.worked.unchanged, true);
        for row in refused {
            refuses(&mut bed, &t, &of, row).await?;
        }
        bed.see(&t, &expected).await.map_err(|e| e.about(&of))?;
    }
    Ok(())
}

async fn refuses(bed: &mut Bed<'_>, target: &segue_core::sink::Target, of: &Type, row: Vec<Cell>) -> Held {
    let step = Step::new(Change::Append, grid(of).with(vec![row.clone()]));
    let staged = bed.stage(target, &step.pieces[0]).await;
    let worked = match staged {
        Ok(staged) => bed.work_out(target, &step, &[staged]).await?.map(|w| w.rows_written),
        Err(e) => Err(e),
    };
    hold!(worked.is_err(), "{row:?} of {of} should be refused, and was not");
    Ok(())
}

/// Null of every type, beside a value and alone, as it comes and as what a merge makes of a value.
pub(super) async fn null_returns_as_null_of_every_type(mut bed: Bed<'_>) -> Held {
    for (at, (of, values)) in edges().into_iter().enumerate() {
        let t = bed.target(&format!("things_{at}"));
        let value = values.into_iter().find(|v| bed.harness.keeps(&of, v) == Keeps::Whole);
        let rows = grid(&of).with(vec![vec![some(1), None], vec![some(2), value]]);
        bed.land(&t, &Step::new(merge(&["id"]), rows))
            .await
            .map_err(|e| e.about(&of))?;
        let emptied = Step {
            change: merge(&["id"]),
            pieces: vec![Piece::of(
                grid(&of).with(vec![vec![some(2), None], vec![some(3), None]]),
            )],
        };
        bed.land(&t, &emptied).await.map_err(|e| e.about(&of))?;
    }
    Ok(())
}

/// Names, order and types, of a table of every type.
pub(super) async fn a_schema_returns_as_it_went(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let mut columns = vec![("id".to_string(), Type::Int64)];
    columns.extend(
        edges()
            .into_iter()
            .enumerate()
            .map(|(at, (of, _))| (format!("c{at}"), of)),
    );
    let row: Vec<Cell> = columns
        .iter()
        .map(|(name, _)| (name == "id").then(|| "1".to_string()))
        .collect();
    let wide = Grid {
        columns,
        rows: vec![row],
    };
    bed.land(&t, &Step::new(Change::Append, wide.clone())).await?;
    bed.reopen().await?;
    let head = bed.head(&t).await?;
    let schema = head
        .schema
        .ok_or_else(|| crate::conformance::Broken("there is no schema".into()))?;
    same!(
        "the columns",
        crate::conformance::grid::columns_of(&schema)?,
        wide.columns
    );
    Ok(())
}
