//! What every sink promises, as far as a file that is replaced as a whole can keep it, and what is a file's own.

use super::home::Home;
use super::*;
use crate::connector::ConnectionSettings;
use arrow_array::BooleanArray;
use arrow_row::{OwnedRow, RowConverter, SortField};
use arrow_select::filter::filter_record_batch;
use futures::TryStreamExt;
use segue_core::commit::{LedgerChange, Role};
use segue_core::{AssetId, AssetName, Clock, CommitId, TableId, Type};
use segue_testkit::clock::ManualClock;
use segue_testkit::conformance::sink::{Ability, Harness, Place, check_case};
use segue_testkit::gate::MemoryGate;
use segue_testkit::moto::Moto;
use segue_testkit::notes::MemoryNotes;
use serde_json::json;
use std::collections::HashSet;
use std::path::Path;
use tempfile::TempDir;

fn deps(folder: &Path) -> Deps {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    Deps {
        connection: "out".into(),
        gate: Arc::new(MemoryGate::new(clock.clone())),
        notes: Arc::new(MemoryNotes::new(clock.clone())),
        clock,
        project_dir: folder.join("project"),
        staging_dir: folder.join("staging"),
        tape: None,
    }
}

fn beside(folder: &Path) -> Export {
    std::fs::create_dir_all(folder.join("project")).unwrap();
    let home = Home::Folder(Folder {
        path: folder.join("project"),
        disk: Arc::new(Fsync),
    });
    Export::new(home, format!("files:{}", folder.display()), &deps(folder))
}

/// Adding to a file and merging into it, as whoever keeps the whole would: the suite's cases speak of tables that grow.
struct Growing(Export);

impl Growing {
    /// All rows that the table has after the change, as pieces to replace it with.
    async fn whole(
        &self,
        target: &Target,
        schema: &SchemaRef,
        change: &Change,
        staged: &[Staged],
        ctx: &Ctx,
    ) -> Result<Vec<Staged>> {
        let head = self.0.head(target, ctx).await?;
        let mut there: Vec<RecordBatch> = Vec::new();
        if head.schema.is_some() {
            let table = self.0.at(target, head.version, ctx).await?;
            there = table.scan(None).await?.try_collect().await?;
        }
        let mut there = there
            .iter()
            .map(|batch| segue_core::align::align(batch, schema))
            .collect::<Result<Vec<_>>>()?;
        let mut coming = Vec::new();
        for one in staged {
            for pair in staged::read(&self.0.staging.dir, one)? {
                let (batch, deletes) = pair?;
                coming.push((segue_core::align::align(&batch, schema)?, deletes));
            }
        }
        let kept = match change.key() {
            [] => {
                return Ok([self.stage(target, schema, there, ctx).await?]
                    .into_iter()
                    .chain(staged.to_vec())
                    .collect());
            }
            key => key,
        };
        let at: Vec<usize> = kept.iter().map(|name| schema.index_of(name).unwrap()).collect();
        let fields = at
            .iter()
            .map(|at| SortField::new(schema.field(*at).data_type().clone()));
        let converter = RowConverter::new(fields.collect()).unwrap();
        let keys = |batch: &RecordBatch| -> Vec<OwnedRow> {
            let columns: Vec<_> = at.iter().map(|at| batch.column(*at).clone()).collect();
            converter
                .convert_columns(&columns)
                .unwrap()
                .iter()
                .map(|row| row.owned())
                .collect()
        };
        let replaced: HashSet<OwnedRow> = coming.iter().flat_map(|(batch, _)| keys(batch)).collect();
        for batch in &mut there {
            let stays: BooleanArray = keys(batch).iter().map(|key| Some(!replaced.contains(key))).collect();
            *batch = filter_record_batch(batch, &stays).unwrap();
        }
        for (batch, deletes) in coming {
            let comes: BooleanArray = deletes.iter().map(|d| Some(d != Some(true))).collect();
            there.push(filter_record_batch(&batch, &comes).unwrap());
        }
        Ok(vec![self.stage(target, schema, there, ctx).await?])
    }

