use super::{FindBy, Indexes, NameOptions, Only};
use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures::StreamExt;
use proptest::prelude::*;
use segue_core::engine::{Pinned, Relation, TableKey};
use segue_core::{Batches, Ctx, Limits, Result, SystemClock, TableId};
use segue_names::{Answer, Index};
use std::any::Any;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows that are a version of a table, and count how often they are read.
pub(crate) struct Version {
    rows: RecordBatch,
    pinned: Option<Pinned>,
    reads: AtomicUsize,
}

impl Version {
    pub(crate) fn of(rows: RecordBatch, pinned: Option<Pinned>) -> Arc<Version> {
        Arc::new(Version {
            rows,
            pinned,
            reads: AtomicUsize::new(0),
        })
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Relation for Version {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    async fn scan(&self, columns: Option<&[usize]>) -> Result<Batches> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let rows = match columns {
            Some(columns) => self.rows.project(columns).unwrap(),
            None => self.rows.clone(),
        };
        Ok(futures::stream::once(async move { Ok(rows) }).boxed())
    }

    fn pinned(&self) -> Option<Pinned> {
        self.pinned.clone()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn table_of(n: u64) -> TableId {
    format!("00000000-0000-0000-0000-{n:012x}").parse().unwrap()
}

fn pinned(version: u64) -> Option<Pinned> {
    Some(Pinned {
        table: table_of(7),
        version,
        content: format!("files of {version}"),
    })
}

/// Rows of lines `id name | alias | alias = popularity`; `-` is null.
pub(crate) fn rows(lines: &str) -> RecordBatch {
    let (mut ids, mut names, mut known) = (Vec::new(), Vec::new(), Vec::new());
    let mut aliases = ListBuilder::new(StringBuilder::new());
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (line, popularity) = line.split_once(" = ").unwrap_or((line, ""));
        let mut parts = line.split(" | ");
        let (id, name) = parts.next().unwrap().split_once(' ').unwrap();
        ids.push(id.parse::<i64>().ok());
        names.push(Some(name).filter(|name| *name != "-"));
        known.push(popularity.parse::<f64>().ok());
        parts.for_each(|alias| aliases.values().append_value(alias));
        aliases.append(true);
    }
    let columns: [(&str, ArrayRef); 4] = [
        ("known", Arc::new(Float64Array::from(known))),
        ("aliases", Arc::new(aliases.finish())),
        ("name", Arc::new(StringArray::from(names))),
        ("id", Arc::new(Int64Array::from(ids))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}

pub(crate) fn by() -> FindBy {
    FindBy {
        id: "id".into(),
        name: "name".into(),
        aliases: vec!["aliases".into()],
        popularity: Some("known".into()),
        only: None,
    }
}

/// Where the index is kept.
fn file_of(folder: &Path) -> PathBuf {
    folder.join(format!("{}.names", table_of(7)))
}

fn key() -> TableKey {
    TableKey::new("raw", "artists")
}

fn indexes(folder: Option<&Path>, by: FindBy) -> Indexes {
    Indexes::new(NameOptions {
        folder: folder.map(Path::to_path_buf),
        tables: BTreeMap::from([(key(), by)]),
    })
}

fn ctx() -> Ctx {
    Ctx::new("dev", Arc::new(SystemClock::default()))
}

/// What a person would see of an answer.
fn shown(answer: &Answer) -> String {
    let what = match answer {
        Answer::One(_) => "one",
        Answer::Several(_) => "several",
        Answer::None(_) => "none",
    };
    let each = answer.candidates().iter().map(|c| format!(" {} {}", c.id, c.name));
    std::iter::once(what.to_string()).chain(each).collect()
}

async fn asked(indexes: &Indexes, rows: &Arc<Version>, text: &str) -> String {
    let rows: Arc<dyn Relation> = rows.clone();
    match indexes.resolve(&key(), &rows, text, &ctx()).await {
        Ok(answer) => shown(&answer),
        Err(error) => error.to_text(),
    }
}

const FIRST: &str = "
    1 aespa | 에스파 = 80
    2 The Beatles | ビートルズ | fab four = 90
    3 Nirvana = 82
";
const SECOND: &str = "
    1 aespa | 에스파 = 80
    2 The Beatles | ビートルズ = 90
    4 Eminem = 92
";

#[tokio::test]
async fn rows_are_found_by_their_columns() {
    let indexes = indexes(None, by());
    let table = Version::of(
        rows("1 aespa | 에스파 = 80\n- Nobody\n2 -\n3 Nirvana = 30\n4 Nirvana = 82\n4 nirvana uk"),
        None,
    );
    let mut all = Vec::new();
    for text in ["에스파", "AESPA", "nirvana", "Nirvana UK", "nobody", "-"] {
        all.push(format!("{text} -> {}", asked(&indexes, &table, text).await));
    }
    insta::assert_snapshot!(all.join("\n"), @r"
    에스파 -> one 1 aespa
    AESPA -> one 1 aespa
    nirvana -> several 4 Nirvana 3 Nirvana
    Nirvana UK -> one 4 Nirvana
    nobody -> none
    - -> none
    ");
    assert_eq!(table.reads(), 6, "rows that are no version are read each time");
}

#[tokio::test]
async fn only_rows_that_count_are_found() {
    let rows = rows("1 aespa\n2 Nirvana\n3 Eminem");
    let mut columns = rows.columns().to_vec();
    let mut fields = rows.schema().fields().to_vec();
    let now: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]));
    let gone: ArrayRef = Arc::new(StringArray::from(vec![Some("long ago"), None, None]));
    for (name, column) in [("current", now), ("gone", gone)] {
        fields.push(Arc::new(arrow_schema::Field::new(
            name,
            column.data_type().clone(),
            true,
        )));
        columns.push(column);
    }
    let rows = RecordBatch::try_new(Arc::new(arrow_schema::Schema::new(fields)), columns).unwrap();
    let table = Version::of(rows, None);
    let mut found = Vec::new();
    for only in [Only::True("current".into()), Only::Null("gone".into())] {
        let indexes = indexes(
            None,
            FindBy {
                only: Some(only),
                ..by()
            },
        );
        for text in ["aespa", "nirvana", "eminem"] {
            found.push(asked(&indexes, &table, text).await);
        }
    }
    assert_eq!(
        found,
        ["one 1 aespa", "none", "none", "none", "one 2 Nirvana", "one 3 Eminem"]
    );
}

#[tokio::test]
async fn columns_that_do_not_fit_are_told() {
    let table = Version::of(rows(FIRST), pinned(1));
    let wrong = [
        FindBy {
            name: "nam".into(),
            ..by()
        },
        FindBy {
            id: "known".into(),
            ..by()
        },
        FindBy {
            name: "id".into(),
            ..by()
        },
        FindBy {
            aliases: vec!["name".into(), "id".into()],
            ..by()
        },
        FindBy {
            popularity: Some("name".into()),
            ..by()
        },
    ];
    let mut all = Vec::new();
    for by in wrong {
        all.push(asked(&indexes(None, by), &table, "x").await);
    }
    let other: Arc<dyn Relation> = table.clone();
    let without = indexes(None, by())
        .resolve(&TableKey::new("raw", "tracks"), &other, "x", &ctx())
        .await;
    all.extend(without.err().map(|e| e.to_text()));
    insta::assert_snapshot!(all.join("\n"), @r"
    error[SG1001]: `find` of `raw.artists` names the column `nam`, which its table does not have
      hint: did you mean `name`?
      more: segue explain SG1001
    error[SG1001]: `find` of `raw.artists` names the column `known` as its `id`, which is of type float64
      hint: an id is text, a UUID or a whole number
      more: segue explain SG1001
    error[SG1001]: `find` of `raw.artists` names the column `id` as its `name`, which is of type int64
      hint: a name is text
      more: segue explain SG1001
    error[SG1001]: `find` of `raw.artists` names the column `id` as its `aliases`, which is of type int64
      hint: an alias is text, or a list of text
      more: segue explain SG1001
    error[SG1001]: `find` of `raw.artists` names the column `name` as its `popularity`, which is of type string
      hint: how well known something is, is a number
      more: segue explain SG1001
    error[SG1003]: `raw.tracks` does not say how its rows are found by a name
      hint: write `find: { id: …, name: … }` into the file of `raw.tracks`, with its columns
      more: segue explain SG1003
    ");
}

#[tokio::test]
async fn more_names_than_memory_is_allowed_for_are_refused() {
    let many: String = (0..1100).map(|n| format!("{n} name {n}\n")).collect();
    let table: Arc<dyn Relation> = Version::of(rows(&many), pinned(1));
    let mut ctx = ctx();
    ctx.limits = Limits {
        memory: 1 << 20,
        ..ctx.limits
    };
    let refused = indexes(None, by()).resolve(&key(), &table, "name 7", &ctx).await;
    insta::assert_snapshot!(refused.err().map(|e| e.to_text()).unwrap_or_default(), @r#"
    error[SG1005]: the names of `raw.artists` need more memory than the 1 MiB that they may use
      limit: limits.memory
      hint: let `find:` stand at an asset with the rows that are asked for, or allow more: segue sql --memory 4GiB "select * from resolve('…', 'raw.artists')"
      more: segue explain SG1005
    "#);
}

#[tokio::test]
async fn the_next_process_reads_what_was_kept_and_follows_what_came() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("names");
    let (first, second) = (
        Version::of(rows(FIRST), pinned(3)),
        Version::of(rows(SECOND), pinned(5)),
    );
    let one = indexes(Some(&path), by());
    assert_eq!(asked(&one, &first, "fab four").await, "one 2 The Beatles");
    assert_eq!(asked(&one, &first, "에스파").await, "one 1 aespa");
    assert_eq!(first.reads(), 1, "memory has it");
    // Another process.
    let two = indexes(Some(&path), by());
    assert_eq!(asked(&two, &first, "ビートルズ").await, "one 2 The Beatles");
    assert_eq!(first.reads(), 1, "the disk has it");
    assert_eq!(asked(&two, &second, "fab four").await, "none");
    assert_eq!(asked(&two, &second, "eminem").await, "one 4 Eminem");
    assert_eq!(second.reads(), 1);
    // The first process has the version before still, and finds the newer one on the disk.
    assert_eq!(asked(&one, &second, "eminem").await, "one 4 Eminem");
    assert_eq!(second.reads(), 1, "the disk has it");
    // Of the version before everything is as it was.
    assert_eq!(asked(&one, &first, "fab four").await, "one 2 The Beatles");
    let names: Vec<String> = std::fs::read_dir(&path)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.iter().all(|n| !n.contains("partial")), "{names:?}");
    two.forget(table_of(7));
    assert!(!file_of(&path).exists());
}

#[tokio::test]
async fn what_a_table_was_is_asked_once_and_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let indexes = indexes(Some(folder.path()), by());
    let newest = Version::of(rows(SECOND), pinned(5));
    assert_eq!(asked(&indexes, &newest, "eminem").await, "one 4 Eminem");
    let kept = std::fs::read(file_of(folder.path())).unwrap();
    let before = Version::of(rows(FIRST), pinned(3));
    let relation: Arc<dyn Relation> = before.clone();
    for _ in 0..2 {
        let found = indexes
            .resolve(&TableKey::new("raw", "artists@3"), &relation, "fab four", &ctx())
            .await;
        assert_eq!(shown(&found.unwrap()), "one 2 The Beatles");
    }
    assert_eq!(before.reads(), 2);
    assert_eq!(asked(&indexes, &newest, "eminem").await, "one 4 Eminem");
    assert_eq!(newest.reads(), 1);
    assert_eq!(std::fs::read(file_of(folder.path())).unwrap(), kept);
}

#[tokio::test]
async fn a_table_that_was_lost_and_made_anew_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let first = Version::of(rows(FIRST), pinned(1));
    assert_eq!(
        asked(&indexes(Some(folder.path()), by()), &first, "fab four").await,
        "one 2 The Beatles"
    );
    // The same table and version, by other files.
    let again = Version::of(
        rows(SECOND),
        pinned(1).map(|p| Pinned {
            content: "others".into(),
            ..p
        }),
    );
    let indexes = indexes(Some(folder.path()), by());
    assert_eq!(asked(&indexes, &again, "fab four").await, "none");
    assert_eq!(asked(&indexes, &again, "eminem").await, "one 4 Eminem");
}

