//! What is held counts once, and is bounded for all parts together.

use super::*;
use arrow_array::StringArray;
use segue_core::commit::Outcome;
use segue_core::{AssetId, TableId};
use segue_testkit::clock::ManualClock;
use segue_testkit::sink::MemSink;

fn gather() -> Gather {
    let ctx = Ctx::new("dev", Arc::new(ManualClock::default()));
    let target = Target {
        asset: AssetId::random(),
        table: TableId::random(),
        name: "raw.a".parse().unwrap(),
        place: "raw/a".into(),
        connection: None,
    };
    Gather::new(Arc::new(MemSink::new(true)), target, None, &[], None, &ctx)
}

/// So many rows of a kilobyte each.
fn rows(count: usize) -> RecordBatch {
    let text = "x".repeat(1024);
    let column: ArrayRef = Arc::new(StringArray::from_iter_values((0..count).map(|_| &text)));
    RecordBatch::try_from_iter([("a", column)]).unwrap()
}

fn done() -> DonePart {
    DonePart {
        range: None,
        labels: Labels::none(),
        values_hash: String::new(),
        read_at: Timestamp::UNIX_EPOCH,
        outcome: Outcome::Done,
        is_entered: true,
    }
}

#[tokio::test]
async fn parts_that_share_a_page_count_it_once() {
    let mut gather = gather();
    let page = rows(1000);
    for part in 0..100 {
        gather
            .rows(part, &Whose::default(), page.slice(part * 10, 10))
            .await
            .unwrap();
        gather.done(part, done()).await.unwrap();
    }
    let held = gather.complete_bytes();
    assert!(
        (1_000_000..1_100_000).contains(&held),
        "{held} bytes of a page of one megabyte"
    );
    assert!(gather.group.staged.is_empty(), "nothing is staged before it is enough");
}

#[tokio::test]
async fn all_parts_under_way_together_hold_no_more_than_they_may() {
    let mut gather = gather();
    for part in 0..50 {
        gather.rows(part, &Whose::default(), rows(1024)).await.unwrap();
        let held: usize = gather.open.values().map(|open| open.bytes).sum();
        assert_eq!(held, gather.open_bytes);
        assert!(held <= ALL, "{held} bytes are held");
    }
    for part in 0..25 {
        gather.done(part, done()).await.unwrap();
    }
    gather.forget_all().await;
    assert_eq!(gather.open_bytes, 0);
    assert_eq!(gather.take().await.unwrap().rows, 25 * 1024);
}

#[tokio::test]
async fn a_part_that_streams_is_one_piece_to_its_last_row() {
    let mut gather = gather();
    for count in [LARGE / 1024 + 1, 10, 1] {
        gather.rows(0, &Whose::default(), rows(count)).await.unwrap();
    }
    gather.done(0, done()).await.unwrap();
    let group = gather.take().await.unwrap();
    let pieces: Vec<u64> = group.staged.iter().map(|s| s.rows).collect();
    assert_eq!(pieces, [(LARGE / 1024 + 12) as u64]);
}
