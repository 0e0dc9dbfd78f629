//! Optional assets: whoever reads them goes on without them.

use super::*;
use crate::plan;

const TOTALS: (&str, &str) = (
    "assets/music/totals.sql",
    "/* asset: music.totals */\nselect artist, plays from raw.tracks",
);

fn optional() -> (&'static str, String) {
    changed(TRACKS, "fresh: 1d", "fresh: 1d\noptional: true")
}

fn down(kind: Kind) -> Arc<MemSource> {
    MemSource::new(move |_| vec![Says::Breaks(kind)])
}

#[tokio::test]
async fn what_cannot_be_read_is_partial_and_an_empty_table_for_its_readers_until_it_is_there() {
    let (path, text) = optional();
    let source = down(Kind::Unavailable);
    let world = World::new(&[(path, &text), TOTALS], &source).await;
    // Before anything ran, too.
    assert_eq!(world.run("music.totals").await, "done, commits 1");
    assert_eq!(world.table("music.totals").await, "");
    let told = world.run("raw.tracks").await;
    assert!(told.starts_with("partial\n  not read now, and optional: "), "{told}");
    assert_eq!(world.run("music.totals").await, "done", "nothing is new");

    source.now_says(|s| vec![Says::Rows(vec![track(&id(s), "t1", 1)])]);
    let told = world.run("raw.tracks").await;
    assert!(told.starts_with("done, in 3, written 3"), "{told}");
    let told = world.run("music.totals").await;
    assert!(told.starts_with("done, in 3, written 3"), "{told}");
    assert_eq!(world.table("music.totals").await, "a 1\nb 1\nc 1");

    // What was read stays when the source is gone again, and its readers have nothing to do.
    source.now_says(|_| vec![Says::Breaks(Kind::TimedOut)]);
    world.pass(25 * HOUR);
    let told = world.run("raw.tracks").await;
    assert!(told.starts_with("partial"), "{told}");
    assert_eq!(world.table("raw.tracks").await, "a t1 1\nb t1 1\nc t1 1");
    assert_eq!(world.run("music.totals").await, "done");
}

#[tokio::test]
async fn more_slices_put_off_than_others_may_have_is_partial_too_and_what_came_is_there() {
    let (path, text) = optional();
    let source = MemSource::new(|s| match id(s).as_str() {
        "a" => vec![Says::Rows(vec![track("a", "t1", 1)])],
        "b" => vec![Says::Failed(Kind::NotFound)],
        _ => vec![Says::Parked(None)],
    });
    let world = World::new(&[(path, &text)], &source).await;
    let told = world.run("raw.tracks").await;
    assert!(told.starts_with("partial"), "{told}");
    assert!(told.contains("[SG0521] 2 of the 3 slices"), "{told}");
    assert_eq!(world.table("raw.tracks").await, "a t1 1");
    source.now_says(|_| vec![Says::Failed(Kind::Denied)]);
    let again = Wanted {
        again: true,
        ..Wanted::default()
    };
    // The slice that was done before counts.
    let told = world.run_as("raw.tracks", again).await;
    assert!(told.starts_with("partial"), "{told}");
    assert_eq!(world.table("raw.tracks").await, "a t1 1");
}

#[tokio::test]
async fn a_failure_that_is_not_the_sources_is_one_as_ever() {
    let (path, text) = optional();
    for kind in [Kind::Invalid, Kind::BadData, Kind::Conflict, Kind::Bug] {
        let source = down(kind);
        let world = World::new(&[(path, &text)], &source).await;
        let told = world.run("raw.tracks").await;
        assert!(told.starts_with("failed"), "{kind}: {told}");
    }
    let source = down(Kind::Cancelled);
    let world = World::new(&[(path, &text)], &source).await;
    assert!(world.run("raw.tracks").await.starts_with("cancelled"));
}

#[tokio::test]
async fn a_table_is_not_made_up_where_nobody_knows_its_columns() {
    let (path, text) = optional();
    let untyped = text.replace("plays: { type: int64 }", "plays: {}");
    assert_ne!(untyped, text);
    let source = down(Kind::Unavailable);
    let world = World::new(&[(path, &untyped), TOTALS], &source).await;
    let told = world.run("music.totals").await;
    assert!(
        told.starts_with("failed[SG0518]: raw.tracks has no table yet"),
        "{told}"
    );
    let report = world.step("music.totals", crate::step::How::default()).await;
    match report.ended {
        crate::report::Ended::Failed(error) => {
            assert!(
                error
                    .hint_text()
                    .is_some_and(|hint| hint.contains("declare its `columns`"))
            );
        }
        other => panic!("it ended {}", other.word()),
    }
}

#[tokio::test]
async fn a_list_of_slices_may_come_from_it() {
    let (path, text) = optional();
    const LISTED: (&str, &str) = (
        "assets/raw/plays.yaml",
        "asset: raw.plays
copy:
  from: api
  for_each: { sql: \"select distinct artist as id from raw.tracks\" }
  slice: [artist]
  columns: { artist: { value: \"{{ each.id }}\", type: string }, track: { type: string }, plays: { type: int64 } }
write: { mode: replace, key: [artist, track], allow_empty: true }
",
    );
    let source = down(Kind::Unavailable);
    let world = World::new(&[(path, &text), LISTED], &source).await;
    assert_eq!(world.run("raw.plays").await, "done");
}

#[tokio::test]
async fn a_plan_knows_what_is_optional() {
    let (path, text) = optional();
    let source = one_each();
    let world = World::new(&[(path, &text), TOTALS], &source).await;
    let totals = world.deps.asset(&"music.totals".parse().unwrap()).unwrap();
    let plan = plan::make(&world.deps, &[totals], &Wanted::default(), &world.ctx())
        .await
        .unwrap();
    let one = &plan.assets[0];
    assert!(one.refused.is_none(), "{:?}", one.refused);
    assert_eq!(one.parts, 1);
}
