//! What lies ready.

use crate::conformance::grid::{Grid, some};
use crate::conformance::sink::bed::{Bed, read};
use crate::conformance::sink::kinds::{days, merge, nothing, slices, thing, things};
use crate::conformance::sink::model::{Piece, Step};
use crate::conformance::{Held, hold, same};
use futures::future::join_all;
use futures::{StreamExt, stream};
use segue_core::sink::{Change, Rows};
use segue_core::{Error, Kind, Type};
use std::time::Duration;

fn rows(grid: &Grid) -> Rows {
    Rows {
        batch: grid.batch(),
        deletes: None,
    }
}

/// The error of whoever brings the rows is the stage's, and what came before it counts for nothing.
pub(super) async fn a_stage_that_fails_says_so(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let there = things(&[(1, "ann", 1)]);
    bed.land(&t, &Step::new(Change::Append, there.clone())).await?;
    let broken = Error::new(Kind::Unavailable, "the source is gone");
    let stream = stream::iter([Ok(rows(&things(&[(2, "bob", 1)]))), Err(broken)]).boxed();
    let staged = bed.sink.stage(&t, nothing().schema(), stream, &bed.ctx).await;
    match staged {
        Ok(staged) => hold!(false, "rows whose source failed lie ready: {} of them", staged.rows),
        Err(e) => same!(
            "the error",
            (e.kind(), e.message()),
            (Kind::Unavailable, "the source is gone")
        ),
    }
    bed.see(&t, &there).await
}

/// Once somebody asked for it to stop, it does, although no more rows come.
pub(super) async fn a_stage_that_is_cancelled_ends(bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let stream = stream::iter([Ok(rows(&things(&[(2, "bob", 1)])))])
        .chain(stream::pending())
        .boxed();
    let staging = bed.sink.stage(&t, nothing().schema(), stream, &bed.ctx);
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        bed.ctx.cancel.cancel();
    };
    let both = futures::future::join(staging, cancel);
    let Ok((staged, ())) = tokio::time::timeout(Duration::from_secs(5), both).await else {
        hold!(false, "it goes on five seconds after it was told to stop");
        return Ok(());
    };
    same!(
        "what it says",
        staged.map(|s| s.rows).map_err(|e| e.kind()),
        Err(Kind::Cancelled)
    );
    Ok(())
}

/// Before anything is worked out, with how many they are; rows that delete are not among them.
pub(super) async fn staged_rows_are_read_alone(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    bed.land(&t, &Step::new(Change::Append, things(&[(1, "ann", 1)])))
        .await?;
    let one = bed
        .stage(&t, &Piece::of(things(&[(2, "bob", 2), (3, "eve", 3)])))
        .await?;
    let deleting = Piece {
        rows: things(&[(1, "ann", 1), (4, "zoë", 4)]),
        deletes: vec![true, false],
    };
    let two = bed.stage(&t, &deleting).await?;
    hold!(
        one.rows == 2 && one.bytes > 0,
        "two rows lie staged as {} in {} bytes",
        one.rows,
        one.bytes
    );
    for _ in 0..2 {
        let found = read(
            bed.sink
                .staged(&t, &[one.clone(), two.clone()], &bed.ctx)
                .await?
                .as_ref(),
        )
        .await?;
        let expected = things(&[(2, "bob", 2), (3, "eve", 3), (4, "zoë", 4)]);
        same!("the staged rows", found.sorted(), expected.sorted());
        bed.reopen().await?;
    }
    Ok(())
}

/// Discarded rows are read no more; discarding them again, or a plan with them, is fine.
pub(super) async fn what_is_discarded_is_gone_and_what_is_gone_is_no_error(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    bed.land(&t, &Step::new(Change::Append, things(&[(1, "ann", 1), (2, "bob", 2)])))
        .await?;
    let prepared = bed
        .prepare(&t, &Step::new(merge(&["id"]), things(&[(1, "eve", 2)])))
        .await?;
    let kept = bed.stage(&t, &Piece::of(things(&[(7, "eve", 7)]))).await?;
    let own = prepared.record.own();
    for _ in 0..2 {
        bed.sink.discard(&t, &own.staged, Some(&own.plan), &bed.ctx).await?;
        bed.sink.discard(&t, &own.staged, None, &bed.ctx).await?;
        bed.reopen().await?;
    }
    let readable = match bed.sink.staged(&t, &own.staged, &bed.ctx).await {
        Ok(rows) => read(rows.as_ref()).await.is_ok(),
        Err(_) => false,
    };
    hold!(!readable, "discarded rows can be read still");
    let found = read(bed.sink.staged(&t, &[kept], &bed.ctx).await?.as_ref()).await?;
    same!("what was not discarded", found, things(&[(7, "eve", 7)]));
    bed.see(&t, &things(&[(1, "ann", 1), (2, "bob", 2)])).await
}

