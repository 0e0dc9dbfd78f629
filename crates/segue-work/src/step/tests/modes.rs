//! Write modes by key: rows that come and go together, what was, and what is missing at the source.

use super::*;
use crate::commit::Recheck;
use segue_core::sink::{MissingRows, Sink};
use segue_testkit::modes::{Mode, play};

fn stores(write: &str) -> (&'static str, String) {
    (
        "assets/raw/stores.yaml",
        format!(
            "asset: raw.stores
copy:
  from: api
  columns: {{ id: {{ type: int64 }}, city: {{ type: string }} }}
write: {{ {write} }}
"
        ),
    )
}

fn store(id: i64, city: &str) -> Says {
    Says::Rows(vec![json!({ "id": id, "city": city })])
}

async fn of(write: &str, source: &Arc<MemSource>) -> World {
    let (path, text) = stores(write);
    World::new(&[(path, &text)], source).await
}

async fn next(world: &World, source: &MemSource, says: impl Fn() -> Vec<Says> + Send + Sync + 'static) -> String {
    source.now_says(move |_| says());
    let again = Wanted {
        again: true,
        ..Wanted::default()
    };
    world.run_as("raw.stores", again).await
}

#[tokio::test]
async fn the_sink_in_memory_and_a_list_of_rows_come_to_the_same() {
    let world = World::new(&[], &one_each()).await;
    let sink: Arc<dyn Sink> = Arc::new(world.lake.clone());
    for mode in Mode::ALL {
        for seed in 0..16 {
            play(&sink, mode, seed, &world.ctx()).await;
        }
    }
}

