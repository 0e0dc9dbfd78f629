//! What a table tells of itself, how it is read, and how it goes.

use crate::conformance::grid::{Cell, Grid, some};
use crate::conformance::sink::Ability;
use crate::conformance::sink::bed::{Bed, read};
use crate::conformance::sink::kinds::{merge, nothing, slices, things};
use crate::conformance::sink::model::Step;
use crate::conformance::{Held, hold, same};
use futures::TryStreamExt;
use segue_core::TableId;
use segue_core::commit::{Part, Role};
use segue_core::sink::{Change, Committed, LoggedChange, Target};

/// A commit of no rows makes it, with its columns; another of no rows is no change.
pub(super) async fn an_empty_table_is_a_table(mut bed: Bed<'_>) -> Held {
    for (name, change) in [
        ("a", Change::Append),
        ("b", Change::ReplaceTable),
        ("c", merge(&["id"])),
        ("d", slices(&["ann"])),
    ] {
        let t = bed.target(name);
        let step = Step::new(change, nothing());
        let landed = bed.land(&t, &step).await?;
        bed.reopen().await?;
        let head = bed.head(&t).await?;
        same!("the head's number", head.n, landed.n);
        same!("an empty table", bed.rows(&t).await?, Some(nothing()));
        let again = bed.prepare(&t, &step).await?;
        same!("no rows again", again.worked.unchanged, true);
        bed.land(&t, &Step::new(Change::Append, things(&[(1, "ann", 1)])))
            .await?;
    }
    Ok(())
}

/// As they were committed, oldest first, with their gaps; not what was shut out, and not what was only claimed.
pub(super) async fn records_tell_what_was_committed(mut bed: Bed<'_>) -> Held {
    let (t, other) = (bed.target("things"), bed.target("others"));
    same!("of no table", bed.sink.records(&t, &bed.ctx).await?, vec![]);
    let mut landed = Vec::new();
    for id in 0..4 {
        let shut_out = bed
            .prepare(&t, &Step::new(Change::Append, things(&[(id, "lost", 1)])))
            .await?;
        let change = if id % 2 == 0 { Change::Append } else { merge(&["id"]) };
        landed.push(bed.land(&t, &Step::new(change, things(&[(id, "ann", id)]))).await?);
        same!("one too late", bed.commit(&shut_out.record).await?, Committed::ShutOut);
        bed.land(&other, &Step::new(Change::Append, things(&[(id, "bob", 1)])))
            .await?;
    }
    let claimed = bed
        .prepare(&t, &Step::new(Change::Append, things(&[(9, "claimed", 1)])))
        .await?;
    bed.sink.claim(&claimed.record, &bed.ctx).await?;
    bed.reopen().await?;
    let told = bed.sink.records(&t, &bed.ctx).await?;
    let numbers: Vec<(u64, u64)> = told.iter().map(|r| (r.n, r.predecessor)).collect();
    same!(
        "numbers",
        numbers,
        landed.iter().map(|r| (r.n, r.predecessor)).collect::<Vec<_>>()
    );
    same!("records", told, landed);
    Ok(())
}

/// Every asset's own, whole: identity, name and place.
pub(super) async fn tables_are_told_with_their_assets(mut bed: Bed<'_>) -> Held {
    same!("of nothing", bed.sink.tables(&bed.ctx).await?.len(), 0);
    let targets: Vec<Target> = ["one", "two", "three"].map(|name| bed.target(name)).into();
    for (id, t) in targets.iter().enumerate() {
        bed.land(t, &Step::new(Change::Append, things(&[(id as i64, "ann", 1)])))
            .await?;
    }
    bed.sink.drop_table(&targets[1], &bed.ctx).await?;
    bed.reopen().await?;
    let mut told: Vec<Target> = bed.sink.tables(&bed.ctx).await?.into_iter().collect::<Result<_, _>>()?;
    told.sort_by_key(|t| std::cmp::Reverse(t.place.len()));
    same!("the tables", told, [targets[2].clone(), targets[0].clone()]);
    Ok(())
}

/// After `since` and up to `until`, each with the number of its commit.
pub(super) async fn changes_are_told_by_version(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let mut told = Vec::new();
    for id in 0..4 {
        let landed = bed
            .land(&t, &Step::new(Change::Append, things(&[(id, "ann", id)])))
            .await?;
        told.push(LoggedChange {
            version: bed.head(&t).await?.version,
            n: Some(landed.n),
            data_changed: true,
        });
    }
    bed.reopen().await?;
    for (from, to) in [(0, 3), (0, 0), (1, 2), (2, 3)] {
        let (since, until) = (told[from].version, told[to].version);
        let found = bed.sink.changes(&t, since, until, &bed.ctx).await?;
        same!(
            format!("after {since} up to {until}"),
            found,
            told[from + 1..=to.max(from)].to_vec()
        );
    }
    Ok(())
}

