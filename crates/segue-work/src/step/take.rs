//! Taking an asset's lease, and waiting for it where somebody else has it.

use crate::deps::Deps;
use crate::report::Event;
use segue_core::{Ctx, Kind, Result};
use segue_diag::LEASE_HELD;
use segue_store::{AssetRow, LeaseGuard};
use std::time::Duration;

/// How often a lease that is held elsewhere is asked for again.
const ASKED_EVERY: Duration = Duration::from_millis(250);

/// The asset's lease, waited for this long.
///
/// # Errors
/// `Conflict` when somebody else still holds it then; the message says who.
pub async fn lease(deps: &Deps, row: &AssetRow, wait: Duration, ctx: &Ctx) -> Result<LeaseGuard> {
    let until = ctx.clock.elapsed().saturating_add(wait);
    let mut said = false;
    loop {
        let error = match deps.store.lease(row.id, &deps.holder).await {
            Ok(lease) => return Ok(lease),
            Err(error) if error.kind() == Kind::Conflict => error,
            Err(error) => return Err(error),
        };
        let left = until.saturating_sub(ctx.clock.elapsed());
        if left.is_zero() {
            return Err(match error.error_code() {
                Some(_) => error,
                None => error.code(LEASE_HELD),
            });
        }
        if !std::mem::replace(&mut said, true) {
            deps.progress.tell(Event::Waiting {
                name: row.name.clone(),
                reason: error.message().to_string(),
                until: None,
            });
        }
        let pause = ctx.clock.sleep(left.min(ASKED_EVERY));
        ctx.or_cancelled(async {
            pause.await;
            Ok(())
        })
        .await?;
    }
}