#[tokio::test]
async fn an_index_of_other_columns_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let table = Version::of(rows(FIRST), pinned(1));
    assert_eq!(
        asked(&indexes(Some(folder.path()), by()), &table, "fab four").await,
        "one 2 The Beatles"
    );
    let plain = indexes(
        Some(folder.path()),
        FindBy {
            aliases: Vec::new(),
            ..by()
        },
    );
    assert_eq!(asked(&plain, &table, "fab four").await, "none");
    assert_eq!(asked(&plain, &table, "beatles").await, "one 2 The Beatles");
    assert_eq!(table.reads(), 2);
}

/// Whatever happened to the file: it is made anew.
#[tokio::test]
async fn a_file_that_is_damaged_is_as_if_it_were_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let first = Version::of(rows(FIRST), pinned(1));
    assert_eq!(
        asked(&indexes(Some(folder.path()), by()), &first, "fab four").await,
        "one 2 The Beatles"
    );
    let file = file_of(folder.path());
    let whole = std::fs::read(&file).unwrap();
    let mut damaged: Vec<Vec<u8>> = vec![Vec::new(), b"no index".to_vec(), [&whole[..], b"more"].concat()];
    damaged.extend((0..whole.len()).step_by(97).map(|end| whole[..end].to_vec()));
    damaged.extend((0..whole.len()).step_by(61).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        bytes
    }));
    for bytes in damaged {
        std::fs::write(&file, &bytes).unwrap();
        let table = Version::of(rows(FIRST), pinned(1));
        let indexes = indexes(Some(folder.path()), by());
        assert_eq!(asked(&indexes, &table, "fab four").await, "one 2 The Beatles");
        assert_eq!(asked(&indexes, &table, "에스파").await, "one 1 aespa");
        assert_eq!(table.reads(), 1, "of {} bytes nothing is believed", bytes.len());
        assert_eq!(std::fs::read(&file).unwrap(), whole, "and it is kept anew");
    }
}

