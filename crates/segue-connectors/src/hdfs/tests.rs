//! A stand-in for WebHDFS: two namenodes, of which one stands by, and a datanode that they send on to. `cargo xtask proof hdfs` does the same
//! with Hadoop's own.

use super::Settings;
use super::place::Hdfs;
use crate::connector::{ConnectionSettings, Deps};
use crate::files::pattern::Pattern;
use crate::files::place::{Listed, Place};
use parking_lot::Mutex;
use segue_core::{Clock, Ctx, Error, Kind, Result};
use segue_testkit::clock::ManualClock;
use segue_testkit::gate::MemoryGate;
use segue_testkit::http::{Asked, Reply, Server};
use segue_testkit::notes::MemoryNotes;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Files by their paths: text, and when it was written.
#[derive(Clone, Default)]
struct Tree(Arc<Mutex<BTreeMap<String, (String, i64)>>>);

impl Tree {
    fn of(files: &[(&str, &str)]) -> Tree {
        let tree = Tree::default();
        files.iter().for_each(|(path, text)| tree.put(path, text, 1_000));
        tree
    }

    fn put(&self, path: &str, text: &str, at: i64) {
        self.0.lock().insert(path.into(), (text.into(), at));
    }

    fn status(&self, path: &str, name: &str) -> Option<Value> {
        let files = self.0.lock();
        if let Some((text, at)) = files.get(path) {
            return Some(
                json!({ "pathSuffix": name, "type": "FILE", "length": text.len(), "modificationTime": at, "fileId": 7 }),
            );
        }
        let above = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        let is_folder = files.keys().any(|key| key.starts_with(&above));
        is_folder.then(
            || json!({ "pathSuffix": name, "type": "DIRECTORY", "length": 0, "modificationTime": 1, "fileId": 8 }),
        )
    }

    /// Two entries a part.
    fn list(&self, path: &str, after: &str) -> Value {
        let above = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        let mut names: Vec<String> = self
            .0
            .lock()
            .keys()
            .filter_map(|key| Some(key.strip_prefix(&above)?.split('/').next()?.to_string()))
            .collect();
        names.dedup();
        names.retain(|name| name.as_str() > after);
        let left = names.len().saturating_sub(2);
        names.truncate(2);
        let all: Vec<Value> = names
            .iter()
            .filter_map(|name| self.status(&format!("{above}{name}"), name))
            .collect();
        json!({ "DirectoryListing": { "partialListing": { "FileStatuses": { "FileStatus": all } }, "remainingEntries": left } })
    }

    fn namenode(&self, asked: &Asked, datanode: &str) -> Reply {
        let path = asked
            .path
            .strip_prefix("/webhdfs/v1")
            .unwrap()
            .trim_matches('/')
            .to_string();
        let param = |name| asked.param(name).unwrap_or_default().to_string();
        let missing = || {
            Reply::status(
                404,
                r#"{"RemoteException":{"exception":"FileNotFoundException","message":"File does not exist"}}"#,
            )
        };
        match param("op").as_str() {
            "GETFILESTATUS" => match self.status(&path, "") {
                Some(status) => Reply::json(json!({ "FileStatus": status })),
                None => missing(),
            },
            "LISTSTATUS_BATCH" => match self.status(&path, "") {
                Some(_) => Reply::json(self.list(&path, &param("startAfter"))),
                None => missing(),
            },
            "OPEN" if self.status(&path, "").is_some() => Reply::status(307, "").header(
                "location",
                format!("{datanode}/webhdfs/v1/{path}?op=OPEN&offset={}", param("offset")),
            ),
            _ => missing(),
        }
    }

    fn datanode(&self, asked: &Asked) -> Reply {
        let path = asked.path.strip_prefix("/webhdfs/v1/").unwrap();
        let from: usize = asked.param("offset").unwrap().parse().unwrap();
        let files = self.0.lock();
        Reply::status(200, &files[path].0[from..])
    }
}

