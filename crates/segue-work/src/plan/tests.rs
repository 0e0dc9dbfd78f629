//! Plans of small projects, and that a plan says what a run then does.

use super::*;
use crate::testing::World;
use segue_core::{Kind, Slice};
use segue_testkit::source::{MemSource, Says};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const TRACKS: (&str, &str) = (
    "assets/raw/tracks.yaml",
    "asset: raw.tracks
fresh: 1d
copy:
  from: api
  for_each: { list: [ { id: a }, { id: b }, { id: c } ], batch: { size: 2, join: \",\" } }
  slice: [artist]
  columns:
    artist: { value: \"{{ each.id }}\", type: string, required: true }
    plays: { type: int64 }
write: { mode: replace, key: [artist] }
",
);

const EVENTS: (&str, &str) = (
    "assets/raw/events.yaml",
    "asset: raw.events
copy: { from: api, columns: { id: { type: string, required: true }, n: { type: int64 } } }
write: { mode: merge, key: [id] }
",
);

const TOTALS: (&str, &str) = (
    "assets/music/totals.sql",
    "/* asset: music.totals */\nselect artist, sum(plays) as total from raw.tracks group by artist",
);

fn each(s: &Slice) -> Vec<Says> {
    let id = s.values.get("id").and_then(Value::as_str).unwrap_or("x");
    vec![Says::Rows(vec![json!({ "artist": id, "id": id, "plays": 1, "n": 1 })])]
}

async fn made(world: &World, wanted: &Wanted) -> Plan {
    let project = world.deps.project.clone();
    let graph = segue_spec::Graph::of(&project);
    let order = graph.order();
    let assets: Vec<&Asset> = order.iter().map(|name| &project.assets[name]).collect();
    make(&world.deps, &assets, wanted, &world.ctx()).await.unwrap()
}

/// A plan as a person reads it.
fn told(plan: &Plan) -> String {
    let mut lines = Vec::new();
    for one in plan.assets.iter().filter(|a| a.has_work()) {
        let class = one.class.as_deref().unwrap_or("no change");
        lines.push(format!("{} [{class}]: {}", one.name, one.summary()));
        lines.extend(one.differences.iter().map(|d| format!("  {d}")));
        lines.extend(one.breaks.iter().map(|b| format!("  breaks {b}")));
        if !one.first.is_empty() {
            lines.push(format!("  {}", one.first.join(", ")));
        }
        lines.extend(one.estimate.requests.map(|n| format!("  requests {n}")));
        lines.extend(one.estimate.rows.map(|n| format!("  rows {n}")));
        lines.extend(one.columns.iter().map(|c| format!("  {c}")));
        if let Some(refused) = &one.refused {
            lines.push(format!(
                "  [{}] {}",
                refused.code.as_deref().unwrap_or("-"),
                refused.message
            ));
        }
    }
    lines.extend(plan.removed.iter().map(|name| format!("{name} removed")));
    lines.join("\n")
}

async fn plan(world: &World) -> String {
    told(&made(world, &Wanted::default()).await)
}

fn project(files: &[(&'static str, &str)], from: &str, to: &str) -> Vec<(&'static str, String)> {
    let changed: Vec<_> = files
        .iter()
        .map(|(path, text)| (*path, text.replace(from, to)))
        .collect();
    assert!(
        changed.iter().zip(files).any(|(new, old)| new.1 != old.1),
        "the test's project has no `{from}`"
    );
    changed
}

fn change(world: &mut World, files: &[(&'static str, String)]) {
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    world.change(&files);
}

#[tokio::test]
async fn a_plan_names_the_first_parts_and_what_they_will_probably_take() {
    let source = MemSource::new(each);
    let mut world = World::new(&[TRACKS, TOTALS], &source).await;
    insta::assert_snapshot!(plan(&world).await, @r"
    raw.tracks [additive]: 3 of 3 parts (3 missing)
      artist=a, artist=b, artist=c
      requests 2
    music.totals [additive]: after raw.tracks
    ");
    world.run("raw.tracks").await;
    world.run("music.totals").await;
    insta::assert_snapshot!(plan(&world).await, @"");
    change(
        &mut world,
        &project(&[TRACKS, TOTALS], "{ id: c }", "{ id: c }, { id: d }"),
    );
    insta::assert_snapshot!(plan(&world).await, @r"
    raw.tracks [metadata]: 1 of 4 parts (1 missing)
      the list of slices (metadata)
      artist=d
      requests 1
    music.totals [no change]: after raw.tracks
    ");
}

#[tokio::test]
async fn the_last_step_tells_what_the_next_one_will_take() {
    let source = MemSource::new(each);
    let mut world = World::new(&[TRACKS], &source).await;
    let request = crate::run::Request {
        assets: vec!["raw.tracks".parse().unwrap()],
        ..Default::default()
    };
    crate::run::run(&world.deps, &request, &world.ctx()).await.unwrap();
    change(
        &mut world,
        &project(&[TRACKS], "{ id: c }", "{ id: c }, { id: d }, { id: e }"),
    );
    let plan = made(&world, &Wanted::default()).await;
    let estimate = &plan.assets[0].estimate;
    assert_eq!(
        (plan.assets[0].parts, estimate.requests, estimate.rows),
        (2, Some(1), Some(2))
    );
}

#[tokio::test]
async fn a_removed_asset_is_told_and_is_a_change() {
    let source = MemSource::new(each);
    let mut world = World::new(&[TRACKS, EVENTS], &source).await;
    world.run("raw.tracks").await;
    world.run("raw.events").await;
    world.change(&[TRACKS]);
    let plan = made(&world, &Wanted::default()).await;
    insta::assert_snapshot!(told(&plan), @"raw.events removed");
    assert!(plan.has_changes(), "its readers break");
    // No run touches its table: there is nothing to agree to.
    assert!(!plan.has_work() && plan.needs_agreement(Apply::All).is_empty());
}

#[tokio::test]
async fn a_plan_tells_what_the_step_refuses() {
    let source = MemSource::new(each);
    let mut world = World::new(&[TRACKS, EVENTS], &source).await;
    // Each is what the step then says.
    let both = async |world: &World, name: &str| {
        let plan = made(world, &Wanted::default()).await;
        let one = plan.assets.iter().find(|a| a.name.to_string() == name).unwrap();
        let refused = one.refused.clone().map_or("-".into(), |r| r.code.unwrap_or_default());
        let ended = world.run(name).await;
        assert!(ended.starts_with(&format!("failed[{refused}]")), "{refused}: {ended}");
        refused
    };
    world.run("raw.tracks").await;
    world.run("raw.events").await;
    // Another server.
    source.now_is("elsewhere");
    assert_eq!(both(&world, "raw.tracks").await, "SG0523");
    source.now_is("memory");
    // What has to be read anew from the beginning.
    change(
        &mut world,
        &project(
            &[TRACKS, EVENTS],
            "columns: { id",
            "request: { get: /other }, columns: { id",
        ),
    );
    assert_eq!(both(&world, "raw.events").await, "SG0522");
    // A table that is gone.
    world.lake.lose("raw/tracks");
    assert_eq!(both(&world, "raw.tracks").await, "SG0501");
    let rebuild = Wanted {
        rebuild: true,
        ..Wanted::default()
    };
    assert_eq!(
        made(&world, &rebuild)
            .await
            .assets
            .iter()
            .filter(|a| a.refused.is_some())
            .count(),
        0
    );
    // A state that knows nothing of the tables that are there.
    world.forget().await;
    assert_eq!(both(&world, "raw.events").await, "SG0516");
}

#[tokio::test]
async fn rows_that_a_run_deletes_are_work() {
    let source = MemSource::new(each);
    let deletes = TRACKS.1.replace("key: [artist]", "key: [artist], on_gone: delete");
    let mut world = World::new(&[(TRACKS.0, &deletes)], &source).await;
    world.run("raw.tracks").await;
    let fewer = deletes.replace(", { id: c }", "");
    world.change(&[(TRACKS.0, &fewer)]);
    insta::assert_snapshot!(plan(&world).await, @r"
    raw.tracks [metadata]: the rows of a slice that is no longer listed are deleted
      the list of slices (metadata)
    ");
    world.run("raw.tracks").await;
    insta::assert_snapshot!(plan(&world).await, @"");
}

#[tokio::test]
async fn one_assets_error_is_a_part_of_its_plan() {
    let source = MemSource::new(each);
    let doubled = TRACKS
        .1
        .replace("raw.tracks", "raw.twice")
        .replace("{ id: c }", "{ id: c, v: 1 }, { id: c, v: 2 }");
    let asks = "/* asset: music.some\n   params: { least: { type: int64 } } */\nselect artist from raw.tracks where plays >= $least";
    let files = [
        TRACKS,
        ("assets/raw/twice.yaml", &doubled),
        ("assets/music/some.sql", asks),
    ];
    let world = World::new(&files, &source).await;
    world.run("raw.tracks").await;
    insta::assert_snapshot!(plan(&world).await, @r"
    music.some [additive]: cannot run
      [-] music.some needs the parameter `least`
    raw.twice [additive]: cannot run
      [SG0513] the `for_each` of raw.twice lists artist=c twice, with different values
    ");
}

#[tokio::test]
async fn a_plan_no_longer_holds_when_anything_moved_that_it_was_made_of() {
    let daily = "/* asset: music.daily
   range: { by: day, input: raw.plays.at, output: day, start: 2024-01-08 } */
select at as day, n from raw.plays where at >= $from and at < $to";
    let plays =
        "asset: raw.plays\nfresh: 1d\ncopy: { from: api, columns: { at: { type: timestamp }, n: { type: int64 } } }\n";
    let files = [("assets/raw/plays.yaml", plays), ("assets/music/daily.sql", daily)];
    let source = MemSource::new(|_| vec![Says::Rows(vec![json!({ "at": "2024-01-08T01:00:00Z", "n": 1 })])]);
    let mut world = World::new(&files, &source).await;
    world.run("raw.plays").await;
    world.run("music.daily").await;
    let before = made(&world, &Wanted::default()).await;
    assert_eq!(before.moved_since(&made(&world, &Wanted::default()).await), None);
    for (file, from, to, why) in [
        (1, "fresh", "fresh", None),
        (
            1,
            "start:",
            "lag: 1h, start:",
            Some("the definition of music.daily is another now"),
        ),
        (
            1,
            " */",
            "\n   on_change: forward_only */",
            Some("the definition of music.daily is another now"),
        ),
        (
            0,
            "fresh: 1d",
            "fresh: 2d",
            Some("the definition of raw.plays is another now"),
        ),
    ] {
        let mut other = files;
        let text = files[file].1.replacen(from, to, 1);
        other[file].1 = &text;
        world.change(&other);
        let now = made(&world, &Wanted::default()).await;
        assert_eq!(before.moved_since(&now).as_deref(), why, "{to}");
    }
    world.change(&files);
    let mut project = (*world.deps.project).clone();
    project.timezone = "Asia/Seoul".into();
    world.deps.project = Arc::new(project);
    let now = made(&world, &Wanted::default()).await;
    assert_eq!(
        before.moved_since(&now).as_deref(),
        Some("the zone of music.daily is another now")
    );
    world.change(&files);
    world.pass(Duration::from_secs(2 * 86_400));
    world.run("raw.plays").await;
    let now = made(&world, &Wanted::default()).await;
    assert_eq!(
        before.moved_since(&now),
        None,
        "what was read again and is the same moved nothing"
    );
}

#[tokio::test]
async fn only_who_reads_a_lost_column_breaks_and_who_is_made_from_it() {
    let source = MemSource::new(each);
    let files = [
        TRACKS,
        (
            "assets/music/a.sql",
            "/* asset: music.a */\nselect artist, plays from raw.tracks",
        ),
        ("assets/music/b.sql", "/* asset: music.b */\nselect * from music.a"),
        (
            "assets/music/c.sql",
            "/* asset: music.c */\nselect artist, count(*) as n from raw.tracks group by artist",
        ),
    ];
    let mut world = World::new(&files, &source).await;
    for name in ["raw.tracks", "music.a", "music.b", "music.c"] {
        world.run(name).await;
    }
    change(
        &mut world,
        &project(&files, "plays: { type: int64 }", "plays: { type: string }"),
    );
    insta::assert_snapshot!(plan(&world).await, @r"
    raw.tracks [breaking]: built anew and swapped in, 3 of 3 parts (3 the definition changed)
      column plays: int64 becomes string (breaking)
      breaks music.a (reads plays)
      breaks music.b (through music.a)
      artist=a, artist=b, artist=c
      requests 2
    music.a [no change]: after raw.tracks
    music.b [no change]: after music.a
    music.c [no change]: after raw.tracks
    ");
}

#[tokio::test]
async fn where_columns_come_from_is_said() {
    let source = MemSource::new(each);
    let open = (
        "assets/raw/open.yaml",
        "asset: raw.open\ncopy: { from: api, on_new_column: quarantine }\n",
    );
    let world = World::new(&[open], &source).await;
    insta::assert_snapshot!(plan(&world).await, @r"
    raw.open [additive]: missing
      requests 1
      its columns are found out from the first answers, and frozen
    ");
    world.run("raw.open").await;
    insta::assert_snapshot!(plan(&world).await, @r"
    raw.open [no change]: read at every run (no `fresh:`)
      requests 1
      4 columns, frozen; a new one sends its rows to quarantine, a value of another type sends its row to quarantine
    ");
}

#[tokio::test]
async fn what_never_had_rows_is_not_built_anew() {
    let source = MemSource::new(|_| vec![Says::Breaks(Kind::Denied)]);
    let world = World::new(&[EVENTS], &source).await;
    world.run("raw.events").await;
    let rebuild = Wanted {
        rebuild: true,
        ..Wanted::default()
    };
    let plan = made(&world, &rebuild).await;
    assert!(!plan.assets[0].rebuild, "there is nothing to swap");
}
