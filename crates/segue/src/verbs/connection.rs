//! `segue connection test NAME`

use crate::args::Connection;
use crate::out::Out;
use segue_app::App;
use segue_core::{Ctx, Result};

pub async fn run(app: &App, verb: &Connection, ctx: &Ctx, out: &Out) -> Result<u8> {
    let Connection::Test { name } = verb;
    let found = segue_app::connection_test(app, name, ctx).await?;
    out.value(&serde_json::json!({ "connection": name, "found": found }));
    out.line(found);
    Ok(0)
}