#[tokio::test]
async fn a_key_may_have_several_rows_and_none_without_one() {
    let source = MemSource::new(|_| vec![store(1, "a"), store(1, "b"), store(2, "c")]);
    let world = of("mode: delete_insert, key: [id]", &source).await;
    insta::assert_snapshot!(world.run("raw.stores").await, @"done, in 3, written 3, changed 3, commits 1, slices done 1");
    let keyless = || Says::Rows(vec![json!({ "city": "nowhere" })]);
    insta::assert_snapshot!(next(&world, &source, move || vec![store(1, "b"), store(1, "z"), keyless()]).await, @"done, in 3, written 2, changed 1, aside 1, commits 1, slices done 1");
    insta::assert_snapshot!(world.table("raw.stores").await, @r"
    1 b
    1 z
    2 c
    ");
    insta::assert_snapshot!(world.aside("raw.stores").await, @r#"table | key column `id` is empty | {"id":null,"city":"nowhere"}"#);
}

#[tokio::test]
async fn a_history_keeps_what_was() {
    let source = MemSource::new(|_| vec![store(1, "a"), store(2, "b")]);
    let world = of("mode: history, key: [id]", &source).await;
    insta::assert_snapshot!(world.run("raw.stores").await, @"done, in 2, written 2, changed 2, commits 1, slices done 1");
    insta::assert_snapshot!(next(&world, &source, || vec![store(1, "A"), store(2, "b")]).await, @"done, in 2, written 2, changed 2, commits 1, slices done 1");
    insta::assert_snapshot!(world.table("raw.stores").await, @r"
    1 A 2024-01-10T00:00:02Z null true
    1 a 2024-01-10T00:00:01Z 2024-01-10T00:00:02Z false
    2 b 2024-01-10T00:00:01Z null true
    ");
    insta::assert_snapshot!(next(&world, &source, || vec![store(1, "A"), store(2, "b")]).await, @"done, in 2, slices done 1");
    // Read anew from the beginning, it is a history of that one read.
    let rebuild = Wanted {
        rebuild: true,
        ..Wanted::default()
    };
    insta::assert_snapshot!(world.run_as("raw.stores", rebuild).await, @"done, in 2, written 2, changed 3, commits 1, slices done 1");
    insta::assert_snapshot!(world.table("raw.stores").await, @r"
    1 A 2024-01-10T00:00:04Z null true
    2 b 2024-01-10T00:00:04Z null true
    ");
    insta::assert_snapshot!(next(&world, &source, || vec![store(1, "x")]).await, @"done, in 1, written 1, changed 2, commits 1, slices done 1");
}

#[tokio::test]
async fn inferred_columns_of_a_history_stay_the_rows_own() {
    let source = MemSource::new(|_| vec![store(1, "a")]);
    let (path, text) = stores("mode: history, key: [id]");
    let text = text.replace("  columns: { id: { type: int64 }, city: { type: string } }\n", "");
    let world = World::new(&[(path, &text)], &source).await;
    world.run("raw.stores").await;
    let names = |world: &segue_store::AssetRow| -> Vec<String> {
        world.schema.iter().flatten().map(|c| c.name.clone()).collect()
    };
    assert_eq!(names(&world.row("raw.stores").await), ["id", "city"]);
    insta::assert_snapshot!(next(&world, &source, || vec![store(1, "b")]).await, @"done, in 1, written 1, changed 2, commits 1, slices done 1");
    // Such a column may not come from the source.
    let own = || Says::Rows(vec![json!({ "id": 1, "city": "c", "valid_to": "2024-01-01" })]);
    let world = World::new(&[(path, &text)], &MemSource::new(move |_| vec![own()])).await;
    let told = world.run("raw.stores").await;
    let refused = "failed: the rows for raw.stores have a column `valid_to`, which its write mode fills by itself";
    assert!(told.starts_with(refused), "{told}");
}

#[tokio::test]
async fn what_is_missing_is_marked_and_comes_again() {
    let source = MemSource::new(|_| (1..=4).map(|id| store(id, "a")).collect());
    let world = of(
        "mode: merge, key: [id], delete_missing: soft, max_deleted: 50%",
        &source,
    )
    .await;
    insta::assert_snapshot!(world.run("raw.stores").await, @"done, in 4, written 4, changed 4, commits 1, slices done 1");
    insta::assert_snapshot!(next(&world, &source, || vec![store(1, "a"), store(2, "b"), store(3, "a")]).await, @r"
    done, in 3, written 3, changed 2, commits 1, slices done 1
      1 row is no longer at the source: marked as deleted
    ");
    insta::assert_snapshot!(world.table("raw.stores").await, @r"
    1 a null
    2 b null
    3 a null
    4 a 2024-01-10T00:00:02Z
    ");
    // Marked once. Another read without it changes nothing.
    insta::assert_snapshot!(next(&world, &source, || vec![store(1, "a"), store(2, "b"), store(3, "a")]).await, @"done, in 3, slices done 1");
    insta::assert_snapshot!(next(&world, &source, || (1..=4).map(|id| store(id, "a")).collect()).await, @"done, in 4, written 4, changed 2, commits 1, slices done 1");
    insta::assert_snapshot!(world.table("raw.stores").await, @r"
    1 a null
    2 a null
    3 a null
    4 a null
    ");
}

#[tokio::test]
async fn more_than_may_go_at_once_fails_and_commits_nothing() {
    let source = MemSource::new(|_| (1..=4).map(|id| store(id, "a")).collect());
    let world = of(
        "mode: merge, key: [id], delete_missing: hard, max_deleted: 25%",
        &source,
    )
    .await;
    world.run("raw.stores").await;
    insta::assert_snapshot!(next(&world, &source, || vec![store(1, "b"), store(2, "a")]).await, @"failed[SG0533]: 2 of the 4 rows of raw.stores did not come and would be deleted: 50%, more than the 25% of `max_deleted`, in 2, slices done 1");
    insta::assert_snapshot!(next(&world, &source, Vec::new).await, @"failed[SG0533]: 4 of the 4 rows of raw.stores did not come and would be deleted: 100%, more than the 25% of `max_deleted`, slices done 1");
    assert_eq!(world.commits("raw.stores").await, 1);
    insta::assert_snapshot!(next(&world, &source, || (1..=3).map(|id| store(id, "b")).collect()).await, @r"
    done, in 3, written 3, changed 4, commits 1, slices done 1
      1 row is no longer at the source: deleted
    ");
    insta::assert_snapshot!(world.table("raw.stores").await, @r"
    1 b
    2 b
    3 b
    ");
}

#[tokio::test]
async fn a_table_that_moved_is_asked_again_how_much_would_go() {
    let source = MemSource::new(|_| (1..=4).map(|id| store(id, "a")).collect());
    let world = of(
        "mode: merge, key: [id], delete_missing: soft, max_deleted: 25%",
        &source,
    )
    .await;
    world.run("raw.stores").await;
    next(&world, &source, || (1..=3).map(|id| store(id, "a")).collect()).await;
    let place = crate::step::known::own(&world.row("raw.stores").await).place;
    let record = world.lake.landed(&place)[1].clone();
    let again = crate::step::Rejudge {
        deps: &world.deps,
        asset: world.deps.asset(&"raw.stores".parse().unwrap()).unwrap(),
    };
    let ctx = world.ctx();
    let judged = async |gone| {
        again
            .judge(&record, record.own(), MissingRows { gone, of: 4 }, &ctx)
            .await
    };
    assert!(judged(1).await.is_ok());
    insta::assert_snapshot!(judged(2).await.unwrap_err(), @"2 of the 4 rows of raw.stores did not come and would be marked as deleted: 50%, more than the 25% of `max_deleted`");
}

#[tokio::test]
async fn nothing_is_missing_where_the_read_was_not_whole() {
    let source = MemSource::new(|_| (1..=4).map(|id| store(id, "a")).collect());
    for missing in ["soft", "hard"] {
        let write = format!("mode: merge, key: [id], delete_missing: {missing}, max_deleted: 100%");
        source.now_says(|_| (1..=4).map(|id| store(id, "a")).collect());
        let world = of(&write, &source).await;
        world.run("raw.stores").await;
        let before = world.table("raw.stores").await;
        let ends: [fn() -> Says; 3] = [
            || Says::Failed(Kind::Unavailable),
            || Says::Breaks(Kind::Unavailable),
            || Says::Parked(None),
        ];
        for says in ends {
            next(&world, &source, move || vec![store(1, "a"), says()]).await;
            assert_eq!(world.table("raw.stores").await, before);
        }
        // A row that was set aside may have been any of them.
        let told = next(&world, &source, || {
            vec![store(1, "b"), Says::Rejected("no number", "{}")]
        })
        .await;
        assert!(told.contains("because 1 of those that came were set aside"), "{told}");
        let after = world.table("raw.stores").await;
        assert_eq!(after, before.replace("1 a", "1 b"));
        let told = next(&world, &source, || vec![store(1, "b")]).await;
        assert!(told.contains("3 rows are no longer at the source"), "{told}");
    }
}

#[tokio::test]
async fn another_write_mode_needs_a_rebuild() {
    let source = MemSource::new(|_| vec![store(1, "a")]);
    let modes = [
        "mode: merge, key: [id]",
        "mode: delete_insert, key: [id]",
        "mode: history, key: [id]",
    ];
    for (at, from) in modes.iter().enumerate() {
        let mut world = of(from, &source).await;
        world.run("raw.stores").await;
        let (path, text) = stores(modes[(at + 1) % 3]);
        world.change(&[(path, &text)]);
        let told = world.run("raw.stores").await;
        assert!(told.starts_with("failed[SG0522]"), "{told}");
        let rebuild = Wanted {
            rebuild: true,
            ..Wanted::default()
        };
        let told = world.run_as("raw.stores", rebuild).await;
        assert!(told.starts_with("done"), "{told}");
    }
    // What becomes of missing rows is no other table.
    let mut world = of(modes[0], &source).await;
    world.run("raw.stores").await;
    let (path, text) = stores("mode: merge, key: [id], delete_missing: soft");
    world.change(&[(path, &text)]);
    assert!(world.run("raw.stores").await.starts_with("done"));
}
