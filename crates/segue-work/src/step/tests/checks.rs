//! What does not hold: nothing commits, or it is set aside, or it is said.

use super::*;
use crate::step::{Batching, How, step};
use segue_core::Ctx;
use segue_core::commit::CommitRecord;
use segue_core::sink::Sink;
use segue_testkit::sink::{MemSink, Pause, Promises};

fn with_checks(checks: &str) -> (&'static str, String) {
    (TRACKS.0, format!("{}checks: [ {checks} ]\n", TRACKS.1))
}

fn plays(n: i64) -> impl Fn(&Slice) -> Vec<Says> + Send + Sync + 'static {
    move |s| vec![Says::Rows(vec![track(&id(s), "t1", if id(s) == "b" { n } else { 1 })])]
}

#[tokio::test]
async fn a_failed_check_commits_nothing_and_keeps_the_offenders() {
    let (path, text) = with_checks("{ between: { column: plays, min: 0, max: 100 } }");
    let source = one_each();
    let world = world((path, &text), &source).await;
    world.run("raw.tracks").await;
    source.now_says(plays(500));
    let again = || Wanted {
        again: true,
        ..Wanted::default()
    };
    insta::assert_snapshot!(world.run_as("raw.tracks", again()).await, @"failed[SG0511]: check `between plays` of raw.tracks does not hold: 1 rows offend it (committed: nothing was committed), in 3, slices done 3");
    insta::assert_snapshot!(world.table("raw.tracks").await, @r"
    a t1 1
    b t1 1
    c t1 1
    ");
    insta::assert_snapshot!(world.aside("raw.tracks").await, @r#"evidence | check `between plays` does not hold: 1 rows offend it | {"artist":"b","track":"t1","plays":500}"#);
    // The next try replaces the evidence; a good one leaves none.
    source.now_says(plays(2));
    insta::assert_snapshot!(world.run_as("raw.tracks", again()).await, @"done, in 3, written 3, changed 1, commits 1, slices done 3");
    insta::assert_snapshot!(world.aside("raw.tracks").await, @"");
}

/// Another attempt, which claims the next number of a table before anybody else does.
struct ClaimsFirst {
    lake: MemSink,
    ctx: Ctx,
}

#[async_trait::async_trait]
impl Pause for ClaimsFirst {
    async fn at(&self, what: &'static str) -> segue_core::Result<()> {
        if what == "claim" {
            let last = self.lake.landed("raw/tracks").last().unwrap().clone();
            let next = CommitRecord {
                n: last.n + 1,
                predecessor: last.n,
                id: segue_core::CommitId::random(),
                ..(*last).clone()
            };
            self.lake.claim(&next, &self.ctx).await?;
        }
        Ok(())
    }
}

/// What was judged is thrown away by then: there is nothing to work out again.
#[tokio::test]
async fn a_failed_check_is_told_though_its_evidence_does_not_land() {
    let (path, text) = with_checks("{ between: { column: plays, min: 0, max: 100 } }");
    let source = one_each();
    let mut world = world((path, &text), &source).await;
    world.run("raw.tracks").await;
    let first = ClaimsFirst {
        lake: world.lake.clone(),
        ctx: world.ctx(),
    };
    world.deps.places.lake = Arc::new(world.lake.with(Promises::KEPT, Arc::new(first)));
    source.now_says(plays(500));
    let again = Wanted {
        again: true,
        ..Wanted::default()
    };
    let told = world.run_as("raw.tracks", again).await;
    assert!(told.starts_with("failed[SG0511]"), "{told}");
    insta::assert_snapshot!(world.aside("raw.tracks").await, @"-");
}

#[tokio::test]
async fn a_row_check_can_set_its_offenders_aside() {
    let (path, text) = with_checks(
        "{ between: { column: plays, max: 100 }, on_failure: quarantine }, { not_null: plays, on_failure: quarantine }",
    );
    let source = MemSource::new(plays(500));
    let world = world((path, &text), &source).await;
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 3, written 2, changed 2, aside 1, commits 1, slices done 3");
    insta::assert_snapshot!(world.aside("raw.tracks").await, @r#"{"artist":"b"} | check `between plays` does not hold | {"artist":"b","track":"t1","plays":500}"#);
}

#[tokio::test]
async fn a_warning_is_said_and_the_rows_commit() {
    let (path, text) = with_checks("{ row: \"plays < 100\", on_failure: warn, name: few }");
    let source = MemSource::new(plays(500));
    let world = world((path, &text), &source).await;
    insta::assert_snapshot!(world.run("raw.tracks").await, @r"
    done, in 3, written 3, changed 3, commits 1, slices done 3
      check `few` does not hold: 1 rows offend it
    ");
}

#[tokio::test]
async fn a_check_of_the_whole_holds_the_commit_back_to_the_end_and_staged_slices_are_not_asked_again() {
    let (path, text) = with_checks("{ row_count: { min: 3 } }");
    let source = MemSource::new(|s| match id(s).as_str() {
        "c" => vec![Says::Breaks(Kind::Unavailable)],
        other => vec![Says::Rows(vec![track(other, "t1", 1)])],
    });
    let world = world((path, &text), &source).await;
    insta::assert_snapshot!(world.run("raw.tracks").await, @"failed: the connection broke, in 2, slices done 2");
    insta::assert_snapshot!(world.table("raw.tracks").await, @"-");
    source.asked();
    source.now_says(|s| vec![Says::Rows(vec![track(&id(s), "t1", 1)])]);
    insta::assert_snapshot!(world.run("raw.tracks").await, @r"
    done, in 1, written 3, changed 3, commits 1, slices done 1
      2 parts lay staged from an earlier try
    ");
    assert_eq!(source.asked(), ["artist=c"]);
}

#[tokio::test]
async fn unique_is_judged_on_the_table_as_it_would_be() {
    let (path, text) = with_checks("{ unique: [plays] }");
    let source = MemSource::new(|s| vec![Says::Rows(vec![track(&id(s), "t1", i64::from(id(s).as_bytes()[0]))])]);
    let world = world((path, &text), &source).await;
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 3, written 3, changed 3, commits 1, slices done 3");
    source.now_says(|s| vec![Says::Rows(vec![track(&id(s), "t1", 7)])]);
    let again = Wanted {
        again: true,
        ..Wanted::default()
    };
    insta::assert_snapshot!(world.run_as("raw.tracks", again).await, @"failed[SG0511]: check `unique plays` of raw.tracks does not hold: 1 values of plays occur more than once (committed: nothing was committed), in 3, slices done 3");
}

#[tokio::test]
async fn a_replace_of_which_every_row_was_set_aside_keeps_the_table_and_the_reasons() {
    let whole = "asset: raw.plain\ncopy: { from: api, columns: { artist: { type: string, required: true } } }\nwrite: { mode: replace }\n";
    let source = MemSource::new(|_| vec![Says::Rows(vec![json!({ "artist": "a" })])]);
    let world = world(("assets/raw/plain.yaml", whole), &source).await;
    world.run("raw.plain").await;
    source.now_says(|_| vec![Says::Rejected("the column `c` is new", "x,y")]);
    insta::assert_snapshot!(world.run("raw.plain").await, @"failed[SG0532]: every row that was read of raw.plain was set aside (first reason: the column `c` is new, rows: 1), in 1, slices done 1");
    insta::assert_snapshot!(world.table("raw.plain").await, @"a");
    insta::assert_snapshot!(world.aside("raw.plain").await, @"evidence | the column `c` is new | x,y");
    source.now_says(|_| vec![Says::Rows(vec![json!({ "artist": "b" })])]);
    world.run("raw.plain").await;
    insta::assert_snapshot!(world.table("raw.plain").await, @"b");
    insta::assert_snapshot!(world.aside("raw.plain").await, @"");
}

#[tokio::test]
async fn a_check_reads_the_tables_that_it_names_and_no_other() {
    // `raw` and `track` stand in the text, and `raw.track` has never had an answer.
    let other = (
        "assets/raw/track.yaml",
        "asset: raw.track\ncopy: { from: api, columns: { id: { type: string } } }\n",
    );
    let (path, text) = with_checks("{ sql: \"select * from raw.tracks where track is null\", name: named }");
    let source = one_each();
    let world = World::new(&[(path, &text), other], &source).await;
    source.now_says(|_| vec![Says::Breaks(Kind::Denied)]);
    world.run("raw.track").await;
    source.now_says(|s| vec![Says::Rows(vec![track(&id(s), "t1", 1)])]);
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 3, written 3, changed 3, commits 1, slices done 3");
    // One that it does read, and that has no table, is named.
    let (path, text) = with_checks("{ sql: \"select * from raw.track\", name: other }");
    let world = World::new(&[(path, &text), other], &source).await;
    insta::assert_snapshot!(world.run("raw.tracks").await, @"failed[SG0518]: raw.track has no table yet (check: other, file: assets/raw/tracks.yaml), in 3, slices done 3");
}

#[tokio::test]
async fn an_error_of_a_check_names_it_and_its_file() {
    let source = one_each();
    let (path, text) = with_checks("{ row: \"no_such(plays) > 0\", name: good, on_failure: warn }");
    let world = World::new(&[(path, &text)], &source).await;
    let ended = world.run("raw.tracks").await;
    assert!(ended.contains("check: good, file: assets/raw/tracks.yaml"), "{ended}");
    let (path, text) = with_checks(
        "{ not_null: plays, on_failure: quarantine }, { row: \"no_such(plays) > 0\", name: bad, on_failure: quarantine }",
    );
    let world = World::new(&[(path, &text)], &source).await;
    let ended = world.run("raw.tracks").await;
    assert!(ended.contains("check: bad, file: assets/raw/tracks.yaml"), "{ended}");
}

#[tokio::test]
async fn all_that_one_commit_sets_aside_has_one_room() {
    let (path, text) = with_checks("{ row_count: { min: 1 } }");
    let wide: &'static str = "x".repeat(40_000).leak();
    let source = MemSource::new(move |_| vec![Says::Rejected("no number", wide)]);
    let world = world((path, &text), &source).await;
    let mut ctx = world.ctx();
    // Room for two of the three, and each comes by itself.
    ctx.limits.memory = 4 * 100_000;
    let how = How {
        attempt: 1,
        batching: Batching {
            bytes: 0,
            ..Batching::default()
        },
        ..How::default()
    };
    let asset = world.deps.asset(&"raw.tracks".parse().unwrap()).unwrap();
    let ended = step(&world.deps, asset, &how, &ctx).await.ended;
    assert!(
        matches!(&ended, crate::report::Ended::Failed(e) if e.error_code() == Some(segue_diag::TOO_MUCH_ASIDE)),
        "{ended:?}"
    );
}