/// What is named stays, and what is another asset's; the rest goes.
pub(super) async fn a_sweep_keeps_what_is_named(mut bed: Bed<'_>) -> Held {
    let (t, other) = (bed.target("things"), bed.target("others"));
    let named = bed.stage(&t, &Piece::of(things(&[(1, "ann", 1)]))).await?;
    let left = bed.stage(&t, &Piece::of(things(&[(2, "bob", 1)]))).await?;
    let of_other = bed.stage(&other, &Piece::of(things(&[(3, "eve", 1)]))).await?;
    bed.reopen().await?;
    bed.sink.sweep(&t, std::slice::from_ref(&named), &bed.ctx).await?;
    bed.sink.sweep(&bed.target("never"), &[], &bed.ctx).await?;
    let read_of = async |target, staged| -> Held<Grid> {
        let rows = bed.sink.staged(target, &[staged], &bed.ctx).await?;
        read(rows.as_ref()).await
    };
    same!("what is named", read_of(&t, named).await?, things(&[(1, "ann", 1)]));
    same!(
        "another asset's",
        read_of(&other, of_other).await?,
        things(&[(3, "eve", 1)])
    );
    hold!(read_of(&t, left).await.is_err(), "what nobody names is there still");
    Ok(())
}

/// Twenty pieces, some with a column that others lack.
pub(super) async fn many_pieces_are_one_change(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let mut pieces = Vec::new();
    for id in 0..20 {
        let mut piece = things(&[(id, "ann", id), (id + 100, "bob", id)]);
        if id % 3 == 1 {
            piece.columns.push(("more".into(), Type::String));
            piece.rows.iter_mut().for_each(|row| row.push(some("m")));
        }
        pieces.push(Piece::of(piece));
    }
    let step = |change| Step {
        change,
        pieces: pieces.clone(),
    };
    bed.land(&t, &step(Change::Append)).await?;
    bed.land(&t, &step(Change::Append)).await?;
    bed.land(&t, &step(Change::ReplaceTable)).await?;
    bed.land(&t, &step(merge(&["id"]))).await.map(drop)
}

/// By two processes, several each; one commit takes them all.
pub(super) async fn pieces_are_staged_at_once(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let pieces: Vec<Piece> = (0..8)
        .map(|id| Piece::of(things(&[(id, "ann", id), (id + 100, "bob", id)])))
        .collect();
    let mut other = Bed::new(bed.harness).await?;
    other.sink = bed.place.open().await?;
    let beds = [&bed, &other];
    let staging = pieces
        .iter()
        .enumerate()
        .map(|(at, piece)| beds[at % 2].stage(&t, piece));
    let staged: Vec<_> = join_all(staging).await.into_iter().collect::<Result<_, _>>()?;
    let step = Step {
        change: merge(&["id"]),
        pieces,
    };
    let mut prepared = bed.prepare(&t, &step).await?;
    let worked = bed.work_out(&t, &step, &staged).await??;
    same!("rows written", worked.rows_written, 16);
    (prepared.record.parts[0].plan, prepared.record.parts[0].staged) = (worked.plan, staged);
    bed.commit(&prepared.record).await?;
    bed.see(&t, &prepared.told.after).await
}

/// A piece of no batch at all, one of an empty batch, and both between others.
pub(super) async fn pieces_without_rows_are_fine(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let none = bed
        .sink
        .stage(&t, nothing().schema(), stream::empty().boxed(), &bed.ctx)
        .await?;
    same!("how many rows none are", none.rows, 0);
    let found = read(
        bed.sink
            .staged(&t, std::slice::from_ref(&none), &bed.ctx)
            .await?
            .as_ref(),
    )
    .await?;
    same!("no rows", found, nothing());
    let full = things(&[(1, "ann", 1), (2, "bob", 2)]);
    for change in [
        Change::Append,
        merge(&["id"]),
        Change::ReplaceTable,
        slices(&["ann", "bob"]),
        days(&[(0, 9)]),
    ] {
        let with_empty = Step {
            change: change.clone(),
            pieces: vec![Piece::of(nothing()), Piece::of(full.clone()), Piece::of(nothing())],
        };
        let t = bed.target("things_too");
        bed.land(&t, &with_empty).await?;
        bed.land(&t, &Step::new(change, nothing())).await?;
        bed.sink.drop_table(&t, &bed.ctx).await?;
    }
    Ok(())
}

/// A slice that nobody brought rows for is emptied, like a range, and like a table.
pub(super) async fn a_change_without_pieces_is_one(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let there = nothing().with(
        (0..6)
            .map(|id| thing(id, ["ann", "bob"][id as usize % 2], id, 0.5))
            .collect(),
    );
    bed.land(&t, &Step::new(Change::Append, there)).await?;
    for change in [
        Change::Append,
        merge(&["id"]),
        slices(&["ann"]),
        days(&[(0, 2)]),
        Change::ReplaceTable,
    ] {
        let told = bed.told(&t, &Step::new(change.clone(), nothing())).await?;
        let told = told.map_err(|e| crate::conformance::Broken(format!("{e:?}")))?;
        let schema = nothing().schema();
        let worked = bed
            .sink
            .work_out(&t, schema.clone(), &change, &[], &bed.grains, &bed.ctx)
            .await?;
        let counts = (worked.unchanged, worked.rows_written, worked.rows_removed);
        same!(
            format!("{change:?}"),
            counts,
            (told.unchanged(), 0, told.went.len() as u64)
        );
        let mut prepared = bed.prepare(&t, &Step::new(change, nothing())).await?;
        let mut part = prepared.record.parts.remove(0);
        (part.plan, part.staged) = (worked.plan, Vec::new());
        prepared.record.parts.push(part);
        bed.commit(&prepared.record).await?;
        bed.see(&t, &told.after).await?;
    }
    Ok(())
}
