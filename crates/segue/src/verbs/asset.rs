//! `segue asset drop NAME`

use crate::args::Asset;
use crate::out::Out;
use crate::verbs::agreed;
use segue_app::App;
use segue_core::{Ctx, Error, Kind, Result};

pub async fn run(app: &App, verb: &Asset, ctx: &Ctx, out: &Out) -> Result<u8> {
    let Asset::Drop { asset, table_only, yes } = verb;
    let doomed = segue_app::asset_doomed(app, asset, *table_only, ctx).await?;
    let question = format!(
        "Remove the table of {asset} at {}, with all its versions?",
        doomed.places().join(" and ")
    );
    if !yes && !agreed(&question, out)? {
        return Err(Error::new(Kind::Cancelled, "nothing was dropped"));
    }
    let done = segue_app::asset_drop(app, &doomed, ctx).await?;
    out.value(&done);
    out.line(format!("{} is dropped", done.dropped));
    if let Some(connection) = &done.left {
        out.note(format!(
            "its table stays in `{connection}`, a connection that this project no longer has"
        ));
    }
    Ok(0)
}
