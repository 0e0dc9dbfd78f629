//! `segue quarantine list | show`

use crate::args::{Format, Quarantine};
use crate::out::Out;
use crate::verbs::sql::show;
use segue_app::App;
use segue_core::{Ctx, Result};

pub async fn run(app: &App, verb: &Quarantine, ctx: &Ctx, out: &Out) -> Result<u8> {
    let format = if out.json { Format::JsonLines } else { Format::Table };
    match verb {
        Quarantine::List => match segue_app::quarantine_list(app, ctx).await? {
            Some(answer) => show(answer, format).await?,
            None => out.line("nothing was ever set aside"),
        },
        Quarantine::Show { asset, limit } => {
            show(segue_app::quarantine_show(app, asset, *limit, ctx).await?, format).await?;
        }
    }
    Ok(0)
}