fn standby() -> Reply {
    Reply::status(
        403,
        r#"{"RemoteException":{"exception":"StandbyException","message":"Operation category READ is not supported in state standby"}}"#,
    )
}

struct Bed {
    ctx: Ctx,
    scratch: tempfile::TempDir,
    clock: Arc<dyn Clock>,
}

impl Bed {
    fn new() -> Bed {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        Bed {
            ctx: Ctx::new("dev", clock.clone()),
            scratch: tempfile::tempdir().unwrap(),
            clock,
        }
    }

    fn open(&self, settings: Value) -> Result<Hdfs> {
        let deps = Deps {
            connection: "lake".into(),
            gate: Arc::new(MemoryGate::new(self.clock.clone())),
            notes: Arc::new(MemoryNotes::new(self.clock.clone())),
            clock: self.clock.clone(),
            project_dir: self.scratch.path().to_path_buf(),
            staging_dir: self.scratch.path().to_path_buf(),
            tape: None,
        };
        ConnectionSettings::new(settings).read::<Settings>("lake")?.open(&deps)
    }

    async fn list(&self, place: &Hdfs, pattern: &str) -> Result<Vec<String>> {
        let found = place.list(&Pattern::parse(pattern)?, &self.ctx).await?;
        Ok(found.iter().map(|f| format!("{} {}", f.path, f.size)).collect())
    }

    async fn one(&self, place: &Hdfs, path: &str) -> Listed {
        place.list(&Pattern::parse(path).unwrap(), &self.ctx).await.unwrap()[0].clone()
    }

    async fn read(&self, place: &Hdfs, file: &Listed) -> Result<(String, bool)> {
        let mut opened = place.open(file, self.scratch.path(), &self.ctx).await?;
        let mut text = String::new();
        opened.file.read_to_string(&mut text).unwrap();
        Ok((text, opened.mark == file.mark))
    }
}

fn told(error: &Error) -> String {
    let code = error.error_code().map(|c| format!("[{c}]")).unwrap_or_default();
    format!("{}{code}: {}", error.kind(), error.to_text())
}

fn tree() -> Tree {
    Tree::of(&[
        ("data/a.csv", "id\n1\n"),
        ("data/b.csv", "id\n2\n3\n"),
        ("data/c.txt", "x"),
        ("data/deep/er/a.csv", "id\n4\n"),
        ("data/deep/a.csv", "id\n5\n"),
        ("other/a.csv", "id\n6\n"),
    ])
}

/// A namenode and a datanode of this tree.
async fn servers(tree: &Tree) -> (Server, Server) {
    let (name, data) = (tree.clone(), tree.clone());
    let datanode = Server::start(move |asked, _| data.datanode(asked)).await;
    let at = datanode.url();
    (Server::start(move |asked, _| name.namenode(asked, &at)).await, datanode)
}

#[tokio::test]
async fn a_pattern_means_the_files_of_its_folders() {
    let (bed, tree) = (Bed::new(), tree());
    let (namenode, _datanode) = servers(&tree).await;
    let place = bed
        .open(json!({ "namenodes": [namenode.url()], "user": "ann" }))
        .unwrap();
    for (pattern, expected) in [
        ("data/*.csv", vec!["data/a.csv 5", "data/b.csv 7"]),
        ("data/a.csv", vec!["data/a.csv 5"]),
        (
            "**/a.csv",
            vec![
                "data/a.csv 5",
                "data/deep/a.csv 5",
                "data/deep/er/a.csv 5",
                "other/a.csv 5",
            ],
        ),
        (
            "data/**",
            vec![
                "data/a.csv 5",
                "data/b.csv 7",
                "data/c.txt 1",
                "data/deep/a.csv 5",
                "data/deep/er/a.csv 5",
            ],
        ),
        ("*/a.csv", vec!["data/a.csv 5", "other/a.csv 5"]),
        ("data/deep", vec![]),
        ("none/*", vec![]),
        ("data/a.csv/*", vec![]),
    ] {
        assert_eq!(bed.list(&place, pattern).await.unwrap(), expected, "{pattern}");
    }
    assert!(
        namenode.targets().iter().all(|target| target.contains("user.name=ann")),
        "{:?}",
        namenode.targets()
    );
    let below = bed
        .open(json!({ "namenodes": [namenode.url()], "folder": "/data/" }))
        .unwrap();
    assert_eq!(bed.list(&below, "*.csv").await.unwrap(), ["a.csv 5", "b.csv 7"]);
    assert!(below.test(&bed.ctx).await.unwrap().ends_with("/data"));
    let none = bed
        .open(json!({ "namenodes": [namenode.url()], "folder": "nothing" }))
        .unwrap();
    let error = none.test(&bed.ctx).await.unwrap_err();
    assert!(told(&error).starts_with("not_found[SG0332]"), "{}", told(&error));
}

