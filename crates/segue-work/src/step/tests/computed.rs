//! What is computed from the lake: pinned inputs, footprints, ranges.

use super::*;
use crate::step::stretch;

const TOTALS: (&str, &str) = (
    "assets/music/totals.sql",
    "/* asset: music.totals */\nselect artist, sum(plays) as total from raw.tracks group by artist",
);

#[tokio::test]
async fn sql_runs_when_its_input_changed_and_only_then() {
    let source = one_each();
    let world = World::new(&[TRACKS, TOTALS], &source).await;
    insta::assert_snapshot!(world.run("music.totals").await, @"failed[SG0518]: raw.tracks has no table yet");
    world.run("raw.tracks").await;
    insta::assert_snapshot!(world.run("music.totals").await, @"done, in 3, written 3, changed 3, commits 1");
    insta::assert_snapshot!(world.run("music.totals").await, @"done");
    source.now_says(|s| vec![Says::Rows(vec![track(&id(s), "t1", 2)])]);
    world
        .run_as(
            "raw.tracks",
            Wanted {
                again: true,
                ..Wanted::default()
            },
        )
        .await;
    insta::assert_snapshot!(world.run("music.totals").await, @"done, in 3, written 3, changed 3, commits 1");
    insta::assert_snapshot!(world.table("music.totals").await, @r"
    a 2
    b 2
    c 2
    ");
}

#[tokio::test]
async fn a_result_that_is_the_same_commits_nothing_and_is_not_computed_again() {
    let source = one_each();
    let world = World::new(&[TRACKS, TOTALS], &source).await;
    world.run("raw.tracks").await;
    world.run("music.totals").await;
    // The same total in two tracks.
    source.now_says(|s| vec![Says::Rows(vec![track(&id(s), "t1", 0), track(&id(s), "t2", 1)])]);
    world
        .run_as(
            "raw.tracks",
            Wanted {
                again: true,
                ..Wanted::default()
            },
        )
        .await;
    insta::assert_snapshot!(world.run("music.totals").await, @"done, in 3");
    assert_eq!(world.commits("music.totals").await, 1);
    insta::assert_snapshot!(world.run("music.totals").await, @"done");
}

#[tokio::test]
async fn another_programs_change_is_everything_and_a_compaction_nothing() {
    let source = one_each();
    let world = World::new(&[TRACKS, TOTALS], &source).await;
    world.run("raw.tracks").await;
    world.run("music.totals").await;
    world.lake.foreign("raw/tracks", false);
    insta::assert_snapshot!(world.run("music.totals").await, @"done");
    world.lake.foreign("raw/tracks", true);
    insta::assert_snapshot!(world.run("music.totals").await, @"done, in 3");
}

#[tokio::test]
async fn comments_and_space_change_nothing_and_other_words_compute_it_again() {
    let source = one_each();
    let mut world = World::new(&[TRACKS, TOTALS], &source).await;
    world.run("raw.tracks").await;
    world.run("music.totals").await;
    let same = TOTALS.1.replace("select artist", "-- who\nSELECT  artist");
    world.change(&[TRACKS, (TOTALS.0, &same)]);
    insta::assert_snapshot!(world.run("music.totals").await, @"done");
    let other = TOTALS.1.replace("sum(plays)", "sum(plays) + 1");
    world.change(&[TRACKS, (TOTALS.0, &other)]);
    insta::assert_snapshot!(world.run("music.totals").await, @"done, in 3, written 3, changed 3, commits 1");
}

const ORDERS: (&str, &str) = (
    "assets/raw/orders.yaml",
    "asset: raw.orders
copy:
  from: api
  columns: { id: { type: string, required: true }, at: { type: timestamp }, amount: { type: int64 } }
write: { mode: merge, key: [id] }
",
);

const DAILY: (&str, &str) = (
    "assets/sales/daily.sql",
    "/* asset: sales.daily
   range: { by: day, input: raw.orders.at, output: at, start: 2024-01-07 } */
select at, sum(amount) as total from raw.orders where at >= $from and at < $to group by at",
);

fn order(id: &str, day: u32, amount: i64) -> Value {
    let at: jiff::Timestamp = format!("2024-01-{day:02}T12:00:00Z").parse().unwrap();
    json!({ "id": id, "at": at.as_microsecond(), "amount": amount })
}

fn orders(rows: Vec<Value>) -> impl Fn(&Slice) -> Vec<Says> + Send + Sync + 'static {
    move |_| vec![Says::Rows(rows.clone())]
}

