//! Numbers.

use crate::conformance::sink::bed::Bed;
use crate::conformance::sink::kinds::things;
use crate::conformance::sink::model::Step;
use crate::conformance::{Held, same};
use segue_core::sink::{Change, Claim, Committed};
use segue_core::{CommitId, CommitRecord};

/// A number that is claimed is its attempt's for ever; where none are claimed, there is nothing to do.
pub(super) async fn a_number_belongs_to_the_attempt_that_claimed_it(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let prepared = bed
        .prepare(&t, &Step::new(Change::Append, things(&[(1, "ann", 1)])))
        .await?;
    let mine = prepared.record;
    let theirs = CommitRecord {
        id: CommitId::random(),
        ..mine.clone()
    };
    let claims = bed.sink.claims();
    let of_another = if claims { Claim::Taken } else { Claim::Ours };
    for _ in 0..2 {
        same!("the claim", bed.sink.claim(&mine, &bed.ctx).await?, Claim::Ours);
        same!(
            "another's of the same number",
            bed.sink.claim(&theirs, &bed.ctx).await?,
            of_another
        );
        bed.reopen().await?;
        same!("whether it claims", bed.sink.claims(), claims);
    }
    same!("the table's number", bed.head(&t).await?.n, 0);
    bed.sink.commit(&mine, 0, &bed.ctx).await?;
    same!(
        "another attempt's commit",
        bed.sink.commit(&theirs, 0, &bed.ctx).await?,
        Committed::ShutOut
    );
    same!("the attempt that landed", bed.head(&t).await?.id, Some(mine.id));
    Ok(())
}

/// Every number that is claimed or committed is below a new one.
pub(super) async fn the_highest_number_is_told(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    same!("of nothing", bed.sink.highest(&t, &bed.ctx).await?, 0);
    let landed = bed
        .land(&t, &Step::new(Change::Append, things(&[(1, "ann", 1)])))
        .await?;
    same!("after a commit", bed.sink.highest(&t, &bed.ctx).await?, landed.n);
    let prepared = bed
        .prepare(&t, &Step::new(Change::Append, things(&[(2, "bob", 1)])))
        .await?;
    let mut claimed = prepared.record;
    claimed.n += 40;
    bed.sink.claim(&claimed, &bed.ctx).await?;
    let highest = if bed.sink.claims() { claimed.n } else { landed.n };
    for _ in 0..2 {
        same!("after a claim", bed.sink.highest(&t, &bed.ctx).await?, highest);
        bed.reopen().await?;
    }
    same!(
        "of another asset",
        bed.sink.highest(&bed.target("others"), &bed.ctx).await?,
        0
    );
    Ok(())
}
