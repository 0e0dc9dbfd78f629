//! A first read that is cut off: what counts stays, with how far it is; the next one goes on from there.

use super::*;
use crate::ledger::State;
use crate::plan::meet;
use crate::step::{How, known};

fn tracks(write: &str, more: &str) -> (&'static str, String) {
    (
        "assets/raw/tracks.yaml",
        format!(
            "asset: raw.tracks
copy:
  from: api
  position: {{ column: plays, resume: key }}
  columns: {{ id: {{ type: int64, required: true }}, plays: {{ type: int64 }} }}
write: {{ {write} }}
{more}"
        ),
    )
}

fn some(ids: std::ops::Range<i64>) -> Says {
    Says::Rows(ids.map(|id| json!({ "id": id, "plays": id })).collect())
}

fn mark(after: &str) -> Value {
    let unfinished = json!({ "key": ["id"], "types": ["bigint"], "after": [after], "parts_read": 1, "parts": 3 });
    json!({ "at": after, "unfinished": unfinished })
}

/// It is cut off behind the first of three parts.
fn cut() -> Arc<MemSource> {
    MemSource::new(|_| {
        vec![
            some(0..2),
            Says::Position(mark("1")),
            Says::Reached,
            some(2..4),
            // Of rows that do not count, nor does this.
            Says::Position(mark("3")),
            Says::Breaks(Kind::Unavailable),
        ]
    })
}

async fn states(world: &World) -> Vec<State> {
    let asset = world.deps.asset(&"raw.tracks".parse().unwrap()).unwrap();
    let row = known::row(&world.deps, asset).await.unwrap();
    let met = meet(&world.deps, asset, row.as_ref(), &Wanted::default(), &world.ctx()).await;
    met.unwrap().seen.unwrap().states
}

async fn position(world: &World) -> Option<Value> {
    let row = world.row("raw.tracks").await;
    world.deps.store.position(row.id).await.unwrap()
}

#[tokio::test]
async fn what_was_read_stays_and_the_next_read_goes_on_behind_it() {
    let source = cut();
    let (path, text) = tracks("mode: merge, key: [id]", "");
    let world = World::new(&[(path, &text)], &source).await;
    insta::assert_snapshot!(world.run("raw.tracks").await, @"failed: the connection broke, in 4, written 2, changed 2, commits 1");
    assert_eq!(source.merged_by(), ["id"]);
    assert_eq!(position(&world).await, Some(mark("1")));
    insta::assert_snapshot!(world.table("raw.tracks").await, @r"
    0 0
    1 1
    ");
    // It is not done, and says how far it is.
    assert_eq!(world.ledger("raw.tracks").await, "");
    let told: Vec<String> = states(&world).await.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"), @"stale: its first read was cut off: 1 of 3 parts are there, up to id = 1");
    // Cut off once more, with nothing new: the same.
    source.now_says(|_| vec![some(2..4), Says::Breaks(Kind::Unavailable)]);
    world.run("raw.tracks").await;
    assert_eq!(source.from(), Some(mark("1")));
    assert_eq!(position(&world).await, Some(mark("1")));
    source.now_says(|_| {
        vec![
            some(2..4),
            Says::Position(mark("3")),
            Says::Reached,
            some(4..6),
            Says::Rows(vec![json!({ "id": 1, "plays": 100 })]),
            Says::Position(json!({ "at": "end" })),
        ]
    });
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 5, written 5, changed 5, commits 1, slices done 1");
    assert_eq!(position(&world).await, Some(json!({ "at": "end" })));
    insta::assert_snapshot!(world.table("raw.tracks").await, @r"
    0 0
    1 100
    2 2
    3 3
    4 4
    5 5
    ");
    let told: Vec<String> = states(&world).await.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"), @"stale: read at every run (no `fresh:`)");
}

/// A large read commits on its way, so that a kill costs no more than what came since.
#[tokio::test]
async fn a_long_read_commits_on_its_way() {
    let source = MemSource::new(|_| {
        let part = |n: i64| {
            [
                some(n * 1000..(n + 1) * 1000),
                Says::Position(mark(&n.to_string())),
                Says::Reached,
            ]
        };
        (0..4).flat_map(part).chain([Says::Breaks(Kind::Unavailable)]).collect()
    });
    let (path, text) = tracks("mode: merge, key: [id]", "");
    let world = World::new(&[(path, &text)], &source).await;
    let how = How {
        attempt: 1,
        batching: crate::step::Batching {
            bytes: 1,
            ..Default::default()
        },
        ..How::default()
    };
    let report = world.step("raw.tracks", how).await;
    assert_eq!((report.figures.commits, report.figures.rows_written), (4, 4000));
    assert_eq!(position(&world).await, Some(mark("3")));
}

/// What is swapped in, or judged as a whole, is one commit: nothing of it counts before its end.
#[tokio::test]
async fn what_is_one_commit_begins_again() {
    let source = cut();
    let (path, text) = tracks("mode: merge, key: [id]", "");
    let world = World::new(&[(path, &text)], &source).await;
    world.run("raw.tracks").await;
    source.now_says(|_| vec![some(0..6), Says::Position(json!({ "at": "end" }))]);
    let rebuild = Wanted {
        rebuild: true,
        ..Wanted::default()
    };
    insta::assert_snapshot!(world.run_as("raw.tracks", rebuild).await, @"done, in 6, written 6, changed 4, commits 1, slices done 1");
    assert_eq!((source.from(), source.merged_by()), (None, Vec::new()));
    assert_eq!(position(&world).await, Some(json!({ "at": "end" })));

    let (path, text) = tracks("mode: merge, key: [id]", "checks: [ { row_count: { min: 1 } } ]\n");
    let world = World::new(&[(path, &text)], &source).await;
    insta::assert_snapshot!(world.run("raw.tracks").await, @r"
    done, in 6, written 6, changed 6, commits 1, slices done 1
      cut off, this read begins again: a check of the whole table makes it one commit
    ");
    assert_eq!(source.merged_by(), [""; 0]);
}
