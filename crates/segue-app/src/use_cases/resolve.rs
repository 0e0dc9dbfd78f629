//! Finding by name.

use crate::app::App;
use segue_core::engine::{Relation, TableKey};
use segue_core::{AssetName, Ctx, Error, Kind, Result};
use segue_names::Answer;
use segue_work::step::known;
use std::sync::Arc;

/// What a text means among the rows of an asset.
#[derive(Clone, Debug)]
pub struct Meant {
    /// The asset.
    pub asset: AssetName,
    /// The version of its table that was looked in; `None` for a view, which has none.
    pub version: Option<u64>,
    /// What it means.
    pub answer: Answer,
}

/// What a text means among the rows of an asset, by the columns that its `find:` names, in the newest version of its table.
///
/// # Errors
/// `NotFound` for an asset that is not there or never ran, `Invalid` for one that does not say how its rows are found, or whose columns do not
/// fit what it says; those of reading its table.
pub async fn resolve(app: &App, asset: &str, text: &str, ctx: &Ctx) -> Result<Meant> {
    let (name, rows) = opened(app, asset).await?;
    let answer = app.engine.resolve(&TableKey::from(&name), &rows, text, ctx).await?;
    Ok(Meant {
        asset: name,
        version: rows.pinned().map(|pinned| pinned.version),
        answer,
    })
}

/// The newest rows of an asset, in which names are looked for.
///
/// # Errors
/// `NotFound` for an asset that is not there or never ran; those of reading its table.
pub(crate) async fn opened(app: &App, asset: &str) -> Result<(AssetName, Arc<dyn Relation>)> {
    if app.view_called(asset).is_some() {
        let name: AssetName = asset.parse()?;
        let rows = app.view(&app.lake_deps(), &name).await?;
        return Ok((name, rows));
    }
    let row = app.row(asset).await?;
    let rows = match known::has_answer(&app.store, &row).await? {
        true => app.newest(&row, &known::own(&row)).await?,
        false => None,
    };
    match rows {
        Some(rows) => Ok((row.name, rows)),
        None => {
            let error = Error::new(Kind::NotFound, format!("{asset} has no table"));
            Err(error.hint(format!("run it first: segue run {asset}")))
        }
    }
}
