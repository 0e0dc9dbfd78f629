//! `segue connection test NAME`, `segue connection unblock NAME`

use crate::args::Connection;
use crate::out::Out;
use segue_app::App;
use segue_core::{Ctx, Result};

pub async fn run(app: &App, verb: &Connection, ctx: &Ctx, out: &Out) -> Result<u8> {
    match verb {
        Connection::Test { name } => {
            let found = segue_app::connection_test(app, name, ctx).await?;
            out.value(&serde_json::json!({ "connection": name, "found": found }));
            out.line(found);
        }
        Connection::Unblock { name } => {
            let lifted = segue_app::connection_unblock(app, name).await?;
            let shown = lifted
                .iter()
                .map(|b| serde_json::json!({ "until": b.until.to_string(), "reason": b.reason }));
            out.value(&serde_json::json!({ "connection": name, "lifted": shown.collect::<Vec<_>>() }));
            if lifted.is_empty() {
                out.line(format!("nothing of {name} is blocked"));
            }
            for block in lifted {
                out.line(format!("no longer blocked until {}: {}", block.until, block.reason));
            }
        }
    }
    Ok(0)
}
