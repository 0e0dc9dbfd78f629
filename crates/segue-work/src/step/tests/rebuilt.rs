//! What is built anew beside the table, positions, and lists that come from the lake.

use super::*;

#[tokio::test]
async fn a_rebuild_that_is_not_complete_stays_staged_and_goes_on() {
    let source = one_each();
    let world = world(TRACKS, &source).await;
    world.run("raw.tracks").await;
    source.now_says(|s| match id(s).as_str() {
        "c" => vec![Says::Parked(None)],
        other => vec![Says::Rows(vec![track(other, "t1", 9)])],
    });
    let rebuild = || Wanted {
        rebuild: true,
        ..Wanted::default()
    };
    insta::assert_snapshot!(world.run_as("raw.tracks", rebuild()).await, @"failed[SG0521]: 1 of the 3 slices of raw.tracks are put off: more than max_parked allows (parked: 1, failed: 0, parked because: asked too often), in 2, slices done 2, parked 1");
    // The old table serves on.
    insta::assert_snapshot!(world.table("raw.tracks").await, @r"
    a t1 1
    b t1 1
    c t1 1
    ");
    source.asked();
    source.now_says(|s| vec![Says::Rows(vec![track(&id(s), "t1", 9)])]);
    insta::assert_snapshot!(world.run_as("raw.tracks", rebuild()).await, @r"
    done, in 1, written 3, changed 3, commits 1, slices done 1
      2 parts lay staged from an earlier try
    ");
    assert_eq!(source.asked(), ["artist=c"]);
    insta::assert_snapshot!(world.table("raw.tracks").await, @r"
    a t1 9
    b t1 9
    c t1 9
    ");
}

#[tokio::test]
async fn a_rebuild_remembers_what_is_closed() {
    let source = MemSource::new(|s| {
        if id(s) == "a" {
            vec![Says::Closed]
        } else {
            vec![Says::Rows(vec![track(&id(s), "t1", 1)])]
        }
    });
    let world = world(TRACKS, &source).await;
    world.run("raw.tracks").await;
    insta::assert_snapshot!(world.run_as("raw.tracks", Wanted { rebuild: true, ..Wanted::default() }).await, @r"
    done, in 2, slices done 2, closed 1
      1 slice is closed, not ours to read: 403
    ");
    insta::assert_snapshot!(world.ledger("raw.tracks").await, @r"
    artist=a Closed n=1
    artist=b Done n=1
    artist=c Done n=1
    ");
}

#[tokio::test]
async fn a_column_that_changes_its_type_rebuilds_a_sliced_table() {
    let source = one_each();
    let mut world = world(TRACKS, &source).await;
    world.run("raw.tracks").await;
    source.now_says(|s| {
        vec![Says::Rows(vec![
            json!({ "artist": id(s), "track": "t1", "plays": "many" }),
        ])]
    });
    let (path, text) = changed(TRACKS, "plays: { type: int64 }", "plays: { type: string }");
    world.change(&[(path, &text)]);
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 3, written 3, changed 3, commits 1, slices done 3");
    insta::assert_snapshot!(world.table("raw.tracks").await, @r"
    a t1 many
    b t1 many
    c t1 many
    ");
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done");
}

#[tokio::test]
async fn a_position_is_kept_with_the_rows_and_read_on_from() {
    let (path, text) = changed(EVENTS, "  columns", "  position: { column: n }\n  columns");
    let source = MemSource::new(|_| vec![Says::Rows(vec![json!({ "id": "x", "n": 5 })]), Says::Position(json!(5))]);
    let world = world((path, &text), &source).await;
    insta::assert_snapshot!(world.run("raw.events").await, @"done, in 1, written 1, changed 1, commits 1, slices done 1");
    assert_eq!(source.from(), None);
    source.now_says(|_| vec![Says::Rows(vec![json!({ "id": "y", "n": 7 })]), Says::Position(json!(7))]);
    world.run("raw.events").await;
    assert_eq!(source.from(), Some(json!(5)));
    insta::assert_snapshot!(world.table("raw.events").await, @r"
    x 5
    y 7
    ");
    // A read that finds nothing new commits nothing, and has looked further.
    source.now_says(|_| vec![Says::Position(json!(9))]);
    insta::assert_snapshot!(world.run("raw.events").await, @"done, slices done 1");
    world.run("raw.events").await;
    assert_eq!(source.from(), Some(json!(9)));
}

const ARTISTS: (&str, &str) = (
    "assets/raw/artists.yaml",
    "asset: raw.artists
copy:
  from: api
  columns: { id: { type: string, required: true }, n: { type: int64 } }
write: { mode: replace, key: [id] }
",
);

#[tokio::test]
async fn a_list_from_the_lake_acts_through_its_elements_alone() {
    let (path, text) = changed(
        TRACKS,
        "{ list: [ { id: a }, { id: b }, { id: c } ] }",
        "{ sql: \"select id from raw.artists\" }",
    );
    let artists = |ids: &'static [&'static str], n: i64| {
        move |s: &Slice| match s.labels.is_none() {
            true => vec![Says::Rows(ids.iter().map(|i| json!({ "id": i, "n": n })).collect())],
            false => vec![Says::Rows(vec![track(
                s.labels.get("artist").and_then(|a| a.as_str()).unwrap(),
                "t1",
                1,
            )])],
        }
    };
    let source = MemSource::new(artists(&["a", "b"], 1));
    let world = World::new(&[ARTISTS, (path, &text)], &source).await;
    world.run("raw.artists").await;
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 2, written 2, changed 2, commits 1, slices done 2");
    // The list's table changes, and the list does not.
    source.now_says(artists(&["a", "b"], 2));
    world.run("raw.artists").await;
    source.asked();
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done");
    assert_eq!(source.asked(), [""; 0]);
    source.now_says(artists(&["a", "b", "new"], 2));
    world.run("raw.artists").await;
    source.asked();
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done, in 1, written 1, changed 1, commits 1, slices done 1");
    assert_eq!(source.asked(), ["artist=new"]);
}

#[tokio::test]
async fn inferred_columns_are_frozen() {
    let inferred = (
        "assets/raw/events.yaml",
        "asset: raw.events\ncopy: { from: api }\nwrite: { mode: replace }\n",
    );
    let source = MemSource::new(|_| vec![Says::Rows(vec![json!({ "id": "x", "n": 1 })])]);
    let world = World::new(&[inferred], &source).await;
    insta::assert_snapshot!(world.run("raw.events").await, @"done, in 1, written 1, changed 1, commits 1, slices done 1");
    let columns = world.row("raw.events").await.schema.unwrap();
    let names: Vec<String> = columns.iter().map(|c| format!("{} {}", c.name, c.of)).collect();
    assert_eq!(names, ["id string", "n int64"]);
    // They are what is asked for from then on.
    source.now_says(|_| vec![Says::Rows(vec![json!({ "id": 1, "n": 2, "more": true })])]);
    world.run("raw.events").await;
    insta::assert_snapshot!(world.table("raw.events").await, @"null 2");
    assert_eq!(world.row("raw.events").await.schema.unwrap(), columns);
}

/// A kill between the first commit and the step's end leaves the table and no frozen columns.
#[tokio::test]
async fn columns_are_those_of_the_table_where_nothing_froze_them() {
    let inferred = (
        "assets/raw/events.yaml",
        "asset: raw.events\ncopy: { from: api }\nwrite: { mode: append }\n",
    );
    let source = MemSource::new(|_| vec![Says::Rows(vec![json!({ "id": "x", "n": 1.5 })])]);
    let world = World::new(&[inferred], &source).await;
    world.run("raw.events").await;
    world.forget_columns("raw.events").await;
    // By themselves these rows would be other columns.
    source.now_says(|_| vec![Says::Rows(vec![json!({ "id": "y", "n": 2 })])]);
    insta::assert_snapshot!(world.run("raw.events").await, @"done, in 1, written 1, changed 1, commits 1, slices done 1");
    insta::assert_snapshot!(world.table("raw.events").await, @r"
    x 1.5
    y 2.0
    ");
    let columns = world.row("raw.events").await.schema.unwrap();
    assert_eq!(columns[1].of, segue_core::Type::Float64);
    // What the table has and the state did not know is said.
    let id = world.row("raw.events").await.id;
    world.deps.store.freeze_schema(id, &columns[..1]).await.unwrap();
    insta::assert_snapshot!(world.run("raw.events").await, @r"
    done, in 1, written 1, changed 1, commits 1, slices done 1
      column n is new: float64
    ");
}

#[tokio::test]
async fn a_column_without_a_type_gets_one_and_keeps_it() {
    let untyped = (
        "assets/raw/events.yaml",
        "asset: raw.events\ncopy:\n  from: api\n  columns: { id: { type: string }, n: {}, made: { value: 7 } }\nwrite: { mode: replace }\n",
    );
    let source = MemSource::new(|_| vec![Says::Rows(vec![json!({ "id": "x", "n": 1, "made": "7" })])]);
    let world = World::new(&[untyped], &source).await;
    world.run("raw.events").await;
    let columns = || async {
        let columns = world.row("raw.events").await.schema.unwrap();
        columns
            .iter()
            .map(|c| format!("{} {}", c.name, c.of))
            .collect::<Vec<_>>()
            .join(", ")
    };
    assert_eq!(columns().await, "id string, n int64, made string");
    // By itself this would be text.
    source.now_says(|_| vec![Says::Rows(vec![json!({ "id": "y", "n": "many" })])]);
    world.run("raw.events").await;
    assert_eq!(columns().await, "id string, n int64, made string");
}

#[tokio::test]
async fn another_lake_or_state_is_refused_before_anything_is_read() {
    let source = one_each();
    let first = world(TRACKS, &source).await;
    first.run("raw.tracks").await;
    source.asked();
    // A second state on the first one's lake.
    let mut second = World::new(&[TRACKS], &source).await;
    second.deps.places = first.deps.places.clone();
    insta::assert_snapshot!(second.run("raw.tracks").await, @"failed[SG0516]: there is a table at raw/tracks that this state does not know (asset: raw.tracks)");
    assert_eq!(source.asked(), [""; 0]);
}

#[tokio::test]
async fn a_lease_held_elsewhere_is_a_conflict_that_says_who() {
    let source = one_each();
    let world = world(TRACKS, &source).await;
    world.run("raw.tracks").await;
    let row = world.row("raw.tracks").await;
    let held = world.deps.store.lease(row.id, "somebody").await.unwrap();
    let told = world.run("raw.tracks").await;
    assert!(told.starts_with("failed") && told.contains("somebody"), "{told}");
    drop(held);
    insta::assert_snapshot!(world.run("raw.tracks").await, @"done");
}

#[tokio::test]
async fn a_renamed_asset_keeps_its_table_and_what_is_done() {
    let source = one_each();
    let mut world = world(TRACKS, &source).await;
    world.run("raw.tracks").await;
    source.asked();
    let renamed = TRACKS
        .1
        .replace("asset: raw.tracks", "asset: raw.songs\nrenamed_from: raw.tracks");
    world.change(&[("assets/raw/songs.yaml", &renamed)]);
    insta::assert_snapshot!(world.run("raw.songs").await, @"done");
    assert_eq!(source.asked(), [""; 0]);
    assert_eq!(world.row("raw.songs").await.place, "raw/tracks");
}
