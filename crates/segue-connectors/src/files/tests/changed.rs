//! Only files that are new or changed.

use super::*;
use std::path::Path;
use std::sync::Mutex;

/// What a read of a folder said, and where it ended.
struct Said {
    text: String,
    position: Option<Value>,
}

struct Step<'a> {
    copy: Value,
    from: Option<Value>,
    merged: bool,
    key: &'a [&'a str],
}

impl Default for Step<'_> {
    fn default() -> Self {
        Step {
            copy: json!({ "position": { "may_repeat": true } }),
            from: None,
            merged: true,
            key: &["id"],
        }
    }
}

async fn step(source: &Files, step: Step<'_>) -> Said {
    let mut copy = json!({ "path": "*.csv", "only": "changed" });
    copy.as_object_mut()
        .unwrap()
        .extend(step.copy.as_object().unwrap().clone());
    let key: Vec<String> = step.key.iter().map(|k| k.to_string()).collect();
    let request = ReadRequest {
        from: step.from,
        merged_by: if step.merged { key.clone() } else { Vec::new() },
        key,
        ..ReadRequest::all_of(copy)
    };
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let stream = match source.read(request, &Ctx::new("dev", clock)).await {
        Ok(stream) => stream,
        Err(error) => {
            return Said {
                text: shown(&error),
                position: None,
            };
        }
    };
    let (mut text, mut position) = (Vec::new(), None);
    for read in stream.collect::<Vec<_>>().await {
        match read {
            Ok(Read::Position(at)) => position = Some(at),
            other => text.extend(lines(&other)),
        }
    }
    let text = text.join("\n");
    Said { text, position }
}

