//! What twins do with rows that a table's own rules refuse.

use super::Fault;
use super::rows::{collected, table};
use crate::conformance::grid::Grid;
use arrow_schema::SchemaRef;
use futures::{StreamExt, stream};
use segue_core::commit::Part;
use segue_core::sink::{Change, Rows, Sifted, Sink, Staged, Target, refused_columns};
use segue_core::{Ctx, Error, Kind, Result, Type};

async fn stage(sink: &dyn Sink, target: &Target, rows: &Grid, ctx: &Ctx) -> Result<Staged> {
    let batch = Rows {
        batch: rows.batch(),
        deletes: None,
    };
    sink.stage(target, rows.schema(), stream::iter([Ok(batch)]).boxed(), ctx)
        .await
}

/// The rows with the columns of refused ones, and this reason.
fn refused(rows: &Grid, reason: &str) -> Grid {
    let own = refused_columns().map(|f| (f.name().clone(), Type::String));
    let columns = rows.columns.iter().cloned().chain(own).collect();
    let with = |row: &Vec<_>| [row.clone(), vec![None, None, Some(reason.to_string())]].concat();
    Grid {
        columns,
        rows: rows.rows.iter().map(with).collect(),
    }
}

/// Refused rows as they came.
fn as_they_came(rows: &Grid) -> Grid {
    let own = rows.columns.len() - refused_columns().len();
    Grid {
        columns: rows.columns[..own].to_vec(),
        rows: rows.rows.iter().map(|row| row[..own].to_vec()).collect(),
    }
}

/// What the good sink sifted, as the twin tells it.
pub(super) async fn sift(
    sink: &dyn Sink,
    fault: Fault,
    target: &Target,
    (schema, change): (SchemaRef, &Change),
    staged: &[Staged],
    ctx: &Ctx,
) -> Result<Sifted> {
    if fault == Fault::RefusesNothing {
        return Ok(Sifted {
            staged: staged.to_vec(),
            ..Sifted::default()
        });
    }
    let mut sifted = sink.sift(target, schema, change, staged, ctx).await?;
    let read = async |staged: &[Staged]| collected(sink.staged(target, staged, ctx).await?.as_ref()).await;
    match fault {
        Fault::RefusesTheLater if !sifted.refused.is_empty() => {
            let mut told = read(&sifted.refused).await?;
            let first = told.rows.remove(0);
            let first = told.with(vec![first]);
            sifted
                .staged
                .push(stage(sink, target, &as_they_came(&first), ctx).await?);
            sifted.refused = vec![stage(sink, target, &told, ctx).await?];
        }
        Fault::RefusesAll if !sifted.refused.is_empty() => {
            let left = read(&sifted.staged).await?;
            sifted
                .refused
                .push(stage(sink, target, &refused(&left, "another one is refused"), ctx).await?);
            sifted.staged.clear();
        }
        Fault::RefusesTheFirst if sifted.refused.is_empty() => {
            let mut left = read(&sifted.staged).await?;
            let first = left.rows.remove(0);
            let first = left.with(vec![first]);
            sifted.refused = vec![stage(sink, target, &refused(&first, "it came first"), ctx).await?];
            sifted.staged = vec![stage(sink, target, &left, ctx).await?];
            sifted.there = 2;
        }
        Fault::RefusesInSilence if !sifted.refused.is_empty() => {
            let told = as_they_came(&read(&sifted.refused).await?);
            sifted.refused = vec![stage(sink, target, &refused(&told, ""), ctx).await?];
        }
        _ => {}
    }
    Ok(sifted)
}

/// Refuses a commit of which a row is to have what another row has now.
pub(super) async fn exchanges_nothing(sink: &dyn Sink, part: &Part, ctx: &Ctx) -> Result<()> {
    let Some(there) = table(sink, &part.target, ctx).await? else {
        return Ok(());
    };
    let come = collected(sink.staged(&part.target, &part.staged, ctx).await?.as_ref()).await?;
    let of = |grid: &Grid, name: &str| grid.at(name);
    let (Some(id), Some(name), Some(id_there), Some(name_there)) =
        (of(&come, "id"), of(&come, "name"), of(&there, "id"), of(&there, "name"))
    else {
        return Ok(());
    };
    let is_taken = come.rows.iter().any(|row| {
        there
            .rows
            .iter()
            .any(|t| t[name_there] == row[name] && t[id_there] != row[id])
    });
    match is_taken {
        true => Err(Error::new(Kind::BadData, "another row has this name")),
        false => Ok(()),
    }
}
