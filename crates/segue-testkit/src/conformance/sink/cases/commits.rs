//! Once, in order, and as before or as after.

use crate::conformance::grid::Grid;
use crate::conformance::sink::bed::{Bed, commit};
use crate::conformance::sink::kinds::{merge, nothing, things};
use crate::conformance::sink::model::{Piece, Step};
use crate::conformance::{Held, hold, same};
use futures::future::join_all;
use segue_core::CommitRecord;
use segue_core::sink::{Change, Committed, Target};

/// The same record again, by the same handle, by another, and after others landed: it is found, and its rows are there once.
pub(super) async fn a_commit_lands_once(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let first = bed
        .land(&t, &Step::new(Change::Append, things(&[(1, "ann", 1)])))
        .await?;
    let version = bed.head(&t).await?.version;
    same!(
        "the same commit again",
        bed.commit(&first).await?,
        Committed::AlreadyThere(version)
    );
    bed.reopen().await?;
    same!(
        "the same by another process",
        bed.commit(&first).await?,
        Committed::AlreadyThere(version)
    );
    bed.land(&t, &Step::new(Change::Append, things(&[(2, "bob", 1)])))
        .await?;
    let later = bed.commit(&first).await?;
    hold!(
        matches!(later, Committed::AlreadyThere(_)),
        "after another landed: {later:?}"
    );
    bed.see(&t, &things(&[(1, "ann", 1), (2, "bob", 1)])).await
}

/// Two that carry out one record at once: both are told that it is there, and it is, once.
pub(super) async fn a_commit_by_two_at_once_lands_once(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    bed.land(&t, &Step::new(Change::Append, things(&[(1, "ann", 1)])))
        .await?;
    let mut expected = things(&[(1, "ann", 1)]);
    for id in 2..6 {
        let rows = things(&[(id, "bob", id)]);
        let prepared = bed.prepare(&t, &Step::new(Change::Append, rows.clone())).await?;
        let other = bed.place.open().await?;
        let both = [bed.sink.as_ref(), other.as_ref()].map(|sink| commit(sink, &prepared.record, &bed.ctx));
        for done in join_all(both).await {
            let done = done?;
            let there = matches!(done, Committed::Written(_) | Committed::AlreadyThere(_));
            hold!(there, "of two that carry one record out, one was told {done:?}");
        }
        expected.rows.extend(rows.rows);
        bed.see(&t, &expected).await?;
    }
    Ok(())
}

/// Of two on one predecessor the second is shut out, whenever it comes.
pub(super) async fn only_the_predecessor_lets_a_commit_land(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    bed.land(&t, &Step::new(Change::Append, things(&[(1, "ann", 1)])))
        .await?;
    let stale = bed
        .prepare(&t, &Step::new(Change::Append, things(&[(2, "stale", 1)])))
        .await?;
    let merged = bed
        .prepare(&t, &Step::new(merge(&["id"]), things(&[(1, "stale", 1)])))
        .await?;
    let landed = bed
        .land(&t, &Step::new(Change::Append, things(&[(3, "eve", 1)])))
        .await?;
    for _ in 0..2 {
        for late in [&stale, &merged] {
            same!(
                "one that comes too late",
                bed.commit(&late.record).await?,
                Committed::ShutOut
            );
        }
        bed.reopen().await?;
    }
    let head = bed.head(&t).await?;
    same!("the head", (head.n, head.id), (landed.n, Some(landed.id)));
    bed.see(&t, &things(&[(1, "ann", 1), (3, "eve", 1)])).await
}

/// A predecessor that is no number of the table's, above its last one or below its first.
pub(super) async fn a_predecessor_that_never_was_lets_nothing_land(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    bed.land(&t, &Step::new(Change::Append, things(&[(1, "ann", 1)])))
        .await?;
    for predecessor in [0, 7] {
        let prepared = bed
            .prepare(&t, &Step::new(Change::Append, things(&[(2, "stray", 1)])))
            .await?;
        let mut record = prepared.record;
        (record.predecessor, record.parts[0].predecessor) = (predecessor, predecessor);
        record.n += 10;
        same!(
            format!("after {predecessor}"),
            bed.commit(&record).await?,
            Committed::ShutOut
        );
    }
    bed.see(&t, &things(&[(1, "ann", 1)])).await
}

/// Several at once on one predecessor, each by a process of its own.
pub(super) async fn of_rivals_at_once_one_lands(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    bed.land(&t, &Step::new(Change::Append, things(&[(0, "ann", 1)])))
        .await?;
    let (mut rivals, mut sinks) = (Vec::new(), Vec::new());
    for id in 1..5 {
        let step = Step::new(Change::Append, things(&[(id, "bob", 1)]));
        rivals.push((id, bed.prepare(&t, &step).await?.record));
        sinks.push(bed.place.open().await?);
    }
    let at_once = rivals
        .iter()
        .zip(&sinks)
        .map(|((_, record), sink)| commit(sink.as_ref(), record, &bed.ctx));
    let mut landed = Vec::new();
    for (done, (id, record)) in join_all(at_once).await.into_iter().zip(&rivals) {
        match done? {
            Committed::Written(_) => landed.push((*id, record)),
            Committed::ShutOut => {}
            other => hold!(false, "a rival was told {other:?}"),
        }
    }
    same!("how many landed", landed.len(), 1);
    let (id, record) = landed[0];
    let head = bed.head(&t).await?;
    same!("the head", (head.n, head.id), (record.n, Some(record.id)));
    bed.see(&t, &things(&[(0, "ann", 1), (id, "bob", 1)])).await
}