    async fn stage(&self, target: &Target, schema: &SchemaRef, rows: Vec<RecordBatch>, ctx: &Ctx) -> Result<Staged> {
        let rows = rows.into_iter().map(|batch| Ok(Rows { batch, deletes: None }));
        let rows: Vec<_> = rows.collect();
        self.0
            .stage(target, schema.clone(), stream::iter(rows).boxed(), ctx)
            .await
    }
}

#[async_trait]
impl Sink for Growing {
    fn identity(&self) -> String {
        self.0.identity()
    }
    fn claims(&self) -> bool {
        self.0.claims()
    }
    async fn head(&self, target: &Target, ctx: &Ctx) -> Result<Head> {
        self.0.head(target, ctx).await
    }
    async fn stage(
        &self,
        target: &Target,
        schema: SchemaRef,
        rows: BoxStream<'static, Result<Rows>>,
        ctx: &Ctx,
    ) -> Result<Staged> {
        self.0.stage(target, schema, rows, ctx).await
    }
    async fn work_out(
        &self,
        target: &Target,
        schema: SchemaRef,
        change: &Change,
        staged: &[Staged],
        grains: &[Grain],
        ctx: &Ctx,
    ) -> Result<WorkedOut> {
        let whole = match change {
            Change::ReplaceTable => staged.to_vec(),
            _ => self.whole(target, &schema, change, staged, ctx).await?,
        };
        self.0
            .work_out(target, schema, &Change::ReplaceTable, &whole, grains, ctx)
            .await
    }
    async fn view(&self, target: &Target, plan: &Value, ctx: &Ctx) -> Result<Arc<dyn Relation>> {
        self.0.view(target, plan, ctx).await
    }
    async fn staged(&self, target: &Target, staged: &[Staged], ctx: &Ctx) -> Result<Arc<dyn Relation>> {
        self.0.staged(target, staged, ctx).await
    }
    async fn at(&self, target: &Target, version: u64, ctx: &Ctx) -> Result<Arc<dyn Relation>> {
        self.0.at(target, version, ctx).await
    }
    async fn claim(&self, record: &CommitRecord, ctx: &Ctx) -> Result<Claim> {
        self.0.claim(record, ctx).await
    }
    async fn highest(&self, target: &Target, ctx: &Ctx) -> Result<u64> {
        self.0.highest(target, ctx).await
    }
    async fn commit(&self, record: &CommitRecord, part: usize, ctx: &Ctx) -> Result<Committed> {
        self.0.commit(record, part, ctx).await
    }
    async fn discard(&self, target: &Target, staged: &[Staged], plan: Option<&Value>, ctx: &Ctx) -> Result<()> {
        self.0.discard(target, staged, plan, ctx).await
    }
    async fn sweep(&self, target: &Target, named: &[Staged], ctx: &Ctx) -> Result<()> {
        self.0.sweep(target, named, ctx).await
    }
    async fn records(&self, target: &Target, ctx: &Ctx) -> Result<Vec<CommitRecord>> {
        self.0.records(target, ctx).await
    }
    async fn tables(&self, ctx: &Ctx) -> Result<Vec<Result<Target>>> {
        self.0.tables(ctx).await
    }
    async fn changes(&self, target: &Target, since: u64, until: u64, ctx: &Ctx) -> Result<Vec<LoggedChange>> {
        self.0.changes(target, since, until, ctx).await
    }
    async fn drop_table(&self, target: &Target, ctx: &Ctx) -> Result<()> {
        self.0.drop_table(target, ctx).await
    }
}

const LACKS: &[Ability] = &[
    Ability::OldVersions,
    Ability::Companions,
    Ability::OtherPrograms,
    Ability::SeenOtherwise,
    Ability::AnyTable,
    Ability::AnyColumn,
    Ability::MergeLeavesOthers,
    Ability::Rules,
    Ability::Passes,
];

struct Files;

struct Beside(TempDir);