#[tokio::test]
async fn a_file_is_read_from_where_the_namenode_leads() {
    let (bed, tree) = (Bed::new(), tree());
    let (namenode, datanode) = servers(&tree).await;
    let place = bed.open(json!({ "namenodes": [namenode.url()] })).unwrap();
    let file = bed.one(&place, "data/b.csv").await;
    assert_eq!(bed.read(&place, &file).await.unwrap(), ("id\n2\n3\n".to_string(), true));
    assert_eq!(datanode.targets().len(), 1);
    tree.put("data/b.csv", "id\n8\n", 2_000);
    assert_eq!(bed.read(&place, &file).await.unwrap(), ("id\n8\n".to_string(), false));
}

#[tokio::test]
async fn a_download_that_breaks_off_goes_on() {
    let (bed, tree) = (Bed::new(), tree());
    let (data, cuts) = (tree.clone(), AtomicUsize::new(0));
    let datanode = Server::start(move |asked, _| {
        let mut reply = data.datanode(asked);
        reply.cut = (cuts.fetch_add(1, Ordering::SeqCst) < 2).then_some(3);
        reply
    })
    .await;
    let (name, at) = (tree.clone(), datanode.url());
    let namenode = Server::start(move |asked, _| name.namenode(asked, &at)).await;
    let place = bed.open(json!({ "namenodes": [namenode.url()] })).unwrap();
    let file = bed.one(&place, "data/b.csv").await;
    assert_eq!(bed.read(&place, &file).await.unwrap(), ("id\n2\n3\n".to_string(), true));
    let offsets: Vec<String> = datanode
        .asked()
        .iter()
        .map(|asked| asked.param("offset").unwrap().to_string())
        .collect();
    assert_eq!(offsets, ["0", "3", "6"]);
}

/// The datanode sends less, or more, than the namenode says that there is.
#[tokio::test]
async fn a_length_that_is_wrong_is_noticed() {
    for (sent, kind) in [("id\n", Kind::Unavailable), ("id\n2\n3\n4\n5\n", Kind::Unavailable)] {
        let (bed, tree) = (Bed::new(), tree());
        let datanode = Server::start(move |asked, _| {
            let from: usize = asked.param("offset").unwrap().parse().unwrap();
            Reply::status(200, &sent[from.min(sent.len())..])
        })
        .await;
        let at = datanode.url();
        let namenode = Server::start(move |asked, _| tree.namenode(asked, &at)).await;
        let place = bed.open(json!({ "namenodes": [namenode.url()] })).unwrap();
        let file = bed.one(&place, "data/b.csv").await;
        let error = bed.read(&place, &file).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{}", told(&error));
        assert!(told(&error).contains("SG0336"), "{}", told(&error));
    }
}

