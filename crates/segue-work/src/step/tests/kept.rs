//! How long answers are kept, and what is computed from them.

use super::*;
use crate::step::known;
use futures::StreamExt;
use segue_core::commit::Role;
use segue_core::sink::{Change, Rows, Sink};
use segue_testkit::sink::{Pause, Promises};

const DAY: Duration = Duration::from_secs(86_400);

fn keeping(age: &str) -> (&'static str, String) {
    let (path, text) = changed(TRACKS, "  columns:", &format!("  keep_raw: {age}\n  columns:"));
    (path, text)
}

/// The kept answers, a slice and the day of its read a line; `-` where none were ever kept.
async fn pages(world: &World) -> String {
    let target = known::companion(&world.row("raw.tracks").await, Role::Pages);
    let Some(batch) = world.lake.rows(&target.place) else {
        return "-".into();
    };
    let line = |at: usize| {
        let read_at = crate::rows::timestamp(&batch, "read_at", at).unwrap();
        let slices = crate::json::row(&batch, at)["slices"].as_str().unwrap().to_string();
        let slice = slices.replace(['[', ']', '"', '\\', '{', '}'], "");
        format!("{slice} {}", read_at.strftime("%m-%d"))
    };
    let mut lines: Vec<String> = (0..batch.num_rows()).map(line).collect();
    lines.sort();
    lines.join("\n")
}