#[tokio::test]
async fn ranges_are_computed_one_by_one_and_a_late_row_reopens_its_own_day() {
    let source = MemSource::new(orders(vec![order("1", 7, 1), order("2", 8, 2), order("3", 9, 3)]));
    let world = World::new(&[ORDERS, DAILY], &source).await;
    world.run("raw.orders").await;
    insta::assert_snapshot!(world.run("sales.daily").await, @"done, in 3, written 3, changed 3, commits 1");
    insta::assert_snapshot!(world.ledger("sales.daily").await, @"01-07 to 01-10  Done n=1");
    insta::assert_snapshot!(world.run("sales.daily").await, @"done");
    source.now_says(orders(vec![order("4", 8, 40)]));
    world.run("raw.orders").await;
    insta::assert_snapshot!(world.run("sales.daily").await, @"done, in 1, written 1, changed 1, commits 1");
    insta::assert_snapshot!(world.ledger("sales.daily").await, @r"
    01-07 to 01-08  Done n=1
    01-08 to 01-09  Done n=2
    01-09 to 01-10  Done n=1
    ");
    // A row beyond the last range reopens none; a day later its own is due.
    source.now_says(orders(vec![order("5", 10, 5)]));
    world.run("raw.orders").await;
    insta::assert_snapshot!(world.run("sales.daily").await, @"done");
    world.pass(25 * HOUR);
    insta::assert_snapshot!(world.run("sales.daily").await, @"done, in 1, written 1, changed 1, commits 1");
}

#[tokio::test]
async fn a_stretch_is_computed_also_before_the_start_and_an_open_range_is_never_done() {
    let source = MemSource::new(orders(vec![order("1", 5, 1), order("2", 8, 2), order("3", 10, 3)]));
    let world = World::new(&[ORDERS, DAILY], &source).await;
    world.run("raw.orders").await;
    let wanted = |from, to| Wanted {
        stretch: stretch(Some(from), Some(to), "UTC", world.ctx().clock.now()).unwrap(),
        ..Wanted::default()
    };
    insta::assert_snapshot!(world.run_as("sales.daily", wanted("2024-01-05", "2024-01-06")).await, @"done, in 1, written 1, changed 1, commits 1");
    insta::assert_snapshot!(world.run_as("sales.daily", wanted("2024-01-10", "2024-01-11")).await, @"done, in 1, written 1, changed 1, commits 1");
    insta::assert_snapshot!(world.ledger("sales.daily").await, @"01-05 to 01-06  Done n=1");
}

#[tokio::test]
async fn a_row_outside_its_range_fails_the_step() {
    let source = MemSource::new(orders(vec![order("1", 8, 1)]));
    let outside = DAILY
        .1
        .replace("select at,", "select at + 86400000000 as at,")
        .replace("group by at", "group by raw.orders.at");
    let world = World::new(&[ORDERS, (DAILY.0, &outside)], &source).await;
    world.run("raw.orders").await;
    insta::assert_snapshot!(world.run("sales.daily").await, @"failed[SG0527]: a row of sales.daily lies outside the range that it was computed for (column: at, row: {\"at\":\"2024-01-09T12:00:00Z\",\"total\":1}, range: 2024-01-08T00:00:00Z to 2024-01-09T00:00:00Z), commits 1");
}

#[tokio::test]
async fn a_copy_from_the_lake_follows_its_input() {
    let copy = (
        "assets/serving/tracks.yaml",
        "asset: serving.tracks\ncopy: { from: lake, table: raw.tracks }\n",
    );
    let source = one_each();
    let world = World::new(&[TRACKS, copy], &source).await;
    world.run("raw.tracks").await;
    insta::assert_snapshot!(world.run("serving.tracks").await, @"done, in 3, written 3, changed 3, commits 1");
    insta::assert_snapshot!(world.run("serving.tracks").await, @"done");
}

#[tokio::test]
async fn a_rebuild_is_of_the_whole_and_keeps_what_was_filled_in_before_the_start() {
    let source = MemSource::new(orders(vec![order("1", 5, 1), order("2", 8, 2), order("3", 9, 3)]));
    let world = World::new(&[ORDERS, DAILY], &source).await;
    world.run("raw.orders").await;
    world.run("sales.daily").await;
    let wanted = |rebuild| Wanted {
        rebuild,
        stretch: stretch(Some("2024-01-05"), Some("2024-01-06"), "UTC", world.ctx().clock.now()).unwrap(),
        ..Wanted::default()
    };
    world.run_as("sales.daily", wanted(false)).await;
    let before = world.table("sales.daily").await;
    assert_eq!(before.lines().count(), 3, "{before}");
    // One stretch of it would take the place of all of it.
    insta::assert_snapshot!(world.run_as("sales.daily", wanted(true)).await, @"failed[SG0530]: sales.daily has to be built anew as a whole: a part of it would replace all of it");
    assert_eq!(world.table("sales.daily").await, before);
    let rebuild = Wanted {
        rebuild: true,
        ..Wanted::default()
    };
    world.run_as("sales.daily", rebuild).await;
    assert_eq!(world.table("sales.daily").await, before);
    insta::assert_snapshot!(world.ledger("sales.daily").await, @r"
    01-05 to 01-06  Done n=2
    01-07 to 01-10  Done n=2
    ");
}

#[tokio::test]
async fn what_was_computed_in_a_run_is_computed_again_when_its_input_changed_after_it() {
    let source = one_each();
    let world = World::new(&[TRACKS, TOTALS], &source).await;
    let began = world.ctx().clock.now();
    let resumed = || Wanted {
        since: Some(began),
        ..Wanted::default()
    };
    world.run_as("raw.tracks", resumed()).await;
    world.run_as("music.totals", resumed()).await;
    insta::assert_snapshot!(world.run_as("music.totals", resumed()).await, @"done");
    // What was parked is read when the run is resumed.
    source.now_says(|s| vec![Says::Rows(vec![track(&id(s), "t1", 7)])]);
    world
        .run_as(
            "raw.tracks",
            Wanted {
                again: true,
                ..Wanted::default()
            },
        )
        .await;
    insta::assert_snapshot!(world.run_as("music.totals", resumed()).await, @"done, in 3, written 3, changed 3, commits 1");
}

#[tokio::test]
async fn a_table_whose_checks_have_always_failed_is_no_input() {
    let failing = format!("{}checks: [ {{ row_count: {{ min: 100 }} }} ]\n", TRACKS.1);
    let source = one_each();
    let mut world = World::new(&[(TRACKS.0, &failing), TOTALS], &source).await;
    let failed = world.run("raw.tracks").await;
    assert!(failed.starts_with("failed[SG0511]"), "{failed}");
    // There is a table, for the commit of the evidence; there is no answer in it.
    insta::assert_snapshot!(world.run("music.totals").await, @"failed[SG0518]: raw.tracks has no table yet");
    world.change(&[TRACKS, TOTALS]);
    world.run("raw.tracks").await;
    insta::assert_snapshot!(world.run("music.totals").await, @"done, in 3, written 3, changed 3, commits 1");
}

#[tokio::test]
async fn sql_that_loses_a_column_is_a_breaking_change() {
    let source = one_each();
    let mut world = World::new(&[TRACKS, TOTALS], &source).await;
    world.run("raw.tracks").await;
    world.run("music.totals").await;
    let told = async |world: &World, sql: &str| {
        let mut world_of = world.deps.clone();
        world_of.project = std::sync::Arc::new(crate::testing::project(&[TRACKS, (TOTALS.0, sql)]));
        let asset = world_of.asset(&"music.totals".parse().unwrap()).unwrap();
        let row = world.row("music.totals").await;
        let seen = crate::step::survey(&world_of, asset, Some(&row), &Wanted::default(), &world.ctx())
            .await
            .unwrap();
        let what: Vec<&str> = seen.change.differences.iter().map(|d| d.what.as_str()).collect();
        format!(
            "{}: {}; lost {:?}",
            seen.change.class.unwrap(),
            what.join(", "),
            seen.change.lost_columns
        )
    };
    let sql = TOTALS.1;
    insta::assert_snapshot!(told(&world, &sql.replace("sum(plays)", "max(plays)")).await, @"recompute: the SQL; lost []");
    insta::assert_snapshot!(told(&world, &sql.replace("select artist, ", "select ")).await, @r#"breaking: the SQL, column artist is no longer there; lost ["artist"]"#);
    insta::assert_snapshot!(told(&world, &sql.replace("as total", "as sum")).await, @r#"breaking: the SQL, column total is no longer there, column sum is new; lost ["total"]"#);
    insta::assert_snapshot!(told(&world, &sql.replace("as total", "as total, 1 as one")).await, @"recompute: the SQL, column one is new; lost []");
    // It is computed all the same where nobody has to agree.
    world.change(&[TRACKS, (TOTALS.0, &sql.replace("select artist, ", "select "))]);
    insta::assert_snapshot!(world.run("music.totals").await, @"done, in 3, written 3, changed 3, commits 1");
}

#[tokio::test]
async fn an_asset_whose_into_was_changed_is_refused() {
    let source = one_each();
    let world = world(TRACKS, &source).await;
    world.run("raw.tracks").await;
    let asset = world.deps.asset(&"raw.tracks".parse().unwrap()).unwrap();
    let mut row = world.row("raw.tracks").await;
    assert!(crate::step::known::refuse_moved(asset, &row).is_ok());
    (row.connection, row.place) = (Some("results".into()), "tracks".into());
    let error = crate::step::known::refuse_moved(asset, &row).unwrap_err();
    insta::assert_snapshot!(error, @"the table of raw.tracks is `tracks` of results, and `into:` names the lake now");
}