#[tokio::test]
async fn a_file_that_goes_on_changing_is_said() {
    let (bed, tree) = (Bed::new(), tree());
    let (data, n) = (tree.clone(), AtomicUsize::new(0));
    let datanode = Server::start(move |asked, _| {
        let reply = data.datanode(asked);
        data.put(
            "data/b.csv",
            "id\n2\n3\n",
            5_000 + n.fetch_add(1, Ordering::SeqCst) as i64,
        );
        reply
    })
    .await;
    let (name, at) = (tree.clone(), datanode.url());
    let namenode = Server::start(move |asked, _| name.namenode(asked, &at)).await;
    let place = bed.open(json!({ "namenodes": [namenode.url()] })).unwrap();
    let file = bed.one(&place, "data/b.csv").await;
    let error = bed.read(&place, &file).await.unwrap_err();
    assert!(told(&error).starts_with("unavailable[SG0334]"), "{}", told(&error));
}

#[tokio::test]
async fn the_namenode_that_is_active_is_found_and_kept() {
    let (bed, tree) = (Bed::new(), tree());
    let waiting = Server::start(|_, _| standby()).await;
    let (active, _datanode) = servers(&tree).await;
    let place = bed.open(json!({ "namenodes": [waiting.url(), active.url()] })).unwrap();
    bed.list(&place, "data/*.csv").await.unwrap();
    bed.list(&place, "data/a.csv").await.unwrap();
    assert_eq!(waiting.targets().len(), 1, "it is not asked again");
    let place = bed.open(json!({ "namenodes": [waiting.url()] })).unwrap();
    let error = bed.list(&place, "data/*.csv").await.unwrap_err();
    assert!(
        told(&error).contains("none of the namenodes is active"),
        "{}",
        told(&error)
    );
    assert_eq!(error.kind(), Kind::Unavailable);
}

/// A namenode sends on to wherever it likes: only what belongs to the file system is asked.
#[tokio::test]
async fn a_file_is_not_asked_of_a_machine_that_nobody_named() {
    let (bed, tree) = (Bed::new(), tree());
    for (at, hint) in [
        ("http://169.254.169.254", "datanodes"),
        ("http://metadata.internal:80", "datanodes"),
        ("https://127.0.0.2", "datanodes"),
    ] {
        let name = tree.clone();
        let namenode = Server::start(move |asked, _| name.namenode(asked, at)).await;
        let place = bed.open(json!({ "namenodes": [namenode.url()] })).unwrap();
        let file = bed.one(&place, "data/b.csv").await;
        let error = bed.read(&place, &file).await.unwrap_err();
        assert!(told(&error).starts_with("invalid[SG0338]"), "{at}: {}", told(&error));
        assert!(error.hint_text().unwrap().contains(hint), "{}", told(&error));
    }
    // One that is named, and would be asked in the clear.
    let namenode = Server::start(move |asked, _| tree.namenode(asked, "http://dn1.example.com:9864")).await;
    let place = bed
        .open(json!({ "namenodes": [namenode.url()], "datanodes": ["*.example.com"] }))
        .unwrap();
    let file = bed.one(&place, "data/b.csv").await;
    let error = bed.read(&place, &file).await.unwrap_err();
    assert!(told(&error).contains("in the clear"), "{}", told(&error));
}