/// Rows and columns of then.
pub(super) async fn an_old_version_is_read_as_it_was(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let mut wider = things(&[(9, "eve", 9)]);
    wider.columns.push(("more".into(), segue_core::Type::String));
    wider.rows[0].push(some("x"));
    let steps = [
        Step::new(Change::Append, things(&[(1, "ann", 1), (2, "bob", 2)])),
        Step::new(merge(&["id"]), things(&[(2, "BOB", 2)])),
        Step::new(Change::Append, wider),
        Step::new(Change::ReplaceTable, things(&[(7, "zoë", 7)])),
    ];
    let mut versions = Vec::new();
    for step in &steps {
        bed.land(&t, step).await?;
        versions.push((
            bed.head(&t).await?.version,
            bed.rows(&t).await?.unwrap_or_default().sorted(),
        ));
    }
    bed.reopen().await?;
    for (version, expected) in versions {
        let found = read(bed.sink.at(&t, version, &bed.ctx).await?.as_ref()).await?;
        same!(format!("version {version}"), found.sorted(), expected);
    }
    Ok(())
}

/// A version that is kept no longer, or never was, is an error: never the rows of another.
pub(super) async fn another_version_than_asked_for_is_never_read(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    for id in 0..2 {
        bed.land(&t, &Step::new(Change::Append, things(&[(id, "ann", id)])))
            .await?;
    }
    let newest = bed.head(&t).await?.version;
    let mut asked = vec![newest + 1, newest + 100];
    if !bed.has(Ability::OldVersions) {
        asked.push(newest - 1);
    }
    for version in asked {
        let found = match bed.sink.at(&t, version, &bed.ctx).await {
            Ok(rows) => read(rows.as_ref()).await.map(|g| g.rows.len()).ok(),
            Err(_) => None,
        };
        same!(format!("version {version} of {newest}"), found, None);
    }
    Ok(())
}

/// Some of them, in any order; each of a table, of a change, and of what lies staged.
pub(super) async fn columns_are_read_in_the_order_asked_for(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    bed.land(&t, &Step::new(Change::Append, things(&[(1, "ann", 1), (2, "bob", 2)])))
        .await?;
    let prepared = bed
        .prepare(&t, &Step::new(Change::Append, things(&[(3, "eve", 3)])))
        .await?;
    let own = prepared.record.own();
    let relations = [
        (
            "the table",
            bed.sink.at(&t, bed.head(&t).await?.version, &bed.ctx).await?,
        ),
        ("the change", bed.sink.view(&t, &own.plan, &bed.ctx).await?),
        ("what is staged", bed.sink.staged(&t, &own.staged, &bed.ctx).await?),
    ];
    for (what, relation) in relations {
        let all = read(relation.as_ref()).await?;
        for picked in [vec![2, 0], vec![1], vec![3, 2, 1, 0]] {
            let batches: Vec<_> = relation.scan(Some(&picked)).await?.try_collect().await?;
            let schema = relation
                .schema()
                .project(&picked)
                .map_err(|e| crate::conformance::Broken(e.to_string()))?;
            let found = Grid::read(&schema, &batches)?;
            let names: Vec<_> = batches.iter().map(|b| b.schema().field(0).name().clone()).collect();
            hold!(
                names.iter().all(|n| *n == all.columns[picked[0]].0),
                "{what}: first comes {names:?}"
            );
            let rows: Vec<Vec<Cell>> = all
                .rows
                .iter()
                .map(|row| picked.iter().map(|at| row[*at].clone()).collect())
                .collect();
            same!(
                format!("columns {picked:?} of {what}"),
                found.clone().sorted(),
                found.with(rows).sorted()
            );
        }
    }
    Ok(())
}

