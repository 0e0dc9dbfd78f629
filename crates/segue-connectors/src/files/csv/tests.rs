//! A file that changes under the reader.

use super::*;
use crate::files::input::{self, Open};
use crate::files::place::{Listed, Opened};
use crate::files::read::Reading;
use crate::files::shape;
use segue_core::Ctx;
use segue_core::source::{Read, ReadRequest};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

/// Reads a file that something happens to once its columns are known.
fn read_while(path: &Path, happens: impl FnOnce()) -> String {
    let clock: Arc<dyn segue_core::Clock> = Arc::new(segue_testkit::clock::ManualClock::default());
    let ctx = Ctx::new("dev", clock);
    let copy: FilesCopy = serde_json::from_value(json!({ "path": "a.csv" })).unwrap();
    let request = ReadRequest::all_of(json!({}));
    let (out, mut results) = tokio::sync::mpsc::channel(4);
    let listed = Listed {
        path: "a.csv".into(),
        size: 0,
        mark: String::new(),
        modified: None,
    };
    let opened = Opened::of(std::fs::File::open(path).unwrap(), String::new()).unwrap();
    let open = Open::of(&listed, opened, &copy).unwrap();
    let table = Csv::of(&open.inputs[0], &copy).unwrap();
    let mut reading = Reading::new(&copy, &request, &ctx, &out);
    let shape = shape::of(&mut reading, &table).unwrap().unwrap();
    happens();
    let read = reading.rows(&table, shape).and_then(|()| match open.is_unchanged()? {
        true => Ok(()),
        false => Err(input::changed("a.csv")),
    });
    match read {
        Err(error) => format!("{} {}", error.kind(), error.message()),
        Ok(()) => match results.try_recv() {
            Ok(Read::Rows { batch, .. }) => format!("{} rows of {}", batch.num_rows(), batch.schema().field(0).name()),
            other => format!("{other:?}"),
        },
    }
}

/// What its header said of its columns says nothing of other rows.
#[test]
fn a_file_that_changes_while_it_is_read_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let mut all = Vec::new();
    for (how, text) in [
        ("as it is", "a,b\n1,2\n"),
        ("it grows", "a,b\n1,2\n3,4\n"),
        ("other columns", "b,a\n1,2\n"),
        ("another in its place", "b,a\n1,2\n5,6\n"),
    ] {
        std::fs::write(&path, "a,b\n1,2\n").unwrap();
        let told = read_while(&path, || match how {
            "as it is" => {}
            "another in its place" => {
                std::fs::write(folder.path().join("new"), text).unwrap();
                std::fs::rename(folder.path().join("new"), &path).unwrap();
            }
            _ => std::fs::write(&path, text).unwrap(),
        });
        all.push(format!("{how}: {told}"));
    }
    insta::assert_snapshot!(all.join("\n"), @r"
    as it is: 1 rows of a
    it grows: unavailable the file a.csv changed while it was read
    other columns: unavailable the file a.csv changed while it was read
    another in its place: 1 rows of a
    ");
}