#[tokio::test]
async fn no_error_tells_the_token() {
    let bed = Bed::new();
    for status in [400, 401, 403, 500] {
        let namenode = Server::start(move |_, _| {
            Reply::status(
                status,
                r#"{"RemoteException":{"exception":"SecurityException","message":"token HAAEdG9rZW4 is not found"}}"#,
            )
        })
        .await;
        let place = bed
            .open(json!({ "namenodes": [namenode.url()], "delegation_token": "HAAEdG9rZW4" }))
            .unwrap();
        let error = bed.list(&place, "*.csv").await.unwrap_err();
        let mut text = told(&error);
        let mut next = std::error::Error::source(&error);
        while let Some(cause) = next {
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        assert!(!text.contains("HAAEdG9rZW4"), "{text}");
        assert!(namenode.targets()[0].contains("delegation=HAAEdG9rZW4"));
    }
}

#[test]
fn settings_that_lead_nowhere_are_refused() {
    let bed = Bed::new();
    let told = |settings: Value| bed.open(settings).map(|_| ()).map_err(|e| told(&e));
    assert!(
        told(json!({ "namenodes": [] }))
            .unwrap_err()
            .contains("names no namenode")
    );
    assert!(
        told(json!({ "namenodes": ["http://nn.example.com:9870"] }))
            .unwrap_err()
            .contains("in the clear")
    );
    assert!(told(json!({ "namenodes": ["http://nn.example.com:9870"], "allow_http": true })).is_ok());
    assert!(told(json!({ "namenodes": ["https://nn.example.com:9871"], "folder": "../x" })).is_err());
    assert!(
        told(json!({ "namenodes": ["https://nn.example.com:9871"], "user": "a", "delegation_token": "b" }))
            .unwrap_err()
            .contains("two ways")
    );
}

/// Hadoop itself, where `cargo xtask proof hdfs` has started it.
mod real {
    use super::*;

    async fn put(url: &str, path: &str, text: &'static str) {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let mut at = url::Url::parse(url).unwrap();
        at.path_segments_mut()
            .unwrap()
            .extend(["webhdfs", "v1"])
            .extend(path.split('/'));
        at.set_query(Some("op=CREATE&overwrite=true&user.name=root"));
        let sent = client.put(at).send().await.unwrap();
        let place = sent.headers()["location"].to_str().unwrap().to_string();
        let written = client.put(place).body(text).send().await.unwrap();
        assert_eq!(written.status().as_u16(), 201, "{written:?}");
    }

    #[tokio::test]
    async fn files_of_hadoop_itself_are_listed_and_read() {
        let Ok(url) = std::env::var("SEGUE_TEST_HDFS") else {
            println!("left out: Hadoop itself; `cargo xtask proof hdfs` fetches and starts it (Java 17 and Maven)");
            return;
        };
        crate::connector::install_tls();
        for (path, text) in [
            ("proof/data/a.csv", "id\n1\n"),
            ("proof/data/b.csv", "id\n2\n3\n"),
            ("proof/data/한 &.csv", "id\n4\n"),
            ("proof/data/empty.csv", ""),
            ("proof/data/deep/er/a.csv", "id\n5\n"),
        ] {
            put(&url, path, text).await;
        }
        let bed = Bed::new();
        let place = bed
            .open(json!({ "namenodes": [url], "folder": "/proof", "user": "root" }))
            .unwrap();
        assert!(place.test(&bed.ctx).await.unwrap().ends_with("/proof"));
        for (pattern, expected) in [
            (
                "data/*.csv",
                vec!["data/a.csv 5", "data/b.csv 7", "data/empty.csv 0", "data/한 &.csv 5"],
            ),
            ("**/a.csv", vec!["data/a.csv 5", "data/deep/er/a.csv 5"]),
            ("data/b.csv", vec!["data/b.csv 7"]),
            ("data/none.csv", vec![]),
            ("none/*", vec![]),
            ("data/deep", vec![]),
        ] {
            assert_eq!(bed.list(&place, pattern).await.unwrap(), expected, "{pattern}");
        }
        let file = bed.one(&place, "data/b.csv").await;
        assert_eq!(bed.read(&place, &file).await.unwrap(), ("id\n2\n3\n".to_string(), true));
        assert_eq!(
            bed.read(&place, &bed.one(&place, "data/한 &.csv").await)
                .await
                .unwrap()
                .0,
            "id\n4\n"
        );
        assert_eq!(
            bed.read(&place, &bed.one(&place, "data/empty.csv").await)
                .await
                .unwrap()
                .0,
            ""
        );
        put(&url, "proof/data/b.csv", "id\n9\n").await;
        assert_eq!(bed.read(&place, &file).await.unwrap(), ("id\n9\n".to_string(), false));
        let gone = Listed {
            path: "data/gone.csv".into(),
            ..file
        };
        assert_eq!(bed.read(&place, &gone).await.unwrap_err().kind(), Kind::NotFound);
    }
}
