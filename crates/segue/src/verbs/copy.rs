//! `segue copy FROM TO`

use crate::args::{Copy, Mode};
use crate::out::{Out, say};
use crate::stop::{self, UnderWay};
use crate::verbs::{duration, wait, work};
use crate::{logs, progress};
use segue_app::{CopyMode, CopyRequest, Copying, Surroundings};
use segue_core::Result;

pub fn run(copy: &Copy, surroundings: &Surroundings, out: &Out) -> Result<u8> {
    let request = CopyRequest {
        from: copy.from.clone(),
        to: copy.to.clone(),
        tables: copy.tables.clone(),
        except: copy.except.clone(),
        mode: match copy.mode {
            Mode::Replace => CopyMode::Replace,
            Mode::Merge => CopyMode::Merge,
        },
        key: copy.key.clone(),
        into_schema: copy.into_schema.clone(),
        state: copy.state.clone(),
        allow_empty: copy.allow_empty,
        rebuild: copy.rebuild,
        accept_source: copy.accept_source,
        wait: duration(&copy.patience.wait)?,
    };
    wait(async {
        let mut copying = Copying::open(surroundings, request).await?;
        logs::redact_by(copying.app.redactor());
        let ctx = copying.app.ctx.clone();
        let _heard = stop::hear(UnderWay::Writing(ctx.cancel.clone()))?;
        out.line(format!("from {} to {}", copying.from, copying.to));
        let copied = copying.run(progress::of(out), &ctx).await;
        copying.app.store.close().await;
        let copied = copied.map_err(|error| copying.app.without_secrets(error))?;
        let notes: Vec<String> = copied.notes.iter().map(|note| copying.app.redact(note)).collect();
        if out.json && !notes.is_empty() {
            // Standard output has the run alone.
            say(serde_json::json!({ "notes": notes }));
        }
        notes.iter().for_each(|note| out.note(note));
        Ok(work::show(&copying.app, &copied.report, out))
    })
}
