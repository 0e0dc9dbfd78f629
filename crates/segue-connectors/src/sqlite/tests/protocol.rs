//! One commit after the other, at most once each; what waits, what fails half-way, what a kill leaves.

use super::*;

#[tokio::test]
async fn only_the_predecessor_lets_a_commit_land() {
    let mut w = World::new();
    let t = target(1, "related");
    let (first, _) = w
        .record(&t, Change::Append, batch(&[row(1, "a", 1)]), None)
        .await
        .unwrap();
    let (stale, _) = w
        .record(&t, Change::Append, batch(&[row(2, "b", 1)]), None)
        .await
        .unwrap();
    assert_eq!(w.sink.commit(&first, 0, &w.ctx).await.unwrap(), Committed::Written(1));
    assert_eq!(w.sink.commit(&stale, 0, &w.ctx).await.unwrap(), Committed::ShutOut);
    w.land(&t, Change::Append, batch(&[row(3, "c", 1)]), None)
        .await
        .unwrap();
    // Long past, and still known.
    assert_eq!(
        w.sink.commit(&first, 0, &w.ctx).await.unwrap(),
        Committed::AlreadyThere(1)
    );
    assert_snapshot!(w.rows(&t).await, @"
    1 a 1970-01-02
    3 c 1970-01-02
    ");
    let records = w.sink.records(&t, &w.ctx).await.unwrap();
    assert_eq!(
        records.iter().map(|r| (r.n, r.predecessor)).collect::<Vec<_>>(),
        [(1, 0), (3, 1)]
    );
    let changes = w.sink.changes(&t, 1, 9, &w.ctx).await.unwrap();
    assert_eq!(
        changes,
        [LoggedChange {
            version: 3,
            n: Some(3),
            data_changed: true
        }]
    );
    let tables: Result<Vec<Target>> = w.sink.tables(&w.ctx).await.unwrap().into_iter().collect();
    assert_eq!(tables.unwrap(), std::slice::from_ref(&t));
    assert_eq!(w.sink.highest(&t, &w.ctx).await.unwrap(), 3);
    assert_eq!(
        said(w.read(w.sink.at(&t, 3, &w.ctx).await.unwrap()).await.map(|b| b.len())),
        "1"
    );
    assert!(w.sink.at(&t, 1, &w.ctx).await.is_err(), "SQLite keeps no older version");
}

#[tokio::test]
async fn a_write_waits_for_another_and_then_says_that_it_is_busy() {
    let mut w = World::new();
    let t = target(1, "related");
    w.land(&t, Change::Append, batch(&[row(1, "a", 1)]), None)
        .await
        .unwrap();
    let (record, _) = w
        .record(&t, Change::Append, batch(&[row(2, "b", 1)]), None)
        .await
        .unwrap();
    let other = Connection::open(w.path()).unwrap();
    other.execute_batch("begin immediate").unwrap();
    let busy = w.sink.commit(&record, 0, &w.ctx).await.unwrap_err();
    assert_eq!(
        (busy.kind(), busy.error_code()),
        (segue_core::Kind::Unavailable, Some(segue_diag::SQLITE_BUSY))
    );
    // Reading goes on meanwhile.
    assert_eq!(w.sink.head(&t, &w.ctx).await.unwrap().n, 1);
    other.execute_batch("rollback").unwrap();
    assert_eq!(w.sink.commit(&record, 0, &w.ctx).await.unwrap(), Committed::Written(2));
}

#[tokio::test]
async fn a_commit_that_fails_half_way_is_taken_back() {
    let mut w = World::new();
    let t = target(1, "related");
    w.land(&t, Change::Append, batch(&[row(1, "a", 1)]), None)
        .await
        .unwrap();
    // What a full disk does: some rows are written, and then one is not.
    w.sql("create trigger full before insert on related when new.id = 5000 begin select raise(abort, 'no room'); end");
    let rows: Vec<Row> = (2..9000).map(|i| row(i, "a name that takes some room", 1)).collect();
    let (record, _) = w.record(&t, Change::Append, batch(&rows), None).await.unwrap();
    assert!(w.sink.commit(&record, 0, &w.ctx).await.is_err());
    assert_eq!(w.rows(&t).await, "1 a 1970-01-02", "nothing of it");
    w.sql("drop trigger full");
    assert_eq!(w.sink.commit(&record, 0, &w.ctx).await.unwrap(), Committed::Written(2));
    assert_eq!(w.rows(&t).await.lines().count(), 8999);
}

#[tokio::test]
async fn a_dropped_table_is_gone_with_its_marks_and_files() {
    let mut w = World::new();
    let t = target(1, "related");
    w.land(&t, Change::Append, batch(&[row(1, "a", 1)]), None)
        .await
        .unwrap();
    let staged = w.stage(&t, batch(&[row(2, "b", 1)]), None).await;
    w.sink.drop_table(&t, &w.ctx).await.unwrap();
    let head = w.sink.head(&t, &w.ctx).await.unwrap();
    assert_eq!((head.n, head.schema), (0, None));
    assert!(w.sink.tables(&w.ctx).await.unwrap().is_empty());
    w.sink.discard(&t, &[staged], None, &w.ctx).await.unwrap();
    w.sink.drop_table(&t, &w.ctx).await.unwrap();
}

#[tokio::test]
async fn staged_rows_are_read_discarded_and_missed() {
    let mut w = World::new();
    let t = target(1, "related");
    let (record, _) = w
        .record(&t, Change::Append, batch(&[row(1, "a", 1)]), None)
        .await
        .unwrap();
    let staged = &record.own().staged;
    let wider: SchemaRef = Arc::new(Schema::new(vec![
        Type::Int64.field("id", true),
        Type::Bool.field("flag", true),
    ]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![5])),
        Arc::new(BooleanArray::from(vec![true])),
    ];
    let more = w.stage(&t, RecordBatch::try_new(wider, columns).unwrap(), None).await;
    let both = [staged[0].clone(), more.clone()];
    let rows = w.sink.staged(&t, &both, &w.ctx).await.unwrap();
    assert_eq!(rows.schema().fields().len(), 4);
    let ids: Vec<RecordBatch> = rows.scan(Some(&[0])).await.unwrap().try_collect().await.unwrap();
    assert_eq!(text(&ids), "1\n5");
    assert!(
        ids[0]
            .column(0)
            .as_primitive_opt::<arrow_array::types::Int64Type>()
            .is_some_and(|c| c.len() == 1)
    );
    w.sink.discard(&t, &both, None, &w.ctx).await.unwrap();
    w.sink.discard(&t, &both, None, &w.ctx).await.unwrap();
    let gone = w.sink.commit(&record, 0, &w.ctx).await.unwrap_err();
    assert_eq!(gone.kind(), segue_core::Kind::NotFound);
    assert_eq!(w.sink.head(&t, &w.ctx).await.unwrap().n, 0);
    let escape = Staged {
        rows: 0,
        bytes: 0,
        place: json!({ "file": "../../x.arrow" }),
    };
    assert!(
        w.sink.staged(&t, &[escape], &w.ctx).await.is_err(),
        "no path leads out of the staging folder"
    );
}