/// With its marks and what lay staged for it; another may take its place, under another id.
pub(super) async fn a_dropped_table_is_gone_and_may_come_again(mut bed: Bed<'_>) -> Held {
    let (t, other) = (bed.target("things"), bed.target("others"));
    let stays = things(&[(7, "zoë", 7)]);
    bed.land(&other, &Step::new(Change::Append, stays.clone())).await?;
    for id in 0..2 {
        let t = Target {
            table: TableId::random(),
            ..t.clone()
        };
        let landed = bed
            .land(&t, &Step::new(Change::Append, things(&[(id, "ann", 1)])))
            .await?;
        same!("its predecessor", landed.predecessor, 0);
        let staged = bed
            .stage(
                &t,
                &crate::conformance::sink::model::Piece::of(things(&[(9, "eve", 9)])),
            )
            .await?;
        for _ in 0..2 {
            bed.sink.drop_table(&t, &bed.ctx).await?;
            bed.reopen().await?;
            let head = bed.head(&t).await?;
            same!("its head", (head.n, head.id, head.schema), (0, None, None));
            same!("its records", bed.sink.records(&t, &bed.ctx).await?, vec![]);
            same!("how many tables there are", bed.sink.tables(&bed.ctx).await?.len(), 1);
        }
        let readable = match bed.sink.staged(&t, &[staged], &bed.ctx).await {
            Ok(rows) => read(rows.as_ref()).await.is_ok(),
            Err(_) => false,
        };
        hold!(!readable, "what lay staged for it is there still");
        if bed.has(Ability::SeenOtherwise) {
            same!("past the sink", bed.place.ids(&t).await?, None);
        }
        bed.see(&other, &stays).await?;
    }
    Ok(())
}

/// The same for whoever opens it, and another one for another place.
pub(super) async fn the_place_has_one_name(mut bed: Bed<'_>) -> Held {
    let name = bed.sink.identity();
    hold!(!name.is_empty(), "it has no name");
    bed.land(
        &bed.target("things"),
        &Step::new(Change::Append, things(&[(1, "ann", 1)])),
    )
    .await?;
    bed.reopen().await?;
    same!("its name for another process", bed.sink.identity(), name);
    let other = Bed::new(bed.harness).await?;
    hold!(other.sink.identity() != name, "two places are called `{name}`");
    Ok(())
}

/// Once, after the last one on that table, whichever numbers the own table took between; and they are no tables of their own.
pub(super) async fn companions_follow_their_own_predecessors(mut bed: Bed<'_>) -> Held {
    let t = bed.target("things");
    let companion = Target {
        asset: t.asset,
        ..bed.target("aside")
    };
    let (mut last, mut aside, mut landed) = (0, nothing(), Vec::new());
    for (id, touches) in [(1, true), (2, false), (3, true)] {
        let mut own = bed
            .prepare(&t, &Step::new(Change::Append, things(&[(id, "ann", id)])))
            .await?
            .record;
        let rows = things(&[(id, "aside", id)]);
        if touches {
            let with = bed
                .prepare(&companion, &Step::new(Change::Append, rows.clone()))
                .await?
                .record;
            own.parts.push(Part {
                role: Role::Quarantine,
                predecessor: last,
                ..with.parts[0].clone()
            });
            last = own.n;
            aside.rows.extend(rows.rows);
        }
        bed.commit(&own).await?;
        if touches {
            bed.sink.lies_ready(&own, 1, &bed.ctx).await?;
            let done = bed.sink.commit(&own, 1, &bed.ctx).await?;
            hold!(
                matches!(done, Committed::Written(_)),
                "a companion's commit was told {done:?}"
            );
            landed.push(own);
        }
    }
    bed.reopen().await?;
    for record in &landed {
        let done = bed.sink.commit(record, 1, &bed.ctx).await?;
        hold!(
            matches!(done, Committed::AlreadyThere(_)),
            "the same again was told {done:?}"
        );
    }
    same!("the companion's head", bed.head(&companion).await?.n, last);
    bed.see(&companion, &aside).await?;
    same!("how many tables there are", bed.sink.tables(&bed.ctx).await?.len(), 1);
    // A companion whose rows are gone is not ready.
    let mut own = bed
        .prepare(&t, &Step::new(Change::Append, things(&[(4, "ann", 4)])))
        .await?
        .record;
    let with = bed
        .prepare(&companion, &Step::new(Change::Append, things(&[(4, "aside", 4)])))
        .await?
        .record;
    own.parts.extend(with.parts.into_iter().map(|part| Part {
        role: Role::Quarantine,
        ..part
    }));
    bed.sink.lies_ready(&own, 1, &bed.ctx).await?;
    let gone = own.parts[1].clone();
    bed.sink
        .discard(&companion, &gone.staged, Some(&gone.plan), &bed.ctx)
        .await?;
    let ready = bed.sink.lies_ready(&own, 1, &bed.ctx).await.map_err(|e| e.kind());
    same!("whether it is ready", ready, Err(segue_core::Kind::BadData));
    Ok(())
}
