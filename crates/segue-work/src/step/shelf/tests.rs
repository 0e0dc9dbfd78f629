use super::super::read::done_part;
use super::*;
use crate::ledger::Part;
use segue_core::Labels;
use segue_core::commit::Outcome;
use segue_diag::LEASE_LOST;
use segue_testkit::power::Platters;
use serde_json::json;

fn made(hash: &str, after: u64) -> Made {
    Made {
        data_hash: hash.into(),
        source: None,
        inputs: Vec::new(),
        is_rebuild: false,
        after,
    }
}

fn group(artist: &str) -> Group {
    let part = Part {
        labels: Labels::from_iter([("artist".into(), json!(artist))]),
        ..Part::default()
    };
    let done = done_part(&part, jiff::Timestamp::UNIX_EPOCH, Outcome::Done);
    Group {
        parts: vec![done],
        ..Group::default()
    }
}

fn lease(asset: AssetId, epoch: u64) -> Lease {
    Lease { asset, epoch }
}

async fn names(shelf: &Shelf) -> Vec<String> {
    shelf
        .read()
        .await
        .unwrap()
        .iter()
        .map(|g| g.parts[0].labels.to_string())
        .collect()
}

#[tokio::test]
async fn what_lies_staged_is_found_again_and_forgotten_when_it_no_longer_counts() {
    let folder = tempfile::tempdir().unwrap();
    let asset = AssetId::random();
    let shelf = Shelf::of(folder.path(), &lease(asset, 1), made("h1", 3));
    assert_eq!(names(&shelf).await, [""; 0]);
    shelf.put(&group("a")).await.unwrap();
    shelf.put(&group("b")).await.unwrap();
    assert_eq!(names(&shelf).await, ["artist=a", "artist=b"]);
    // Another definition, or another commit since.
    assert_eq!(
        names(&Shelf::of(folder.path(), &lease(asset, 1), made("h2", 3))).await,
        [""; 0]
    );
    assert_eq!(
        names(&Shelf::of(folder.path(), &lease(asset, 1), made("h1", 4))).await,
        [""; 0]
    );
    shelf.clear().await.unwrap();
    assert_eq!(names(&shelf).await, [""; 0]);
    shelf.clear().await.unwrap();
}

#[tokio::test]
async fn a_line_that_a_kill_cut_short_costs_that_line_alone() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::of(folder.path(), &lease(AssetId::random(), 1), made("h1", 0));
    shelf.put(&group("a")).await.unwrap();
    shelf.put(&group("b")).await.unwrap();
    let text = std::fs::read(shelf.file()).unwrap();
    std::fs::write(shelf.file(), &text[..text.len() - 10]).unwrap();
    assert_eq!(names(&shelf).await, ["artist=a"]);
    shelf.put(&group("c")).await.unwrap();
    assert_eq!(names(&shelf).await, ["artist=a", "artist=c"]);
}

#[tokio::test]
async fn what_the_next_holder_took_over_is_not_thrown_away_by_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let asset = AssetId::random();
    let frozen = Shelf::of(folder.path(), &lease(asset, 1), made("h1", 3));
    frozen.put(&group("a")).await.unwrap();
    let next = Shelf::of(folder.path(), &lease(asset, 2), made("h1", 3));
    assert_eq!(names(&next).await, ["artist=a"]);

    assert!(!frozen.let_go().await.unwrap(), "it is the next one's");
    let refused = frozen.put(&group("b")).await.unwrap_err();
    assert_eq!(refused.error_code(), Some(LEASE_LOST));
    assert!(
        !frozen.let_go().await.unwrap(),
        "a note that came too late does not make it its own"
    );
    frozen.clear().await.unwrap();
    assert_eq!(names(&next).await, ["artist=a"]);

    assert!(next.let_go().await.unwrap());
    assert!(next.let_go().await.unwrap(), "what was let go stays its own");
    let last = Shelf::of(folder.path(), &lease(asset, 3), made("h1", 3));
    assert_eq!(names(&last).await, [""; 0]);
}