#[tokio::test]
async fn answers_that_changed_no_row_are_kept_and_nothing_is_committed() {
    let source = one_each();
    let (path, keeps) = keeping("30d");
    let world = world((path, &keeps), &source).await;
    world.run("raw.tracks").await;
    world.pass(2 * DAY);
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 3, slices done 3");
    assert_eq!(world.commits("raw.tracks").await, 1);
    insta::assert_snapshot!(pages(&world).await, @r"
    artist:a 01-10
    artist:a 01-12
    artist:b 01-10
    artist:b 01-12
    artist:c 01-10
    artist:c 01-12
    ");
    // And the next commit goes on from there.
    world.pass(2 * DAY);
    source.now_says(|s| vec![Says::Rows(vec![track(&id(s), "t1", 7)])]);
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 3, written 3, changed 3, commits 1, slices done 3");
    assert_eq!(pages(&world).await.lines().count(), 9);
}

/// The next holder of the lease, who takes the notes of what lies staged over as soon as there are any.
struct TakesOver(std::path::PathBuf);

#[async_trait::async_trait]
impl Pause for TakesOver {
    async fn at(&self, what: &'static str) -> segue_core::Result<()> {
        let notes = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        for note in notes.filter(|_| what == "head") {
            let path = note.path();
            if path.extension().is_some_and(|e| e == "jsonl") {
                std::fs::rename(&path, path.with_extension("theirs")).unwrap();
            }
        }
        Ok(())
    }
}

#[tokio::test]
async fn answers_that_another_took_over_are_that_ones_to_keep() {
    let source = one_each();
    let (path, keeps) = keeping("30d");
    let at_once = format!("{keeps}checks: [ {{ row_count: {{ min: 1 }} }} ]\n");
    let mut world = world((path, &at_once), &source).await;
    world.run("raw.tracks").await;
    let before = pages(&world).await;
    let theirs = Arc::new(TakesOver(world.deps.shelf.clone()));
    world.deps.places.lake = Arc::new(world.lake.with(Promises::KEPT, theirs));
    world.pass(2 * DAY);
    let lost = world.run("raw.tracks").await;
    assert!(lost.starts_with("failed[SG0608]"), "{lost}");
    assert_eq!(pages(&world).await, before);
}

#[tokio::test]
async fn answers_older_than_keep_raw_go_and_the_target_takes_no_commit() {
    let source = one_each();
    let (path, keeps) = keeping("30d");
    let world = world((path, &keeps), &source).await;
    world.run("raw.tracks").await;
    world.pass(29 * DAY);
    world.run("raw.tracks").await;
    assert_eq!(pages(&world).await.lines().count(), 6, "none is older than 30 days");
    world.pass(2 * DAY);
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 3, slices done 3");
    insta::assert_snapshot!(pages(&world).await, @r"
    artist:a 02-08
    artist:a 02-10
    artist:b 02-08
    artist:b 02-10
    artist:c 02-08
    artist:c 02-10
    ");
    assert_eq!(world.commits("raw.tracks").await, 1);
}

#[tokio::test]
async fn old_answers_go_though_nothing_is_read() {
    let source = one_each();
    let (path, keeps) = keeping("30d");
    let keeps = keeps.replace("fresh: 1d", "fresh: 365d");
    let world = world((path, &keeps), &source).await;
    world.run("raw.tracks").await;
    world.pass(31 * DAY);
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done");
    insta::assert_snapshot!(pages(&world).await, @"");
    let versions = world.lake.versions("pages/raw.tracks");
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done");
    assert_eq!(
        world.lake.versions("pages/raw.tracks"),
        versions,
        "nothing is old any more"
    );
}

#[tokio::test]
async fn a_slice_whose_answer_is_gone_is_asked_again_and_the_others_are_not() {
    let source = one_each();
    let (path, keeps) = keeping("30d");
    let keeps = keeps.replace("fresh: 1d", "fresh: 365d");
    let mut world = world((path, &keeps), &source).await;
    world.run("raw.tracks").await;
    world.pass(20 * DAY);
    let longer = keeps.replace("{ id: c }", "{ id: c }, { id: d }");
    world.change(&[(path, &longer)]);
    world.run("raw.tracks").await;
    source.asked();
    // No run thinned them out before the mapping changed: what is too old is not used all the same.
    world.pass(11 * DAY);
    let wider = longer.replace("plays: { type: int64 }", "plays: { type: float64 }");
    world.change(&[(path, &wider)]);
    insta::assert_snapshot!(world.run("raw.tracks").await, @r"
    done, in 4, written 4, changed 4, commits 1, slices done 4
      1 slices were computed from kept answers, without a request
    ");
    assert_eq!(source.asked(), ["artist=a", "artist=b", "artist=c"]);
    insta::assert_snapshot!(world.table("raw.tracks").await, @r"
    a t1 1.0
    b t1 1.0
    c t1 1.0
    d t1 1.0
    ");
    insta::assert_snapshot!(pages(&world).await, @r"
    artist:a 02-10
    artist:b 02-10
    artist:c 02-10
    artist:d 01-30
    ");
}

#[tokio::test]
async fn an_answer_that_was_kept_twice_is_computed_from_once() {
    let source = one_each();
    let (path, keeps) = keeping("30d");
    let mut world = world((path, &keeps), &source).await;
    world.run("raw.tracks").await;
    let target = known::companion(&world.row("raw.tracks").await, Role::Pages);
    let batch = world.lake.rows(&target.place).unwrap();
    let (schema, ctx) = (batch.schema(), world.ctx());
    let rows = futures::stream::iter([Ok(Rows { batch, deletes: None })]).boxed();
    let staged = [world.lake.stage(&target, schema.clone(), rows, &ctx).await.unwrap()];
    let twice = world
        .lake
        .work_out(&target, schema, &Change::Append, &staged, &[], &ctx)
        .await;
    world.lake.amend(&target.place, &twice.unwrap().plan).unwrap();
    assert_eq!(pages(&world).await.lines().count(), 6);
    let wider = keeps.replace("plays: { type: int64 }", "plays: { type: float64 }");
    world.change(&[(path, &wider)]);
    insta::assert_snapshot!(world.run("raw.tracks").await, @r"
    done, in 3, written 3, changed 3, commits 1, slices done 3
      3 slices were computed from kept answers, without a request
    ");
}

#[tokio::test]
async fn without_keep_raw_nothing_stays_kept() {
    let source = one_each();
    let (path, keeps) = keeping("30d");
    let mut world = world((path, &keeps), &source).await;
    world.run("raw.tracks").await;
    world.change(&[TRACKS]);
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done");
    insta::assert_snapshot!(pages(&world).await, @"");
}

#[tokio::test]
async fn the_first_answers_that_are_kept_make_their_table_with_a_commit_of_no_rows() {
    let source = one_each();
    let mut world = world(TRACKS, &source).await;
    world.run("raw.tracks").await;
    assert_eq!(pages(&world).await, "-");
    let (path, keeps) = keeping("30d");
    world.change(&[(path, &keeps)]);
    world.pass(2 * DAY);
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 3, commits 1, slices done 3");
    assert_eq!(pages(&world).await.lines().count(), 3);
    let row = world.row("raw.tracks").await;
    let told = world.deps.store.footprints(row.table, 1, 9).await.unwrap();
    assert!(told[0].footprint.is_nothing(), "no reader is told of it");
}

#[tokio::test]
async fn tables_are_tidied_after_a_commit_and_a_failure_of_that_fails_nothing() {
    let source = one_each();
    let mut world = world(TRACKS, &source).await;
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 3, written 3, changed 3, commits 1, slices done 3");
    assert_eq!(*world.tidied.lock(), ["raw.tracks"]);
    world.run("raw.tracks").await;
    world.pass(2 * DAY);
    world.run("raw.tracks").await;
    assert_eq!(world.tidied.lock().len(), 1, "what committed nothing tidies nothing");
    let (path, keeps) = keeping("30d");
    world.change(&[(path, &keeps)]);
    for (days, tidied) in [(2, 2), (2, 3), (0, 3)] {
        world.pass(days * DAY);
        world.run("raw.tracks").await;
        assert_eq!(world.tidied.lock().len(), tidied, "kept answers are files too");
    }
}

#[tokio::test]
async fn closed_slices_are_computed_from_kept_answers_too() {
    let source = MemSource::new(|s| match id(s).as_str() {
        "c" => vec![Says::Closed],
        other => vec![Says::Rows(vec![track(other, "t1", 1)])],
    });
    let (path, keeps) = keeping("30d");
    let mut world = world((path, &keeps), &source).await;
    world.run("raw.tracks").await;
    assert_eq!(pages(&world).await.lines().count(), 3);
    source.asked();
    let wider = keeps.replace("plays: { type: int64 }", "plays: { type: float64 }");
    world.change(&[(path, &wider)]);
    insta::assert_snapshot!(world.run("raw.tracks").await, @r"
    done, in 2, written 2, changed 2, commits 1, slices done 2, closed 1
      1 slice is closed, not ours to read: 403
      3 slices were computed from kept answers, without a request
    ");
    assert_eq!(source.asked(), [""; 0]);
    insta::assert_snapshot!(world.ledger("raw.tracks").await, @r"
    artist=a Done n=2
    artist=b Done n=2
    artist=c Closed n=2
    ");
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done");
    assert_eq!(source.asked(), [""; 0]);
}

#[tokio::test]
async fn answers_of_slices_that_are_all_closed_are_kept() {
    let source = one_each();
    let (path, keeps) = keeping("30d");
    let world = world((path, &keeps), &source).await;
    world.run("raw.tracks").await;
    world.pass(2 * DAY);
    source.now_says(|_| vec![Says::Closed]);
    world.run("raw.tracks").await;
    assert_eq!(pages(&world).await.lines().count(), 6);
    assert_eq!(world.commits("raw.tracks").await, 1);
}

#[tokio::test]
async fn what_a_definition_in_between_made_is_computed_from_kept_answers_too() {
    let source = one_each();
    let (path, keeps) = keeping("30d");
    let keeps = keeps.replace("fresh: 1d", "fresh: 365d\nmax_parked: 100%");
    let mut world = world((path, &keeps), &source).await;
    world.run("raw.tracks").await;
    world.pass(20 * DAY);
    let longer = keeps.replace("{ id: c }", "{ id: c }, { id: d }");
    world.change(&[(path, &longer)]);
    world.run("raw.tracks").await;
    world.pass(11 * DAY);
    // The answers for a, b and c are too old, and the source gives none now.
    source.now_says(|_| vec![Says::Parked(None)]);
    for (of, asked) in [("float64", 3), ("string", 3)] {
        source.asked();
        let other = longer.replace("plays: { type: int64 }", &format!("plays: {{ type: {of} }}"));
        world.change(&[(path, &other)]);
        let text = world.run("raw.tracks").await;
        assert!(
            text.contains("1 slices were computed from kept answers"),
            "{of}: {text}"
        );
        assert_eq!(source.asked(), ["artist=a", "artist=b", "artist=c"][..asked], "{of}");
    }
}
