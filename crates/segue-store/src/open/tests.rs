use super::*;
use crate::store::Store;
use crate::testing::*;
use insta::assert_snapshot;
use segue_core::SystemClock;
use std::sync::Arc;

/// What opening this place says, without the folder that the test made.
async fn said(folder: &Path, place: &str) -> String {
    let place = if place.starts_with('/') || place.contains("://") {
        place.to_string()
    } else {
        format!("{}/{place}", folder.display())
    };
    match Store::open(&place, TestClock::at(MORNING)).await {
        Ok(_) => "opened".into(),
        Err(e) => e.to_text().replace(&folder.display().to_string(), "DIR"),
    }
}

#[tokio::test]
async fn a_state_is_made_with_its_folder_and_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let d = folder.path();
    assert_snapshot!(said(d, "a/b/state.db").await, @"opened");
    assert_snapshot!(said(d, "a/b/state.db").await, @"opened");
    std::fs::write(d.join("empty.db"), "").unwrap();
    assert_snapshot!(said(d, "empty.db").await, @"opened");
    assert_snapshot!(said(d, &format!("sqlite://{}", d.join("c.db").display())).await, @"opened");
    assert!(d.join("c.db").is_file());
}

#[tokio::test]
async fn what_is_no_state_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let d = folder.path();
    std::fs::write(d.join("notes.txt"), "some notes").unwrap();
    assert_snapshot!(said(d, "notes.txt").await, @"
    error[SG0601]: this is not a state of Segue: it is not a database
      state: DIR/notes.txt
      hint: name another file under `state:` in segue.yaml; nothing was changed in this one
      more: segue explain SG0601
    ");
    assert_eq!(std::fs::read_to_string(d.join("notes.txt")).unwrap(), "some notes");
    std::fs::create_dir(d.join("folder")).unwrap();
    assert_snapshot!(said(d, "folder").await, @"
    error[SG0601]: this is not a state of Segue: it is a folder
      state: DIR/folder
      hint: name a file in it, such as state.db
      more: segue explain SG0601
    ");
    assert_snapshot!(said(d, "notes.txt/state.db").await, @"
    error[SG0601]: `DIR/notes.txt` is a file, and the state needs a folder there
      cause: File exists (os error 17)
      more: segue explain SG0601
    ");
    let other = SqliteConnectOptions::new()
        .filename(d.join("other.db"))
        .create_if_missing(true);
    let pool = SqlitePool::connect_with(other).await.unwrap();
    sqlx::raw_sql("create table customers (id integer)")
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    assert_snapshot!(said(d, "other.db").await, @"
    error[SG0601]: this is not a state of Segue: it is a database of something else
      state: DIR/other.db
      hint: name another file under `state:` in segue.yaml; nothing was changed in this one
      more: segue explain SG0601
    ");
    assert_snapshot!(said(d, "postgres://host/db").await, @"
    error[SG0609]: a state cannot be kept in `postgres` by this version
      hint: name a file, such as state: .segue/state.db
      more: segue explain SG0609
    ");
}

#[tokio::test]
async fn a_later_versions_state_is_not_touched() {
    let f = Fixture::new().await;
    sqlx::query("update segue_state set version = 99")
        .execute(&f.store.0.writer)
        .await
        .unwrap();
    f.store.close().await;
    assert_snapshot!(said(f.folder.path(), "state.db").await, @"
    error[SG0602]: the state has version 99, and this program knows 3
      state: DIR/state.db
      hint: use the version of Segue that wrote it, or a later one
      more: segue explain SG0602
    ");
}

#[tokio::test]
async fn a_damaged_file_is_said_to_be_one() {
    let f = Fixture::new().await;
    let guard = f.store.lease(asset(1), "ada").await.unwrap();
    drop(guard);
    f.store.close().await;
    let path = f.path("state.db");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100..4096].fill(0xAA);
    std::fs::write(&path, bytes).unwrap();
    let said = said(f.folder.path(), "state.db").await;
    assert!(
        said.starts_with("error[SG0604]: cannot open the state: the state is damaged"),
        "{said}"
    );
}

/// A folder in which nobody, not even root, can make anything.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_folder_that_may_not_be_written_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let said = said(folder.path(), "/proc/segue/state.db").await;
    assert!(
        said.starts_with("error[SG0603]: cannot make the state's folder `/proc/segue`"),
        "{said}"
    );
}

#[test]
fn what_sqlite_answers_is_told_apart() {
    #[derive(Debug)]
    struct Answered(i32);
    impl std::fmt::Display for Answered {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "code {}", self.0)
        }
    }
    impl std::error::Error for Answered {}
    impl sqlx::error::DatabaseError for Answered {
        fn message(&self) -> &str {
            "answered"
        }
        fn code(&self) -> Option<std::borrow::Cow<'_, str>> {
            Some(self.0.to_string().into())
        }
        fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
            self
        }
        fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
            self
        }
        fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
            self
        }
        fn kind(&self) -> sqlx::error::ErrorKind {
            sqlx::error::ErrorKind::Other
        }
    }
    let of = |code: i32| {
        let e = failed("write")(sqlx::Error::Database(Box::new(Answered(code))));
        format!("{code}: {:?} {}", e.kind(), e.error_code().map_or("", |c| c.as_str()))
    };
    // Extended codes, such as 522 (a short read), are told by their low byte.
    assert_snapshot!([5, 6, 8, 10, 11, 13, 14, 26, 522, 1032, 1].map(of).join("\n"), @"
    5: Unavailable SG0605
    6: Unavailable SG0605
    8: Denied SG0603
    10: Unavailable 
    11: BadData SG0604
    13: Unavailable SG0606
    14: Denied SG0603
    26: Invalid SG0601
    522: Unavailable 
    1032: Denied SG0603
    1: Bug 
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_processes_make_one_state_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("state.db");
    let mut tasks = Vec::new();
    for _ in 0..6 {
        let place = place.display().to_string();
        tasks.push(tokio::spawn(async move {
            Store::open(&place, Arc::new(SystemClock::default())).await
        }));
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn every_connection_that_writes_syncs_its_log_at_each_commit() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, _reader) = open(&folder.path().join("state.db"), &SystemClock::default())
        .await
        .unwrap();
    for _ in 0..2 {
        let mut connection = writer.acquire().await.unwrap();
        let pragma = async |connection: &mut SqliteConnection, statement: &'static str| {
            let row = sqlx::query(statement).fetch_one(connection).await.unwrap();
            row.try_get::<String, _>(0)
                .unwrap_or_else(|_| row.get::<i64, _>(0).to_string())
        };
        assert_eq!(pragma(&mut connection, "pragma journal_mode").await, "wal");
        // FULL: in this mode the log is synced before a commit returns; NORMAL would leave it to the next checkpoint.
        assert_eq!(pragma(&mut connection, "pragma synchronous").await, "2");
        // The next one is made anew.
        connection.close().await.unwrap();
    }
}
