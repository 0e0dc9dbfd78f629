//! `segue preview ASSET`

use crate::args::Format;
use crate::out::Out;
use crate::verbs::sql::show;
use segue_app::App;
use segue_core::{Ctx, Result};

pub async fn run(app: &App, asset: &str, limit: u64, params: &[String], ctx: &Ctx, out: &Out) -> Result<u8> {
    let answer = segue_app::preview(app, asset, limit, params, ctx).await?;
    show(answer, if out.json { Format::JsonLines } else { Format::Table }).await?;
    Ok(0)
}