#[tokio::test]
async fn where_nothing_can_be_kept_names_are_found_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("names");
    std::fs::write(&taken, "a file stands where the folder would").unwrap();
    let table = Version::of(rows(FIRST), pinned(1));
    assert_eq!(
        asked(&indexes(Some(&taken), by()), &table, "nirvana").await,
        "one 3 Nirvana"
    );
}

#[tokio::test]
async fn indexes_in_memory_are_few() {
    let indexes = indexes(None, by());
    for n in 0..10 {
        let pinned = pinned(1).map(|p| Pinned {
            table: table_of(n),
            ..p
        });
        let table = Version::of(rows(FIRST), pinned);
        assert_eq!(asked(&indexes, &table, "nirvana").await, "one 3 Nirvana");
    }
    assert_eq!(indexes.held.lock().len(), super::MOST_HELD);
}

#[tokio::test]
async fn who_asks_at_the_same_time_waits_for_the_same_index() {
    let indexes = indexes(None, by());
    let table = Version::of(rows(FIRST), pinned(1));
    let all = futures::future::join_all((0..8).map(|_| asked(&indexes, &table, "nirvana"))).await;
    assert!(all.iter().all(|found| found == "one 3 Nirvana"), "{all:?}");
    assert_eq!(table.reads(), 1);
}