#[async_trait]
impl Harness for Files {
    async fn place(&self) -> Result<Box<dyn Place>> {
        Ok(Box::new(Beside(tempfile::tempdir().unwrap())))
    }
    fn lacks(&self) -> &'static [Ability] {
        LACKS
    }
}

#[async_trait]
impl Place for Beside {
    async fn open(&self) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(Growing(beside(self.0.path()))))
    }
    fn connection(&self) -> Option<String> {
        Some("out".into())
    }
    fn named(&self, name: &str) -> String {
        format!("exports/{name}.parquet")
    }
}

/// The cases of the suite that speak of a whole table, one after the other on a place of its own each.
const OF_A_WHOLE: [&str; 28] = [
    "a_commit_lands_once",
    "a_commit_by_two_at_once_lands_once",
    "only_the_predecessor_lets_a_commit_land",
    "a_predecessor_that_never_was_lets_nothing_land",
    "of_rivals_at_once_one_lands",
    "the_head_tells_the_last_commit",
    "a_record_is_carried_out_by_another_process",
    "a_commit_that_is_dropped_is_before_or_after",
    "a_commit_whose_rows_are_gone_changes_nothing",
    "a_number_belongs_to_the_attempt_that_claimed_it",
    "the_highest_number_is_told",
    "what_is_staged_worked_out_and_claimed_is_seen_by_no_reader",
    "what_is_staged_for_no_table_makes_none",
    "a_stage_that_fails_says_so",
    "a_stage_that_is_cancelled_ends",
    "staged_rows_are_read_alone",
    "a_sweep_keeps_what_is_named",
    "rows_are_added",
    "values_return_as_they_went",
    "null_returns_as_null_of_every_type",
    "a_schema_returns_as_it_went",
    "another_assets_table_is_refused",
    "records_tell_what_was_committed",
    "tables_are_told_with_their_assets",
    "changes_are_told_by_version",
    "another_version_than_asked_for_is_never_read",
    "a_dropped_table_is_gone_and_may_come_again",
    "the_place_has_one_name",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_file_beside_the_project_keeps_what_every_sink_promises_of_a_whole_table() {
    let mut broken = Vec::new();
    for case in OF_A_WHOLE {
        if let Err(e) = check_case(&Files, case).await {
            broken.push(format!("{case}: {e}"));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

struct Buckets(String);

struct InBucket {
    url: String,
    prefix: String,
    folder: TempDir,
}

impl InBucket {
    fn sink(&self) -> Result<Export> {
        let settings = json!({ "bucket": "out", "endpoint": self.url, "prefix": self.prefix, "access_key_id": "a", "secret_access_key": "secret" });
        let deps = deps(self.folder.path());
        let settings = ConnectionSettings::new(settings).read::<crate::stores::settings::S3>("out")?;
        Ok(Export::into_bucket(settings.open(&deps)?, &deps))
    }
}

#[async_trait]
impl Harness for Buckets {
    async fn place(&self) -> Result<Box<dyn Place>> {
        Ok(Box::new(InBucket {
            url: self.0.clone(),
            prefix: uuid::Uuid::new_v4().to_string(),
            folder: tempfile::tempdir().unwrap(),
        }))
    }
    fn lacks(&self) -> &'static [Ability] {
        LACKS
    }
}

#[async_trait]
impl Place for InBucket {
    async fn open(&self) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(Growing(self.sink()?)))
    }
    fn connection(&self) -> Option<String> {
        Some("out".into())
    }
    fn named(&self, name: &str) -> String {
        format!("exports/{name}.parquet")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_a_bucket_keeps_what_every_sink_promises_of_a_whole_table() {
    crate::connector::install_tls();
    let Some(moto) = Moto::start("that a file in a bucket is written once") else {
        return;
    };
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let made = client.put(format!("{}/out", moto.url())).send().await.unwrap();
    assert!(made.status().is_success(), "{made:?}");
    let mut broken = Vec::new();
    // What moto does when several write at once is not what S3 does: one after the other here.
    let at_once = [
        "a_commit_by_two_at_once_lands_once",
        "of_rivals_at_once_one_lands",
        "values_return_as_they_went",
    ];
    for case in OF_A_WHOLE.iter().filter(|case| !at_once.contains(case)) {
        if let Err(e) = check_case(&Buckets(moto.url()), case).await {
            broken.push(format!("{case}: {e}"));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// A table, and what is done to it.
struct Bed {
    folder: TempDir,
    sink: Export,
    ctx: Ctx,
    target: Target,
    n: u64,
}

fn schema() -> SchemaRef {
    let fields = [Type::Int64.field("id", false), Type::String.field("name", true)];
    Arc::new(arrow_schema::Schema::new(fields.to_vec()))
}

fn rows(names: &[&str]) -> RecordBatch {
    let ids: arrow_array::Int64Array = (1..=names.len() as i64).collect();
    let names: arrow_array::StringArray = names.iter().map(|n| Some(n.to_string())).collect();
    RecordBatch::try_new(schema(), vec![Arc::new(ids), Arc::new(names)]).unwrap()
}

impl Bed {
    fn new() -> Bed {
        let folder = tempfile::tempdir().unwrap();
        let sink = beside(folder.path());
        Bed {
            sink,
            folder,
            ctx: Ctx::new("dev", Arc::new(ManualClock::default())),
            target: Target {
                asset: AssetId::random(),
                table: TableId::random(),
                name: "serving.artists".parse::<AssetName>().unwrap(),
                place: "exports/artists.parquet".into(),
                connection: Some("files".into()),
            },
            n: 0,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("project/exports/artists.parquet")
    }

    async fn record(&mut self, names: &[&str]) -> Result<CommitRecord> {
        let stream = stream::iter([Ok(Rows {
            batch: rows(names),
            deletes: None,
        })])
        .boxed();
        let staged = self.sink.stage(&self.target, schema(), stream, &self.ctx).await?;
        let change = Change::ReplaceTable;
        let worked = self
            .sink
            .work_out(
                &self.target,
                schema(),
                &change,
                std::slice::from_ref(&staged),
                &[],
                &self.ctx,
            )
            .await?;
        self.n += 1;
        let part = Part {
            role: Role::Table,
            target: self.target.clone(),
            predecessor: self.sink.head(&self.target, &self.ctx).await?.n,
            change,
            schema: schema(),
            staged: vec![staged],
            grains: Vec::new(),
            plan: worked.plan,
        };
        Ok(CommitRecord {
            format: CommitRecord::FORMAT,
            n: self.n,
            id: CommitId::random(),
            predecessor: part.predecessor,
            asset: self.target.asset,
            name: self.target.name.clone(),
            table: self.target.table,
            read_at: jiff::Timestamp::UNIX_EPOCH,
            run: None,
            position: None,
            inputs: Vec::new(),
            ledger: LedgerChange::default(),
            footprint: worked.footprint,
            whole_ledger: None,
            handled: None,
            columns: None,
            parts: vec![part],
        })
    }

    async fn land(&mut self, names: &[&str]) -> CommitRecord {
        let record = self.record(names).await.unwrap();
        let done = self.sink.commit(&record, 0, &self.ctx).await.unwrap();
        assert_eq!(done, Committed::Written(record.n));
        record
    }

    async fn names(&self) -> Vec<String> {
        let head = self.sink.head(&self.target, &self.ctx).await.unwrap();
        let table = self.sink.at(&self.target, head.version, &self.ctx).await.unwrap();
        let batches: Vec<RecordBatch> = table.scan(None).await.unwrap().try_collect().await.unwrap();
        let mut names = Vec::new();
        for batch in &batches {
            use arrow_array::cast::AsArray;
            names.extend(
                batch
                    .column(1)
                    .as_string::<i32>()
                    .iter()
                    .map(|n| n.unwrap().to_string()),
            );
        }
        names
    }

    /// Names in the file's folder.
    fn beside(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path().parent().unwrap()).unwrap();
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn what_another_program_made_is_left_as_it_is() {
    for content in [b"not Parquet at all".to_vec(), Vec::new()] {
        let mut bed = Bed::new();
        std::fs::create_dir_all(bed.path().parent().unwrap()).unwrap();
        std::fs::write(bed.path(), &content).unwrap();
        let error = bed.sink.head(&bed.target, &bed.ctx).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.error_code()),
            (Kind::Conflict, Some(codes::EXPORT_FOREIGN))
        );
        assert_eq!(bed.record(&["ann"]).await.unwrap_err().kind(), Kind::Conflict);
        assert_eq!(
            bed.sink.drop_table(&bed.target, &bed.ctx).await.unwrap_err().kind(),
            Kind::Conflict
        );
        assert_eq!(std::fs::read(bed.path()).unwrap(), content);
        assert_eq!(bed.sink.tables(&bed.ctx).await.unwrap().len(), 0);
    }
}

/// Another program puts a file of its own there between working out and committing.
#[tokio::test]
async fn a_file_that_comes_in_between_is_not_overwritten() {
    let mut bed = Bed::new();
    let record = bed.record(&["ann"]).await.unwrap();
    std::fs::create_dir_all(bed.path().parent().unwrap()).unwrap();
    std::fs::write(bed.path(), "theirs").unwrap();
    let done = bed.sink.commit(&record, 0, &bed.ctx).await;
    assert_eq!(done.unwrap_err().kind(), Kind::Conflict);
    assert_eq!(std::fs::read(bed.path()).unwrap(), b"theirs");
    // One of ours that was copied over itself is another file: worked out anew.
    std::fs::remove_file(bed.path()).unwrap();
    let mut bed = Bed::new();
    bed.land(&["ann"]).await;
    let record = bed.record(&["bob"]).await.unwrap();
    let copy = std::fs::read(bed.path()).unwrap();
    std::fs::remove_file(bed.path()).unwrap();
    std::fs::write(bed.path(), copy).unwrap();
    assert_eq!(bed.sink.commit(&record, 0, &bed.ctx).await.unwrap(), Committed::Moved);
    assert_eq!(bed.names().await, ["ann"]);
}

#[tokio::test]
async fn a_stale_writer_changes_nothing() {
    let mut bed = Bed::new();
    bed.land(&["ann"]).await;
    let stale = bed.record(&["stale"]).await.unwrap();
    bed.land(&["ann", "bob"]).await;
    for _ in 0..2 {
        assert_eq!(bed.sink.commit(&stale, 0, &bed.ctx).await.unwrap(), Committed::ShutOut);
    }
    assert_eq!(bed.names().await, ["ann", "bob"]);
    assert_eq!(bed.beside(), ["artists.parquet"], "nothing half-written is left");
}

#[tokio::test]
async fn what_a_process_that_died_left_is_swept_and_nothing_else() {
    let mut bed = Bed::new();
    bed.land(&["ann"]).await;
    let left = format!(".artists.parquet.{}.segue", uuid::Uuid::new_v4());
    for name in [
        left.as_str(),
        ".artists.parquet.mine.segue",
        ".other.parquet.x.segue",
        "keep.parquet",
    ] {
        std::fs::write(bed.path().with_file_name(name), "x").unwrap();
    }
    bed.sink.sweep(&bed.target, &[], &bed.ctx).await.unwrap();
    assert_eq!(
        bed.beside(),
        [
            ".artists.parquet.mine.segue",
            ".other.parquet.x.segue",
            "artists.parquet",
            "keep.parquet"
        ]
    );
}

#[tokio::test]
async fn the_same_rows_in_another_order_are_no_change() {
    let mut bed = Bed::new();
    bed.land(&["ann", "bob", "bob"]).await;
    let same = rows(&["ann", "bob", "bob"]);
    let turned = arrow_select::take::take_record_batch(&same, &arrow_array::UInt32Array::from(vec![2, 0, 1])).unwrap();
    for (batch, unchanged) in [(turned, true), (same.slice(0, 2), false)] {
        let stream = stream::iter([Ok(Rows { batch, deletes: None })]).boxed();
        let staged = bed.sink.stage(&bed.target, schema(), stream, &bed.ctx).await.unwrap();
        let worked = bed
            .sink
            .work_out(&bed.target, schema(), &Change::ReplaceTable, &[staged], &[], &bed.ctx)
            .await
            .unwrap();
        assert_eq!(worked.unchanged, unchanged);
        assert_eq!((worked.rows_written, worked.rows_removed), (0, u64::from(!unchanged)));
    }
}

/// Past what is kept of rows in memory it is still known whether they are the same.
#[test]
fn more_rows_than_are_kept_are_compared_as_a_whole() {
    let (one, other) = (rows(&["ann", "bob", "eve"]), rows(&["ann", "bob", "zoe"]));
    let again = |batch: &RecordBatch| {
        let batch = batch.clone();
        move || -> Result<Box<dyn Iterator<Item = Result<RecordBatch>>>> {
            Ok(Box::new([Ok(batch.clone())].into_iter()))
        }
    };
    let (one, other) = (again(&one), again(&other));
    let same = difference(&one, &one, &schema(), &[], 2).unwrap();
    assert_eq!((same.same, same.written, same.removed), (true, 0, 0));
    let differs = difference(&one, &other, &schema(), &[], 2).unwrap();
    assert_eq!((differs.same, differs.written, differs.removed), (false, 3, 3));
    let exact = difference(&one, &other, &schema(), &[], 100).unwrap();
    assert_eq!((exact.same, exact.written, exact.removed), (false, 1, 1));
}

#[tokio::test]
async fn a_file_is_changed_in_no_other_way() {
    let bed = Bed::new();
    let stream = stream::iter([Ok(Rows {
        batch: rows(&["ann"]),
        deletes: None,
    })])
    .boxed();
    let staged = bed.sink.stage(&bed.target, schema(), stream, &bed.ctx).await.unwrap();
    for change in [Change::Append, Change::merge(["id"])] {
        let worked = bed
            .sink
            .work_out(
                &bed.target,
                schema(),
                &change,
                std::slice::from_ref(&staged),
                &[],
                &bed.ctx,
            )
            .await;
        let error = worked.unwrap_err();
        assert_eq!(
            (error.kind(), error.error_code()),
            (Kind::Unsupported, Some(codes::EXPORT_MODE))
        );
    }
    for place in ["../out.parquet", "/tmp/out.parquet", "out.csv", ".hidden/out.parquet"] {
        let target = Target {
            place: place.into(),
            ..bed.target.clone()
        };
        let error = bed.sink.head(&target, &bed.ctx).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.error_code()),
            (Kind::Invalid, Some(codes::EXPORT_PATH)),
            "{place}"
        );
    }
}

/// Of many commits the last ones are kept in the file, and it says where they begin.
#[tokio::test]
async fn a_file_remembers_its_last_commits() {
    let mut bed = Bed::new();
    let mut first = None;
    for n in 0..25 {
        let name = n.to_string();
        let record = bed.land(&[&name]).await;
        first.get_or_insert(record);
    }
    let records = bed.sink.records(&bed.target, &bed.ctx).await.unwrap();
    assert_eq!(records.len(), 20);
    assert!(records.windows(2).all(|pair| pair[1].predecessor == pair[0].n));
    assert_eq!(records.last().unwrap().n, 25);
    let changes = bed.sink.changes(&bed.target, 20, 25, &bed.ctx).await.unwrap();
    assert_eq!(changes.len(), 5);
    assert_eq!(
        bed.sink.changes(&bed.target, 0, 25, &bed.ctx).await.unwrap_err().kind(),
        Kind::NotFound
    );
    // One that is no longer remembered has no way in, either.
    let done = bed.sink.commit(&first.unwrap(), 0, &bed.ctx).await.unwrap();
    assert_eq!(done, Committed::ShutOut);
}
