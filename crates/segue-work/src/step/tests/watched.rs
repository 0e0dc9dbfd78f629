//! Checks of rows one by one are answered as the rows come, where that says all there is to say.

use super::*;
use async_trait::async_trait;
use parking_lot::Mutex;
use segue_core::engine::{Answer, Described, Engine, Query};
use segue_core::{Ctx, Result};

/// Remembers what it was asked.
struct Asked {
    engine: Arc<dyn Engine>,
    asked: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Engine for Asked {
    async fn run(&self, query: &Query, ctx: &Ctx) -> Result<Answer> {
        self.asked.lock().push(query.sql.clone());
        self.engine.run(query, ctx).await
    }

    async fn describe(&self, query: &Query, ctx: &Ctx) -> Result<Described> {
        self.engine.describe(query, ctx).await
    }
}

/// A world whose asset has these checks and this write mode, and what its engine is asked.
async fn asked_in(write: &str, checks: &str, source: &Arc<MemSource>) -> (World, Arc<Mutex<Vec<String>>>) {
    let text = format!(
        "asset: raw.tracks\ncopy:\n  from: api\n  columns:\n    artist: {{ type: string, required: true }}\n    track: {{ type: string, required: true }}\n    plays: {{ type: int64 }}\nwrite: {{ {write} }}\nchecks: [ {checks} ]\n"
    );
    let mut world = world((TRACKS.0, &text), source).await;
    let asked = Arc::new(Mutex::new(Vec::new()));
    world.deps.engine = Arc::new(Asked {
        engine: world.deps.engine.clone(),
        asked: asked.clone(),
    });
    (world, asked)
}

fn rows(plays: &[i64]) -> Arc<MemSource> {
    let plays = plays.to_vec();
    MemSource::new(move |_| vec![Says::Rows(all(&plays))])
}

fn all(plays: &[i64]) -> Vec<Value> {
    plays
        .iter()
        .enumerate()
        .map(|(at, n)| track("a", &format!("t{at}"), *n))
        .collect()
}

/// How often rows were asked about as they came, and how often what lay staged was read for it.
fn counted(asked: &Mutex<Vec<String>>) -> (usize, usize) {
    let asked = std::mem::take(&mut *asked.lock());
    let as_they_came = asked.iter().filter(|sql| sql.starts_with("select 1 as bad")).count();
    (as_they_came, asked.len() - as_they_came)
}

const CHECKS: &str = "{ between: { column: plays, min: 0, max: 100 } }, { not_null: [plays] }, { row: \"plays < 90\", on_failure: warn, name: few }";

#[tokio::test]
async fn a_table_that_is_these_rows_is_not_read_again() {
    let source = rows(&[1, 2, 3]);
    let (world, asked) = asked_in("mode: replace", CHECKS, &source).await;
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 3, written 3, changed 3, commits 1, slices done 1");
    assert_eq!(counted(&asked), (1, 0));
    // The same of the next version of it.
    source.now_says(|_| vec![Says::Rows(all(&[4, 5])), Says::Rows(all(&[6]))]);
    world.run("raw.tracks").await;
    assert_eq!(counted(&asked), (1, 0));
    // Where one offends, it is asked which, and by which check.
    source.now_says(|_| vec![Says::Rows(all(&[1, 95, 3]))]);
    insta::assert_snapshot!(world.run("raw.tracks").await, @r"
    done, in 3, written 3, changed 3, commits 1, slices done 1
      check `few` does not hold: 1 rows offend it
    ");
    assert_eq!(counted(&asked), (1, 3));
    source.now_says(|_| vec![Says::Rows(all(&[1, 500]))]);
    insta::assert_snapshot!(world.run("raw.tracks").await, @r"
    failed[SG0511]: check `between plays` of raw.tracks does not hold: 1 rows offend it (committed: nothing was committed), in 2, slices done 1
      check `few` does not hold: 1 rows offend it
    ");
    assert_eq!(counted(&asked), (1, 3));
}

#[tokio::test]
async fn rows_that_are_there_already_are_judged_too() {
    let source = rows(&[1, 2]);
    let (world, asked) = asked_in("mode: append", CHECKS, &source).await;
    world.run("raw.tracks").await;
    assert_eq!(counted(&asked), (1, 0), "the table is new");
    let again = || Wanted {
        again: true,
        ..Wanted::default()
    };
    world.run_as("raw.tracks", again()).await;
    assert_eq!(counted(&asked), (1, 3), "what was there may offend");
    let changed =
        "{ between: { column: plays, min: 0, max: 100 }, scope: changed }, { unique: [track], scope: changed }";
    let source = rows(&[1, 2]);
    let (world, asked) = asked_in("mode: merge, key: [track]", changed, &source).await;
    world.run("raw.tracks").await;
    counted(&asked);
    source.now_says(|_| vec![Says::Rows(all(&[4, 5]))]);
    world.run("raw.tracks").await;
    assert_eq!(
        counted(&asked),
        (1, 1),
        "of the rows that came all is known but whether they are unique"
    );
}

/// A row that offends and is set aside for another reason is no failure.
#[tokio::test]
async fn a_row_that_is_set_aside_offends_nobody() {
    let source = MemSource::new(|_| {
        let doubled = vec![track("a", "t1", 1), track("a", "t2", 500), track("a", "t2", 2)];
        vec![Says::Rows(doubled)]
    });
    let (world, asked) = asked_in("mode: replace, key: [track]", CHECKS, &source).await;
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 3, written 1, changed 1, aside 2, commits 1, slices done 1");
    assert_eq!(counted(&asked), (1, 3));
}
