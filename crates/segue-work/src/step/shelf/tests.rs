use super::super::read::done_part;
use super::*;
use crate::ledger::Part;
use segue_core::Labels;
use segue_core::commit::Outcome;
use serde_json::json;
use std::collections::BTreeMap;

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
        labels: Labels(BTreeMap::from([("artist".into(), json!(artist))])),
        ..Part::default()
    };
    let done = done_part(&part, jiff::Timestamp::UNIX_EPOCH, Outcome::Done);
    Group {
        parts: vec![done],
        ..Group::default()
    }
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
    let shelf = Shelf::of(folder.path(), asset, made("h1", 3));
    assert_eq!(names(&shelf).await, [""; 0]);
    shelf.put(&group("a")).await.unwrap();
    shelf.put(&group("b")).await.unwrap();
    assert_eq!(names(&shelf).await, ["artist=a", "artist=b"]);
    // Another definition, or another commit since.
    assert_eq!(names(&Shelf::of(folder.path(), asset, made("h2", 3))).await, [""; 0]);
    assert_eq!(names(&Shelf::of(folder.path(), asset, made("h1", 4))).await, [""; 0]);
    shelf.clear().await.unwrap();
    assert_eq!(names(&shelf).await, [""; 0]);
    shelf.clear().await.unwrap();
}

#[tokio::test]
async fn a_line_that_a_kill_cut_short_costs_that_line_alone() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::of(folder.path(), AssetId::random(), made("h1", 0));
    shelf.put(&group("a")).await.unwrap();
    shelf.put(&group("b")).await.unwrap();
    let text = std::fs::read(&shelf.file).unwrap();
    std::fs::write(&shelf.file, &text[..text.len() - 10]).unwrap();
    assert_eq!(names(&shelf).await, ["artist=a"]);
    shelf.put(&group("c")).await.unwrap();
    assert_eq!(names(&shelf).await, ["artist=a", "artist=c"]);
}