fn folder(at: &Path) -> Files {
    Files::of(Arc::new(local::Folder(at.to_path_buf())), at.to_path_buf())
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

fn known(position: &Option<Value>) -> Vec<String> {
    let files = position.as_ref().and_then(|p| p["files"].as_object());
    files.into_iter().flatten().map(|(path, _)| path.clone()).collect()
}

#[tokio::test]
async fn each_read_begins_where_the_last_one_ended() {
    let temp = tempfile::tempdir().unwrap();
    let (at, source) = (temp.path(), folder(temp.path()));
    write(at, "a.csv", "id\n1\n");
    write(at, "b.csv", "id\n2\n");
    let first = step(&source, Step::default()).await;
    assert_eq!(first.text, "[id int64]\n1\n[id int64]\n2\ndone");
    assert_eq!(known(&first.position), ["a.csv", "b.csv"]);
    let again = step(
        &source,
        Step {
            from: first.position.clone(),
            ..Step::default()
        },
    )
    .await;
    assert_eq!((again.text.as_str(), &again.position), ("done", &first.position));
    write(at, "b.csv", "id\n2\n3\n");
    write(at, "c.csv", "id\n4\n");
    std::fs::remove_file(at.join("a.csv")).unwrap();
    let third = step(
        &source,
        Step {
            from: again.position,
            ..Step::default()
        },
    )
    .await;
    assert_eq!(
        third.text,
        "note 1 file is gone that had been read: a.csv; their rows stay, and a file that comes back is read as a new one\n[id int64]\n2\n3\n[id int64]\n4\ndone"
    );
    assert_eq!(known(&third.position), ["b.csv", "c.csv"]);
}

#[tokio::test]
async fn an_empty_folder_is_no_mistake_once_something_was_read() {
    let temp = tempfile::tempdir().unwrap();
    let (at, source) = (temp.path(), folder(temp.path()));
    let none = step(&source, Step::default()).await;
    assert_eq!(none.text, "error not_found[SG0306]: no file fits `*.csv`");
    write(at, "a.csv", "id\n1\n");
    let first = step(&source, Step::default()).await;
    std::fs::remove_file(at.join("a.csv")).unwrap();
    let away = step(
        &source,
        Step {
            from: first.position.clone(),
            ..Step::default()
        },
    )
    .await;
    assert_eq!(away.text, "note no file fits `*.csv` now\ndone");
    assert_eq!(
        away.position, first.position,
        "nothing is forgotten: the folder may be away for a while"
    );
}

#[tokio::test]
async fn what_changed_is_not_added_again() {
    let temp = tempfile::tempdir().unwrap();
    let (at, source) = (temp.path(), folder(temp.path()));
    write(at, "a.csv", "id\n1\n");
    let appended = |from: Option<Value>| Step {
        copy: json!({}),
        from,
        merged: false,
        key: &[],
    };
    let first = step(&source, appended(None)).await;
    assert_eq!(first.text, "[id int64]\n1\ndone");
    write(at, "a.csv", "id\n1\n22\n");
    write(at, "b.csv", "id\n3\n");
    let second = step(&source, appended(first.position.clone())).await;
    assert_eq!(
        second.text,
        "error bad_data[SG0314]: 1 file was changed that had been read, and its rows would be there twice: a.csv"
    );
    let replaced = Step {
        copy: json!({ "position": { "replaces": true }, "file_column": "file" }),
        from: first.position,
        merged: false,
        key: &["file"],
    };
    let third = step(&source, replaced).await;
    assert_eq!(
        third.text,
        "[id int64, file string]\n1 | a.csv\n22 | a.csv\n[id int64, file string]\n3 | b.csv\ndone"
    );
}

#[tokio::test]
async fn another_position_is_said() {
    let temp = tempfile::tempdir().unwrap();
    write(temp.path(), "a.csv", "id\n1\n");
    let from = Some(json!({ "column": "id", "at": 1 }));
    let said = step(
        &folder(temp.path()),
        Step {
            from,
            ..Step::default()
        },
    )
    .await;
    assert_eq!(
        said.text,
        "error conflict: the last position is not of files that were read"
    );
}

/// What happens in a folder.
type Happens = Box<dyn Fn(&Path) + Send>;

/// A folder in which something happens when a file was opened.
struct Restless {
    folder: local::Folder,
    happens: Mutex<Vec<(String, Happens)>>,
}

#[async_trait]
impl Place for Restless {
    fn identity(&self) -> String {
        self.folder.identity()
    }

    fn root(&self) -> String {
        self.folder.root()
    }

    async fn test(&self, ctx: &Ctx) -> Result<String> {
        self.folder.test(ctx).await
    }

    async fn list(&self, pattern: &Pattern, ctx: &Ctx) -> Result<Vec<Listed>> {
        let listed = self.folder.list(pattern, ctx).await;
        self.happen("list");
        listed
    }

    async fn open(&self, file: &Listed, scratch: &Path, ctx: &Ctx) -> Result<place::Opened> {
        let opened = self.folder.open(file, scratch, ctx).await;
        self.happen(&file.path);
        opened
    }
}

impl Restless {
    fn happen(&self, when: &str) {
        for (at, what) in self.happens.lock().unwrap().iter() {
            if at == when {
                what(&self.folder.0);
            }
        }
    }
}

fn restless(at: &Path, when: &str, what: impl Fn(&Path) + Send + 'static) -> Files {
    let place = Restless {
        folder: local::Folder(at.to_path_buf()),
        happens: Mutex::new(vec![(when.to_string(), Box::new(what) as Happens)]),
    };
    Files::of(Arc::new(place), at.to_path_buf())
}

#[tokio::test]
async fn a_file_that_still_grows_is_not_done() {
    let temp = tempfile::tempdir().unwrap();
    let at = temp.path();
    write(at, "a.csv", "id\n1\n");
    write(at, "b.csv", "id\n2\n");
    let grows = |folder: &Path| write(folder, "a.csv", "id\n1\n11\n");
    let merged = step(&restless(at, "a.csv", grows), Step::default()).await;
    assert!(
        merged
            .text
            .contains("note a.csv changed while it was read: the next run reads it again"),
        "{}",
        merged.text
    );
    assert_eq!(known(&merged.position), ["b.csv"]);
    let next = step(
        &folder(at),
        Step {
            from: merged.position,
            ..Step::default()
        },
    )
    .await;
    assert_eq!(next.text, "[id int64]\n1\n11\ndone");
    let appended = Step {
        copy: json!({}),
        merged: false,
        key: &[],
        ..Step::default()
    };
    let grows = |folder: &Path| write(folder, "a.csv", "id\n1\n11\n111\n");
    let said = step(&restless(at, "a.csv", grows), appended).await;
    assert!(
        said.text
            .ends_with("error unavailable: the file a.csv changed while it was read"),
        "{}",
        said.text
    );
    assert_eq!(said.position, None);
}

#[tokio::test]
async fn a_file_that_goes_before_it_is_read_is_told() {
    let temp = tempfile::tempdir().unwrap();
    let at = temp.path();
    let gone = |folder: &Path| std::fs::remove_file(folder.join("a.csv")).unwrap();
    write(at, "a.csv", "id\n1\n");
    write(at, "b.csv", "id\n2\n");
    let said = step(&restless(at, "list", gone), Step::default()).await;
    assert_eq!(said.text, "note a.csv was gone before it was read\n[id int64]\n2\ndone");
    write(at, "a.csv", "id\n1\n");
    let request = ReadRequest::all_of(json!({ "path": "*.csv" }));
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let stream = restless(at, "list", gone)
        .read(request, &Ctx::new("dev", clock))
        .await
        .unwrap();
    let all: Vec<String> = stream.collect::<Vec<_>>().await.iter().flat_map(lines).collect();
    assert_eq!(all, ["error not_found: cannot read a.csv"]);
}

#[tokio::test]
async fn what_was_read_counts_before_the_rest_where_rows_are_merged() {
    let temp = tempfile::tempdir().unwrap();
    let at = temp.path();
    for n in 0..1_001 {
        write(at, &format!("{n:04}.csv"), &format!("id\n{n}\n"));
    }
    let request = ReadRequest {
        merged_by: vec!["id".into()],
        key: vec!["id".into()],
        ..ReadRequest::all_of(json!({ "path": "*.csv", "only": "changed", "position": { "may_repeat": true } }))
    };
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let stream = folder(at).read(request, &Ctx::new("dev", clock)).await.unwrap();
    let (mut rows, mut reached) = (0, Vec::new());
    let mut last = None;
    for read in stream.collect::<Vec<_>>().await {
        match read.unwrap() {
            Read::Rows { batch, .. } => rows += batch.num_rows(),
            Read::Position(at) => last = Some(known(&Some(at)).len()),
            Read::Reached { .. } | Read::Done { .. } => reached.push((rows, last)),
            _ => {}
        }
    }
    assert_eq!(reached, [(1_000, Some(1_000)), (1_001, Some(1_001))]);
}

#[tokio::test]
async fn rows_tell_of_their_file() {
    let files: [(&str, &[u8]); 3] = [
        ("a.csv", b"id,n\n1,x\n"),
        ("b.jsonl", b"{\"id\": 2, \"n\": \"y\"}\n"),
        ("c.csv", b"id,n\n3,z\n"),
    ];
    let copy = json!({ "path": "*", "file_column": "file" });
    let found = read_files(&files, copy.clone(), &[], |_| {}).await;
    assert_eq!(
        found,
        "[id int64, n string, file string]\n1 | x | a.csv\n[id int64, n string, file string]\n2 | y | b.jsonl\n[id int64, n string, file string]\n3 | z | c.csv\ndone"
    );
    let declared = read_files(&files, copy.clone(), &["file string", "id int64"], |_| {}).await;
    assert!(declared.contains("[file string, id int64]\na.csv | 1\n"), "{declared}");
    assert!(declared.contains("b.jsonl | 2\n"), "{declared}");
    let lacking = read_files(&files, copy, &["id int64"], |_| {}).await;
    assert_eq!(
        lacking,
        "error invalid: the column `file`, which tells of a row's file, is not declared"
    );
    let modified = read_files(
        &files[..1],
        json!({ "path": "*", "modified_column": "at" }),
        &[],
        |_| {},
    )
    .await;
    assert!(
        modified.starts_with("[id int64, n string, at timestamp]\n1 | x | 2"),
        "{modified}"
    );
    let bare: [(&str, &[u8]); 1] = [("a.csv", b"1,x\n")];
    let copy = json!({ "path": "*", "header": false, "file_column": "file" });
    let said = read_files(&bare, copy.clone(), &["id int64", "n string", "file string"], |_| {}).await;
    assert_eq!(said, "[id int64, n string, file string]\n1 | x | a.csv\ndone");
    let known = |request: &mut ReadRequest| request.schema.declared = false;
    let said = read_files(
        &bare,
        copy,
        &["column_1 int64", "column_2 string", "file string"],
        known,
    )
    .await;
    assert_eq!(
        said,
        "[column_1 int64, column_2 string, file string]\n1 | x | a.csv\ndone"
    );
}
