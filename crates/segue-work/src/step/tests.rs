use crate::step::Wanted;
use crate::testing::World;
use segue_core::gate::{Block, Gate};
use segue_core::{Kind, Slice};
use segue_testkit::source::{MemSource, Says};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// One asset of three slices.
const TRACKS: (&str, &str) = (
    "assets/raw/tracks.yaml",
    "asset: raw.tracks
fresh: 1d
copy:
  from: api
  for_each: { list: [ { id: a }, { id: b }, { id: c } ] }
  slice: [artist]
  columns:
    artist: { value: \"{{ each.id }}\", type: string, required: true }
    track: { type: string, required: true }
    plays: { type: int64 }
write: { mode: replace, key: [artist, track] }
",
);

fn id(slice: &Slice) -> String {
    slice
        .values
        .get("id")
        .and_then(Value::as_str)
        .unwrap_or("all")
        .to_string()
}

fn track(artist: &str, track: &str, plays: i64) -> Value {
    json!({ "artist": artist, "track": track, "plays": plays })
}

/// Each artist has one track.
fn one_each() -> Arc<MemSource> {
    MemSource::new(|s| vec![Says::Rows(vec![track(&id(s), "t1", 1)])])
}

fn changed(text: (&'static str, &'static str), from: &str, to: &str) -> (&'static str, String) {
    assert!(text.1.contains(from), "the test's project has no `{from}`");
    (text.0, text.1.replace(from, to))
}

async fn world(file: (&str, &str), source: &Arc<MemSource>) -> World {
    World::new(&[file], source).await
}

#[tokio::test]
async fn a_first_run_reads_every_slice_and_commits_them_together() {
    let source = one_each();
    let world = world(TRACKS, &source).await;
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 3, written 3, changed 3, commits 1, slices done 3");
    insta::assert_snapshot!(world.table("raw.tracks").await, @r"
    a t1 1
    b t1 1
    c t1 1
    ");
    insta::assert_snapshot!(world.ledger("raw.tracks").await, @r"
    artist=a Done n=1
    artist=b Done n=1
    artist=c Done n=1
    ");
    assert_eq!(source.asked(), ["artist=a", "artist=b", "artist=c"]);
}

#[tokio::test]
async fn a_second_run_within_fresh_asks_nothing() {
    let source = one_each();
    let world = world(TRACKS, &source).await;
    world.run("raw.tracks").await;
    source.asked();
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done");
    assert_eq!(source.asked(), [""; 0]);
}

#[tokio::test]
async fn the_same_answers_again_commit_nothing_and_are_remembered() {
    let source = one_each();
    let world = world(TRACKS, &source).await;
    world.run("raw.tracks").await;
    world.pass(25 * HOUR);
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 3, slices done 3");
    assert_eq!(world.commits("raw.tracks").await, 1);
    source.asked();
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done");
    assert_eq!(source.asked(), [""; 0]);
}

#[tokio::test]
async fn a_new_slice_asks_for_itself_alone() {
    let source = one_each();
    let mut world = world(TRACKS, &source).await;
    world.run("raw.tracks").await;
    source.asked();
    let (path, text) = changed(TRACKS, "{ id: c }", "{ id: c }, { id: d }");
    world.change(&[(path, &text)]);
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 1, written 1, changed 1, commits 1, slices done 1");
    assert_eq!(source.asked(), ["artist=d"]);
}

#[tokio::test]
async fn only_what_changed_is_changed() {
    let source = one_each();
    let world = world(TRACKS, &source).await;
    world.run("raw.tracks").await;
    source.now_says(|s| vec![Says::Rows(vec![track(&id(s), "t1", if id(s) == "b" { 2 } else { 1 })])]);
    let again = Wanted {
        again: true,
        ..Wanted::default()
    };
    insta::assert_snapshot!(world.run_as("raw.tracks", again).await, @"done, in 3, written 3, changed 1, commits 1, slices done 3");
    insta::assert_snapshot!(world.table("raw.tracks").await, @r"
    a t1 1
    b t1 2
    c t1 1
    ");
    let row = world.row("raw.tracks").await;
    let footprints = world.deps.store.footprints(row.table, 1, 9).await.unwrap();
    let text = format!("{:?}", footprints[0].footprint);
    assert!(text.contains("\"b\"") && !text.contains("\"a\""), "{text}");
}

#[tokio::test]
async fn equal_rows_are_one_and_unequal_ones_under_one_key_are_set_aside_all() {
    let source = MemSource::new(|s| match id(s).as_str() {
        "a" => vec![Says::Rows(vec![
            track("a", "t1", 1),
            track("a", "t1", 1),
            track("a", "t2", 5),
        ])],
        "b" => vec![
            Says::Rows(vec![track("b", "t1", 1)]),
            Says::Rows(vec![track("b", "t1", 2), track("b", "t2", 3)]),
        ],
        _ => vec![],
    });
    let world = world(TRACKS, &source).await;
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 6, written 3, changed 3, aside 2, doubled 1, commits 1, slices done 3");
    insta::assert_snapshot!(world.table("raw.tracks").await, @r"
    a t1 1
    a t2 5
    b t2 3
    ");
    insta::assert_snapshot!(world.aside("raw.tracks").await, @r#"
    {"artist":"b"} | another row of the same read has the same key (artist, track) and other values | {"artist":"b","track":"t1","plays":1}
    {"artist":"b"} | another row of the same read has the same key (artist, track) and other values | {"artist":"b","track":"t1","plays":2}
    "#);
}

#[tokio::test]
async fn rejected_records_belong_to_their_slice_and_go_with_it() {
    let source = MemSource::new(|s| match id(s).as_str() {
        "a" => vec![
            Says::Rejected("expected int64, found \"many\"", "{\"plays\":\"many\"}"),
            Says::Rows(vec![track("a", "t1", 1)]),
        ],
        other => vec![Says::Rows(vec![track(other, "t1", 1)])],
    });
    let world = world(TRACKS, &source).await;
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 4, written 3, changed 3, aside 1, commits 1, slices done 3");
    insta::assert_snapshot!(world.aside("raw.tracks").await, @r#"{"artist":"a"} | expected int64, found "many" | {"plays":"many"}"#);
    // The same mistake again changes nothing.
    let again = || Wanted {
        again: true,
        ..Wanted::default()
    };
    insta::assert_snapshot!(world.run_as("raw.tracks", again()).await, @"done, in 4, slices done 3");
    // Without it, the own table takes a number and no rows.
    source.now_says(|s| vec![Says::Rows(vec![track(&id(s), "t1", 1)])]);
    insta::assert_snapshot!(world.run_as("raw.tracks", again()).await, @"done, in 3, commits 1, slices done 3");
    insta::assert_snapshot!(world.aside("raw.tracks").await, @"");
    let row = world.row("raw.tracks").await;
    assert!(
        world.deps.store.footprints(row.table, 1, 9).await.unwrap()[0]
            .footprint
            .is_nothing()
    );
}

#[tokio::test]
async fn parked_slices_resume_alone_and_the_step_is_partial() {
    let until = "2024-01-10T06:00:00Z".parse().unwrap();
    let source = MemSource::new(move |s| match id(s).as_str() {
        "c" => vec![Says::Rows(vec![track("c", "t1", 1)]), Says::Parked(Some(until))],
        other => vec![Says::Rows(vec![track(other, "t1", 1)])],
    });
    let (path, text) = changed(TRACKS, "fresh: 1d", "fresh: 1d\nmax_parked: 40%");
    let world = world((path, &text), &source).await;
    insta::assert_snapshot!(world.run("raw.tracks").await, @"partial, in 3, written 2, changed 2, commits 1, slices done 2, parked 1");
    source.asked();
    // Before its time nobody asks.
    insta::assert_snapshot!(world.run("raw.tracks").await, @"partial, parked 1");
    assert_eq!(source.asked(), [""; 0]);
    world.pass(7 * HOUR);
    source.now_says(|s| vec![Says::Rows(vec![track(&id(s), "t1", 1)])]);
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 1, written 1, changed 1, commits 1, slices done 1");
    assert_eq!(source.asked(), ["artist=c"]);
    let row = world.row("raw.tracks").await;
    assert_eq!(world.deps.store.parked(row.id).await.unwrap(), []);
}

#[tokio::test]
async fn more_than_max_parked_fails_and_what_committed_stays() {
    let source = MemSource::new(|s| match id(s).as_str() {
        "a" => vec![Says::Rows(vec![track("a", "t1", 1)])],
        _ => vec![Says::Parked(None)],
    });
    let world = world(TRACKS, &source).await;
    insta::assert_snapshot!(world.run("raw.tracks").await, @"failed[SG0521]: 2 of the 3 slices of raw.tracks are put off: more than max_parked allows (parked: 2, failed: 0, parked because: asked too often), in 1, written 1, changed 1, commits 1, slices done 1, parked 2");
    insta::assert_snapshot!(world.table("raw.tracks").await, @"a t1 1");
}

#[tokio::test]
async fn none_done_fails_and_slices_that_failed_are_tried_again_by_the_next_run() {
    let source = MemSource::new(|_| vec![Says::Failed(Kind::BadData)]);
    let world = world(TRACKS, &source).await;
    insta::assert_snapshot!(world.run("raw.tracks").await, @"failed[SG0520]: none of the 3 slices of raw.tracks is done (parked: 0, failed: 3, first failure: slice artist=a cannot be read), failed 3");
    source.asked();
    source.now_says(|s| vec![Says::Rows(vec![track(&id(s), "t1", 1)])]);
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 3, written 3, changed 3, commits 1, slices done 3");
}

#[tokio::test]
async fn closed_slices_are_done_in_their_way_and_only_an_optional_asset_may_be_closed_altogether() {
    let source = MemSource::new(|s| {
        if id(s) == "a" {
            vec![Says::Closed]
        } else {
            vec![Says::Rows(vec![track(&id(s), "t1", 1)])]
        }
    });
    let world = world(TRACKS, &source).await;
    insta::assert_snapshot!(world.run("raw.tracks").await, @r"
    done, in 2, written 2, changed 2, commits 1, slices done 2, closed 1
      1 slice is closed, not ours to read: 403
    ");
    insta::assert_snapshot!(world.ledger("raw.tracks").await, @r"
    artist=a Closed n=1
    artist=b Done n=1
    artist=c Done n=1
    ");
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done");

    let all_closed = MemSource::new(|_| vec![Says::Closed]);
    let world = World::new(&[TRACKS], &all_closed).await;
    insta::assert_snapshot!(world.run("raw.tracks").await, @r"
    failed[SG0519]: all 3 slices of raw.tracks are closed: not ours to read, closed 3
      3 slices are closed, not ours to read: 403
    ");
    let (path, text) = changed(TRACKS, "fresh: 1d", "fresh: 1d\noptional: true");
    let world = World::new(&[(path, &text)], &all_closed).await;
    insta::assert_snapshot!(world.run("raw.tracks").await, @r"
    done, closed 3
      3 slices are closed, not ours to read: 403
    ");
}

#[tokio::test]
async fn a_broken_connection_keeps_what_is_complete_and_the_next_try_asks_for_the_rest() {
    let source = MemSource::new(|s| match id(s).as_str() {
        "b" => vec![Says::Breaks(Kind::Unavailable)],
        other => vec![Says::Rows(vec![track(other, "t1", 1)])],
    });
    let world = world(TRACKS, &source).await;
    insta::assert_snapshot!(world.run("raw.tracks").await, @"failed: the connection broke, in 1, written 1, changed 1, commits 1, slices done 1");
    source.asked();
    source.now_says(|s| vec![Says::Rows(vec![track(&id(s), "t1", 1)])]);
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 2, written 2, changed 2, commits 1, slices done 2");
    assert_eq!(source.asked(), ["artist=b", "artist=c"]);
}

#[tokio::test]
async fn what_is_no_longer_listed_is_kept_and_counted_or_deleted() {
    let source = one_each();
    let mut world = world(TRACKS, &source).await;
    world.run("raw.tracks").await;
    let (path, fewer) = changed(TRACKS, ", { id: c }", "");
    world.change(&[(path, &fewer)]);
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, gone 1");
    let deletes = fewer.replace("key: [artist, track]", "key: [artist, track], on_gone: delete");
    world.change(&[(path, &deletes)]);
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, changed 1, commits 1");
    insta::assert_snapshot!(world.table("raw.tracks").await, @r"
    a t1 1
    b t1 1
    ");
    insta::assert_snapshot!(world.ledger("raw.tracks").await, @r"
    artist=a Done n=1
    artist=b Done n=1
    ");
}

#[tokio::test]
async fn another_server_is_never_taken_for_the_one_before() {
    let source = one_each();
    let world = world(TRACKS, &source).await;
    world.run("raw.tracks").await;
    source.now_is("elsewhere");
    source.asked();
    insta::assert_snapshot!(world.run("raw.tracks").await, @"failed[SG0523]: raw.tracks was read from memory so far, and its connection leads to elsewhere now");
    assert_eq!(source.asked(), [""; 0]);
    let rebuild = Wanted {
        rebuild: true,
        ..Wanted::default()
    };
    insta::assert_snapshot!(world.run_as("raw.tracks", rebuild).await, @"done, in 3, slices done 3");
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done");
}

#[tokio::test]
async fn a_source_of_which_nothing_was_read_is_not_the_one_before() {
    let source = MemSource::new(|_| vec![Says::Failed(Kind::Unauthenticated)]);
    let world = world(TRACKS, &source).await;
    assert!(world.run("raw.tracks").await.starts_with("failed"));
    assert_eq!(world.row("raw.tracks").await.source, None);
    // The address was wrong, and is put right.
    source.now_is("elsewhere");
    source.now_says(|s| vec![Says::Rows(vec![track(&id(s), "t1", 1)])]);
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 3, written 3, changed 3, commits 1, slices done 3");
    assert_eq!(world.row("raw.tracks").await.source.as_deref(), Some("elsewhere"));
}

#[tokio::test]
async fn a_table_that_is_gone_stops_the_run_until_it_is_rebuilt() {
    let source = one_each();
    let world = world(TRACKS, &source).await;
    world.run("raw.tracks").await;
    world.lake.lose("raw/tracks");
    insta::assert_snapshot!(world.run("raw.tracks").await, @"failed[SG0501]: the table of raw.tracks is gone, or another: this state remembers its commit 1 (table: raw/tracks, last commit of the table: 0, last commit of the state: 1)");
    let rebuild = Wanted {
        rebuild: true,
        ..Wanted::default()
    };
    insta::assert_snapshot!(world.run_as("raw.tracks", rebuild).await, @"done, in 3, written 3, changed 3, commits 1, slices done 3");
}

#[tokio::test]
async fn a_mapping_that_alone_changed_is_computed_from_kept_answers() {
    let source = one_each();
    let (path, keeps) = changed(TRACKS, "  columns:", "  keep_raw: 30d\n  columns:");
    let mut world = world((path, &keeps), &source).await;
    world.run("raw.tracks").await;
    source.asked();
    let wider = keeps.replace("plays: { type: int64 }", "plays: { type: float64 }");
    world.change(&[(path, &wider)]);
    insta::assert_snapshot!(world.run("raw.tracks").await, @r"
    done, in 3, written 3, changed 3, commits 1, slices done 3
      3 slices were computed from kept answers, without a request
    ");
    assert_eq!(source.asked(), [""; 0]);
    insta::assert_snapshot!(world.table("raw.tracks").await, @r"
    a t1 1.0
    b t1 1.0
    c t1 1.0
    ");
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done");
}

#[tokio::test]
async fn a_changed_request_asks_again() {
    let source = one_each();
    let (path, keeps) = changed(TRACKS, "  columns:", "  keep_raw: 30d\n  columns:");
    let mut world = world((path, &keeps), &source).await;
    world.run("raw.tracks").await;
    source.asked();
    let other = keeps.replace("  keep_raw", "  request: { get: \"/other\" }\n  keep_raw");
    world.change(&[(path, &other)]);
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 3, slices done 3");
    assert_eq!(source.asked().len(), 3);
}

/// A whole table, merged.
const EVENTS: (&str, &str) = (
    "assets/raw/events.yaml",
    "asset: raw.events
copy:
  from: api
  columns: { id: { type: string, required: true }, n: { type: int64 } }
write: { mode: merge, key: [id] }
",
);

fn events(rows: Vec<(&'static str, i64)>) -> Arc<MemSource> {
    MemSource::new(move |_| {
        vec![Says::Rows(
            rows.iter().map(|(id, n)| json!({ "id": id, "n": n })).collect(),
        )]
    })
}

#[tokio::test]
async fn a_merge_updates_by_key_and_a_change_of_it_wants_a_rebuild() {
    let source = events(vec![("x", 1), ("y", 1)]);
    let mut world = world(EVENTS, &source).await;
    insta::assert_snapshot!(world.run("raw.events").await, @"done, in 2, written 2, changed 2, commits 1, slices done 1");
    source.now_says(|_| {
        vec![Says::Rows(vec![
            json!({ "id": "y", "n": 2 }),
            json!({ "id": "z", "n": 3 }),
        ])]
    });
    insta::assert_snapshot!(world.run("raw.events").await, @"done, in 2, written 2, changed 2, commits 1, slices done 1");
    insta::assert_snapshot!(world.table("raw.events").await, @r"
    x 1
    y 2
    z 3
    ");
    let (path, other) = changed(EVENTS, "  columns", "  request: { get: /other }\n  columns");
    world.change(&[(path, &other)]);
    insta::assert_snapshot!(world.run("raw.events").await, @"failed[SG0522]: raw.events has to be read anew from the beginning: the request changed");
    let rebuild = Wanted {
        rebuild: true,
        ..Wanted::default()
    };
    insta::assert_snapshot!(world.run_as("raw.events", rebuild).await, @"done, in 2, written 2, changed 1, commits 1, slices done 1");
    insta::assert_snapshot!(world.table("raw.events").await, @r"
    y 2
    z 3
    ");
}

#[tokio::test]
async fn a_new_nullable_column_of_a_merged_table_marks_what_is_done() {
    let source = events(vec![("x", 1)]);
    let (path, fresh) = changed(EVENTS, "copy:", "fresh: 1d\ncopy:");
    let mut world = world((path, &fresh), &source).await;
    world.run("raw.events").await;
    let wider = fresh.replace("n: { type: int64 } }", "n: { type: int64 }, more: { type: string } }");
    world.change(&[(path, &wider)]);
    insta::assert_snapshot!(world.run("raw.events").await, @"done");
    insta::assert_snapshot!(world.ledger("raw.events").await, @"Done n=1 kept");
}

#[tokio::test]
async fn a_whole_replace_by_nothing_is_refused() {
    let (path, replace) = changed(EVENTS, "mode: merge", "mode: replace");
    let source = events(vec![("x", 1)]);
    let mut world = world((path, &replace), &source).await;
    world.run("raw.events").await;
    source.now_says(|_| vec![]);
    insta::assert_snapshot!(world.run("raw.events").await, @"failed[SG0514]: raw.events would lose all its 1 rows: nothing was read, slices done 1");
    let allowed = replace.replace("key: [id]", "key: [id], allow_empty: true");
    world.change(&[(path, &allowed)]);
    insta::assert_snapshot!(world.run("raw.events").await, @"done, changed 1, commits 1, slices done 1");
    insta::assert_snapshot!(world.table("raw.events").await, @"");
}

mod checks;
mod computed;
mod cut;
mod kept;
mod modes;
mod optional;
mod rebuilt;
mod watched;

#[tokio::test]
async fn what_a_block_put_off_waits_for_as_long_as_the_block_holds() {
    let until = "2024-06-10T00:00:00Z".parse().unwrap();
    let key = segue_core::gate::key_below("memory", "/tracks");
    let blocked = key.clone();
    let source = MemSource::new(move |s| match id(s).as_str() {
        "c" => vec![Says::Blocked(until, blocked.clone())],
        other => vec![Says::Rows(vec![track(other, "t1", 1)])],
    });
    let (path, text) = changed(TRACKS, "fresh: 1d", "fresh: 300d\nmax_parked: 40%");
    let world = world((path, &text), &source).await;
    let block = |key: &str| Block {
        key: key.into(),
        until,
        reason: "429".into(),
    };
    world.deps.store.block(block(&key)).await.unwrap();
    world.run("raw.tracks").await;
    source.asked();
    insta::assert_snapshot!(world.run("raw.tracks").await, @"partial, parked 1");
    assert_eq!(source.asked(), [""; 0]);
    let again = Wanted {
        again: true,
        ..Wanted::default()
    };
    world.run_as("raw.tracks", again).await;
    assert_eq!(
        source.asked().len(),
        3,
        "everything is asked for: the connection itself keeps to the block"
    );
    assert_eq!(world.deps.store.unblock("memory").await.unwrap(), [block(&key)]);
    source.now_says(|s| vec![Says::Rows(vec![track(&id(s), "t1", 1)])]);
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 1, written 1, changed 1, commits 1, slices done 1");
    assert_eq!(source.asked(), ["artist=c"]);
}