/// Number, attempt, table, schema and a version that grows.
pub(super) async fn the_head_tells_the_last_commit(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let none = bed.head(&t).await?;
    same!(
        "a head of no table",
        (none.n, none.id, none.schema, none.table),
        (0, None, None, None)
    );
    same!("the version of no table", none.version, 0);
    let mut version = None;
    for id in 1..4 {
        let landed = bed
            .land(&t, &Step::new(Change::Append, things(&[(id, "ann", 1)])))
            .await?;
        bed.reopen().await?;
        let head = bed.head(&t).await?;
        same!("the head", (head.n, head.id), (landed.n, Some(landed.id)));
        hold!(
            version < Some(head.version),
            "the version did not grow: {version:?}, then {}",
            head.version
        );
        hold!(
            head.table.is_none_or(|table| table == t.table),
            "the table's id is {:?}",
            head.table
        );
        version = Some(head.version);
    }
    Ok(())
}

/// The record as its JSON, and nothing else, is all that another process needs.
pub(super) async fn a_record_is_carried_out_by_another_process(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let first = Step::new(Change::Append, things(&[(1, "ann", 1), (2, "bob", 2)]));
    bed.land(&t, &first).await?;
    let step = Step {
        change: merge(&["id"]),
        pieces: vec![
            Piece::of(things(&[(1, "eve", 1)])),
            Piece {
                rows: things(&[(2, "bob", 2)]),
                deletes: vec![true],
            },
        ],
    };
    let prepared = bed.prepare(&t, &step).await?;
    let written_down = prepared.record.to_json();
    bed.reopen().await?;
    let record = CommitRecord::from_json(&written_down)?;
    same!("a record that was written down", record, prepared.record);
    let done = bed.commit(&record).await?;
    hold!(
        matches!(done, Committed::Written(_)),
        "another process was told {done:?}"
    );
    bed.see(&t, &prepared.told.after).await
}

/// A commit whose caller goes away is there in full or not at all, and the same call finishes or finds it.
pub(super) async fn a_commit_that_is_dropped_is_before_or_after(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    bed.land(&t, &Step::new(Change::Append, things(&[(0, "ann", 1)])))
        .await?;
    for polls in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] {
        let before = bed.rows(&t).await?.unwrap_or(nothing()).sorted();
        let (one, two) = (things(&[(polls, "bob", 1)]), things(&[(polls + 100, "eve", 1)]));
        let step = Step {
            change: Change::Append,
            pieces: vec![Piece::of(one), Piece::of(two)],
        };
        let prepared = bed.prepare(&t, &step).await?;
        let after = prepared.told.after.clone().sorted();
        bed.sink.claim(&prepared.record, &bed.ctx).await?;
        {
            let mut commit = bed.sink.commit(&prepared.record, 0, &bed.ctx);
            for _ in 0..polls {
                if futures::poll!(&mut commit).is_ready() {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        }
        bed.reopen().await?;
        let found = while_it_moves(&bed, &t).await?.sorted();
        hold!(
            found == before || found == after,
            "dropped after {polls} polls, the table is {found:?}"
        );
        let done = bed.commit(&prepared.record).await?;
        let there = matches!(done, Committed::Written(_) | Committed::AlreadyThere(_));
        hold!(there, "the same call again was told {done:?}");
        bed.see(&t, &after).await?;
    }
    Ok(())
}

/// The rows of a table on which a commit may land just now: a version that is asked for may be gone by then.
async fn while_it_moves(bed: &Bed<'_>, target: &Target) -> Held<Grid> {
    let mut tries = 0;
    loop {
        tries += 1;
        match bed.rows(target).await {
            Err(_) if tries < 20 => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            found => return Ok(found?.unwrap_or_default()),
        }
    }
}

/// What the record names has to be there: without it, nothing lands.
pub(super) async fn a_commit_whose_rows_are_gone_changes_nothing(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let first = bed
        .land(&t, &Step::new(Change::Append, things(&[(1, "ann", 1)])))
        .await?;
    let prepared = bed
        .prepare(&t, &Step::new(Change::Append, things(&[(2, "bob", 1)])))
        .await?;
    let own = prepared.record.own();
    bed.sink.discard(&t, &own.staged, Some(&own.plan), &bed.ctx).await?;
    let done = bed.commit(&prepared.record).await;
    hold!(done.is_err(), "a commit without its rows was told {done:?}");
    same!("the head's number", bed.head(&t).await?.n, first.n);
    bed.see(&t, &things(&[(1, "ann", 1)])).await
}

/// Rows that another program wrote between working out and committing are not lost: the change is worked out anew, or takes them in.
pub(super) async fn what_another_program_wrote_is_not_lost(mut bed: Bed<'_>) -> Held {
    for (name, change) in [
        ("added", Change::Append),
        ("merged", merge(&["id"])),
        ("replaced", Change::ReplaceTable),
    ] {
        let t = bed.target(name);
        bed.land(&t, &Step::new(Change::Append, things(&[(1, "ann", 1), (2, "bob", 1)])))
            .await?;
        let step = Step::new(change, things(&[(2, "new", 1), (5, "new", 2)]));
        let mut prepared = bed.prepare(&t, &step).await?;
        bed.place
            .write(&t, &things(&[(5, "foreign", 7), (9, "foreign", 8)]).batch())
            .await?;
        let told = bed.told(&t, &step).await?;
        let told = told.map_err(|e| crate::conformance::Broken(format!("{e:?}")))?;
        let mut done = bed.commit(&prepared.record).await?;
        if done == Committed::Moved {
            let worked = bed.work_out(&t, &step, &prepared.record.own().staged).await??;
            prepared.record.parts[0].plan = worked.plan;
            done = bed.commit(&prepared.record).await?;
        }
        hold!(
            matches!(done, Committed::Written(_)),
            "{name}: worked out anew, it was told {done:?}"
        );
        bed.see(&t, &told.after).await.map_err(|e| e.about(name))?;
    }
    Ok(())
}