#[tokio::test]
async fn somebody_who_asks_for_an_end_is_heard() {
    let table: Arc<dyn Relation> = Version::of(rows(FIRST), pinned(1));
    let ctx = ctx();
    ctx.cancel.cancel();
    let done = indexes(None, by()).resolve(&key(), &table, "nirvana", &ctx).await;
    assert_eq!(done.err().map(|e| e.kind()), Some(segue_core::Kind::Cancelled));
}

fn some_rows() -> impl Strategy<Value = Vec<(i64, String, Vec<String>)>> {
    let name = || "[abc가나]{1,6}";
    proptest::collection::vec((0..12_i64, name(), proptest::collection::vec(name(), 0..3)), 0..14)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    /// Whichever versions were asked for before, by this process or by others: the answer is that of an index made of this version alone.
    #[test]
    fn an_answer_is_that_of_its_version(
        versions in proptest::collection::vec(some_rows(), 1..5),
        asked in proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>(), "[abc가나]{1,6}"), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let lines = |rows: &Vec<(i64, String, Vec<String>)>| {
            let line = |(id, name, aliases): &(i64, String, Vec<String>)| {
                format!("{id} {}\n", std::iter::once(name).chain(aliases).cloned().collect::<Vec<_>>().join(" | "))
            };
            rows.iter().map(line).collect::<String>()
        };
        let versions: Vec<Arc<Version>> = versions
            .iter()
            .enumerate()
            .map(|(n, rows_of)| Version::of(rows(&lines(rows_of)), pinned(n as u64)))
            .collect();
        let mut process = indexes(Some(folder.path()), by());
        for (at, is_new_process, text) in asked {
            if is_new_process {
                process = indexes(Some(folder.path()), by());
            }
            let version = at.get(&versions);
            let relation: Arc<dyn Relation> = version.clone();
            let found = runtime.block_on(process.resolve(&key(), &relation, &text, &ctx())).unwrap();
            let columns = super::Columns::of(&key(), &by(), &version.rows.schema()).unwrap();
            let entries = runtime.block_on(columns.read(&relation, &ctx())).unwrap();
            prop_assert_eq!(found, Index::build("", entries).resolve(&text));
        }
    }
}