#[tokio::test]
async fn of_two_holders_before_the_newer_one_is_gone_on_from() {
    let folder = tempfile::tempdir().unwrap();
    let asset = AssetId::random();
    for (epoch, artist) in [(1, "a"), (2, "b")] {
        let shelf = Shelf::of(folder.path(), &lease(asset, epoch), made("h1", 3));
        shelf.put(&group(artist)).await.unwrap();
    }
    let next = Shelf::of(folder.path(), &lease(asset, 3), made("h1", 3));
    assert_eq!(names(&next).await, ["artist=b"]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn notes_are_there_whatever_they_were_made_with() {
    let folder = tempfile::tempdir().unwrap();
    let asset = AssetId::random();
    let before = Shelf::of(folder.path(), &lease(asset, 1), made("one", 0));
    assert!(!before.has_notes().await.unwrap());
    before.put(&group("a")).await.unwrap();
    let after = Shelf::of(folder.path(), &lease(asset, 2), made("other", 0));
    assert!(after.has_notes().await.unwrap());
    assert!(
        !Shelf::of(folder.path(), &lease(AssetId::random(), 2), made("one", 0))
            .has_notes()
            .await
            .unwrap()
    );
    after.clear().await.unwrap();
    assert!(!after.has_notes().await.unwrap());
}

/// Notes two groups, cuts the power, and says which notes are found.
async fn after_a_cut(without: fn(&Path, bool) -> bool) -> Vec<String> {
    let real = tempfile::tempdir().unwrap();
    let folder = real.path().canonicalize().unwrap().join("shelf");
    fs::create_dir(&folder).unwrap();
    let asset = AssetId::random();
    let disk = Arc::new(Platters::holding(&folder, Box::new(without)));
    let shelf = Shelf {
        disk: disk.clone(),
        ..Shelf::of(&folder, &lease(asset, 1), made("h1", 3))
    };
    shelf.put(&group("a")).await.unwrap();
    shelf.put(&group("b")).await.unwrap();
    let found = tempfile::tempdir().unwrap();
    disk.after_the_cut(folder.parent().unwrap(), found.path());
    names(&Shelf::of(&found.path().join("shelf"), &lease(asset, 2), made("h1", 3))).await
}

#[tokio::test]
async fn a_power_cut_takes_no_note_back_and_each_sync_is_needed() {
    assert_eq!(after_a_cut(|_, _| false).await, ["artist=a", "artist=b"]);
    assert_eq!(after_a_cut(|_, is_folder| !is_folder).await, [""; 0]);
    assert_eq!(after_a_cut(|_, is_folder| is_folder).await, [""; 0]);
}

/// Whoever removes files asks all notes, and takes none of them over.
#[tokio::test]
async fn what_notes_name_is_told_to_who_removes_files() {
    let folder = tempfile::tempdir().unwrap();
    let asset = AssetId::random();
    let staged = |rows: u64| Staged {
        rows,
        bytes: 0,
        place: json!(rows),
    };
    assert_eq!(noted(folder.path(), asset).await.unwrap(), Noted::default());
    for epoch in [1, 4] {
        let group = Group {
            staged: vec![staged(epoch)],
            pages: vec![staged(epoch + 10)],
            ..group("a")
        };
        let shelf = Shelf::of(folder.path(), &lease(asset, epoch), made("h1", 0));
        shelf.put(&group).await.unwrap();
    }
    let other = Shelf::of(folder.path(), &lease(AssetId::random(), 1), made("h1", 0));
    other.put(&group("b")).await.unwrap();
    let told = Noted {
        rows: vec![staged(1), staged(4)],
        pages: vec![staged(11), staged(14)],
    };
    for _ in 0..2 {
        assert_eq!(noted(folder.path(), asset).await.unwrap(), told);
    }
    forget_notes(folder.path(), &lease(asset, 5)).await.unwrap();
    assert_eq!(noted(folder.path(), asset).await.unwrap(), Noted::default());
}