#[tokio::test]
async fn nothing_is_left_over_in_the_staging_folder() {
    let mut w = World::new();
    let t = target(1, "related");
    w.land(&t, Change::Append, batch(&[row(1, "a", 1)]), None)
        .await
        .unwrap();
    w.rows(&t).await;
    let folder = w.dir.path().join("staging/sqlite");
    std::fs::write(folder.join("read-00.arrow"), "of a process that died").unwrap();
    w.rows(&t).await;
    let mut left = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => assert_eq!(
                std::fs::read_dir(path).unwrap().count(),
                0,
                "what landed is no longer staged"
            ),
            false => left.push(path.file_name().unwrap().to_str().unwrap().to_string()),
        }
    }
    assert_eq!(left, ["read.lock"]);
}

const CHILD: &str = "SEGUE_TEST_SQLITE_CHILD";

/// Not a test of its own: the process that is killed. It commits one after another, each replacing the table by ten rows of its number.
#[test]
fn child_that_commits_until_it_is_killed() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let dir = std::path::PathBuf::from(dir);
        let sink = sink_at(&dir, "app.db").unwrap();
        let mut w = World {
            dir: tempfile::tempdir().unwrap(),
            sink,
            ctx: Ctx::new("test", Arc::new(SystemClock::default())),
            n: 0,
        };
        let t = target(1, "related");
        w.n = w.sink.head(&t, &w.ctx).await.unwrap().n;
        loop {
            let rows = vec![row(w.n as i64 + 1, "x", 1); 10];
            w.land_once(&t, batch(&rows)).await;
            println!("landed {}", w.n);
        }
    });
}

impl World {
    async fn land_once(&mut self, target: &Target, rows: RecordBatch) {
        let (record, _) = self.record(target, Change::ReplaceTable, rows, None).await.unwrap();
        self.sink.commit(&record, 0, &self.ctx).await.unwrap();
    }
}

/// Killed anywhere, the table is as before or as after a commit, and every commit that was said to have landed is there.
#[tokio::test]
async fn a_kill_leaves_before_or_after() {
    use std::io::{BufRead as _, BufReader};
    let w = World::new();
    let t = target(1, "related");
    for round in 0..8 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "sqlite::tests::protocol::child_that_commits_until_it_is_killed",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(CHILD, w.dir.path())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let mut said = 0;
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for (count, line) in lines
            .map_while(|l| l.ok())
            .filter_map(|l| l.rsplit_once("landed ")?.1.parse::<u64>().ok())
            .enumerate()
        {
            said = line;
            if count == round {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(said > 0, "the child committed");
        let head = w.sink.head(&t, &w.ctx).await.unwrap();
        assert!(head.n >= said, "what landed stays");
        let rows = w.rows(&t).await;
        assert_eq!(rows, vec![format!("{} x 1970-01-02", head.n); 10].join("\n"));
        let along: Vec<u64> = w.sink.records(&t, &w.ctx).await.unwrap().iter().map(|r| r.n).collect();
        assert_eq!(along, (1..=head.n).collect::<Vec<_>>());
    }
}
