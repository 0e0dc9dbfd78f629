//! Ours against ours: two changes of each kind that start from one version and are carried out at once. One of two commits lands, the other
//! is refused for good and right when it is worked out anew; compaction changes no row, whoever is faster.

use super::bed::{Bed, deleting, merge, sales, slices};
use arrow_array::RecordBatch;
use futures::future::join_all;
use segue_core::Kind as ErrorKind;
use segue_core::commit::CommitRecord;
use segue_core::sink::{Change, Committed, Rows, Sink};

/// What two rivals may want to do.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Append,
    ReplaceTable,
    ReplaceSlices,
    Merge,
    Delete,
    Compact,
}

const KINDS: [Kind; 6] = [
    Kind::Append,
    Kind::ReplaceTable,
    Kind::ReplaceSlices,
    Kind::Merge,
    Kind::Delete,
    Kind::Compact,
];

impl Kind {
    fn change(self) -> (Change, Rows) {
        let plain = |batch: RecordBatch| Rows { batch, deletes: None };
        match self {
            Kind::Append => (Change::Append, plain(sales(&[(10, "new", 0, None)]))),
            Kind::ReplaceTable => (Change::ReplaceTable, plain(sales(&[(20, "all", 0, None)]))),
            Kind::ReplaceSlices => (slices(&["b"]), plain(sales(&[(30, "b", 0, None)]))),
            Kind::Merge => (
                merge(),
                plain(sales(&[(1, "merged", 0, None), (40, "merged", 0, None)])),
            ),
            Kind::Delete => (merge(), deleting(&[((2, "", 0, None), true), ((3, "", 0, None), true)])),
            Kind::Compact => unreachable!("a compaction is no commit"),
        }
    }

    /// The table after it: rows of id and city.
    fn apply(self, table: &mut Vec<(i64, &'static str)>) {
        match self {
            Kind::Append => table.push((10, "new")),
            Kind::ReplaceTable => *table = vec![(20, "all")],
            Kind::ReplaceSlices => {
                table.retain(|(_, city)| *city != "b");
                table.push((30, "b"));
            }
            Kind::Merge => {
                table.retain(|(id, _)| ![1, 40].contains(id));
                table.extend([(1, "merged"), (40, "merged")]);
            }
            Kind::Delete => table.retain(|(id, _)| ![2, 3].contains(id)),
            Kind::Compact => {}
        }
    }
}

/// Four files of one row each, two of them of one slice.
async fn four_files() -> Bed {
    let bed = Bed::disk();
    for (id, city) in FOUR {
        bed.run(Change::Append, &sales(&[(id, city, 0, None)])).await;
    }
    bed
}

const FOUR: [(i64, &str); 4] = [(1, "a"), (2, "a"), (3, "b"), (4, "b")];

/// The rows after these, one after the other.
fn after(kinds: &[Kind]) -> String {
    let mut table = FOUR.to_vec();
    for kind in kinds {
        kind.apply(&mut table);
    }
    let mut lines: Vec<String> = table.iter().map(|(id, city)| format!("{id}|{city}")).collect();
    lines.sort();
    lines.join(" ")
}

async fn rows(bed: &Bed) -> String {
    let rows = bed.rows().await;
    let short = |line: &str| line.split('|').take(2).collect::<Vec<_>>().join("|");
    let mut lines: Vec<String> = rows.lines().map(short).collect();
    lines.sort();
    lines.join(" ")
}

async fn prepared(bed: &Bed, kind: Kind) -> Option<CommitRecord> {
    if kind == Kind::Compact {
        return None;
    }
    let (change, rows) = kind.change();
    let schema = rows.batch.schema();
    let staged = vec![bed.stage_all(schema.clone(), vec![rows]).await.unwrap()];
    let worked_out = bed.work_out(&change, &staged, schema.clone()).await.unwrap();
    let record = bed.record(&change, staged, schema, &worked_out).await;
    bed.lake.claim(&record, &bed.ctx).await.unwrap();
    Some(record)
}

/// How a rival ended.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ended {
    Landed,
    ShutOut,
    Moved,
    /// A compaction, whichever way: it says so when it gave up.
    Compacted,
}

async fn rival(bed: &Bed, record: Option<&CommitRecord>) -> Ended {
    let Some(record) = record else {
        match bed.lake.compact(&bed.target, 2, &bed.ctx).await {
            Ok(_) => return Ended::Compacted,
            Err(e) if e.kind() == ErrorKind::Conflict => return Ended::Compacted,
            Err(e) => panic!("{}", e.to_text()),
        }
    };
    match bed.lake.commit(record, 0, &bed.ctx).await {
        Ok(Committed::Written(_)) => Ended::Landed,
        Ok(Committed::ShutOut) => Ended::ShutOut,
        Ok(Committed::Moved) => Ended::Moved,
        other => panic!("{other:?}"),
    }
}

/// Worked out anew on the newest version, under the same number.
async fn reworked(bed: &Bed, record: &CommitRecord) -> CommitRecord {
    let mut record = record.clone();
    let part = &record.parts[0];
    let anew = bed.lake.work_out(
        &part.target,
        part.schema.clone(),
        &part.change,
        &part.staged,
        &part.grains,
        &bed.ctx,
    );
    record.parts[0].plan = anew.await.unwrap().plan;
    record
}

#[tokio::test(flavor = "multi_thread")]
async fn every_pair_from_one_version_ends_refused_or_rerun_and_never_in_a_wrong_table() {
    for first in KINDS {
        for second in KINDS {
            let bed = four_files().await;
            let records = [prepared(&bed, first).await, prepared(&bed, second).await];
            let ended = join_all(records.iter().map(|r| rival(&bed, r.as_ref()))).await;
            let name = format!("{first:?} and {second:?} ended {ended:?}");
            let mut done = Vec::new();
            for (kind, (record, ended)) in [first, second].into_iter().zip(records.iter().zip(&ended)) {
                match (record, ended) {
                    (_, Ended::Landed | Ended::Compacted) => done.push(kind),
                    (Some(_), Ended::ShutOut) => {}
                    (Some(record), Ended::Moved) => {
                        assert!(
                            first == Kind::Compact || second == Kind::Compact,
                            "{name}: a rival's commit is no other program's"
                        );
                        assert_eq!(rows(&bed).await, after(&[]), "{name}");
                        let anew = reworked(&bed, record).await;
                        assert_eq!(rival(&bed, Some(&anew)).await, Ended::Landed, "{name}");
                        done.push(kind);
                    }
                    (None, _) => unreachable!("a compaction is neither"),
                }
            }
            assert_eq!(rows(&bed).await, after(&done), "{name}");
            let commits = records.iter().flatten().count();
            let landed = done.iter().filter(|k| **k != Kind::Compact).count();
            assert_eq!(
                landed,
                commits.min(1),
                "{name}: of two commits on one predecessor one lands"
            );
            // Whoever was shut out never lands, and is right when it is worked out anew.
            for (kind, (record, ended)) in [first, second].into_iter().zip(records.iter().zip(&ended)) {
                if let (Some(record), Ended::ShutOut) = (record, ended) {
                    let anew = reworked(&bed, record).await;
                    assert_eq!(rival(&bed, Some(&anew)).await, Ended::ShutOut, "{name}");
                    let again = prepared(&bed, kind).await.expect("it is a commit");
                    assert_eq!(rival(&bed, Some(&again)).await, Ended::Landed, "{name}");
                    done.push(kind);
                }
            }
            assert_eq!(rows(&bed).await, after(&done), "{name}, then again");
        }
    }
}
