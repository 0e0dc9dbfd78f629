//! What every source promises, asked of files.

use super::*;
use async_trait::async_trait;
use segue_testkit::conformance::source::{Ability, Harness, Served, check, twins};
use tempfile::TempDir;

/// Files of this form.
struct Folders(&'static str);

struct Folder(TempDir);

const MANY: u64 = 60_000;

#[async_trait]
impl Harness for Folders {
    fn rows(&self) -> u64 {
        MANY
    }

    fn lacks(&self) -> &'static [Ability] {
        // A file does not know who reads it; all projects' files are one source, and there is nothing to log in to.
        &[
            Ability::SeenAtWork,
            Ability::Places,
            Ability::Secrets,
            Ability::Discovers,
        ]
    }

    async fn serve(&self) -> Result<Box<dyn Served>> {
        let folder = tempfile::tempdir().unwrap();
        let line = |id: u64| match self.0 {
            "csv" => format!("{id},a name that takes some room,2024-02-29"),
            _ => format!("{{\"id\":{id},\"name\":\"a name that takes some room\",\"day\":\"2024-02-29\"}}"),
        };
        let mut lines: Vec<String> = (0..MANY).map(line).collect();
        let text = match self.0 {
            "csv" => {
                lines.insert(0, "id,name,day".into());
                lines.join("\n") + "\n"
            }
            "json" => format!("[{}]", lines.join(",")),
            _ => lines.join("\n") + "\n",
        };
        std::fs::write(folder.path().join(format!("many.{}", self.0)), text).unwrap();
        Ok(Box::new(Folder(folder)))
    }
}

impl Folder {
    fn at(&self, folder: &std::path::Path) -> Result<Arc<dyn Source>> {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        let deps = Deps {
            connection: "files".into(),
            gate: Arc::new(MemoryGate::new(clock.clone())),
            notes: Arc::new(segue_testkit::notes::MemoryNotes::new(clock.clone())),
            clock,
            project_dir: folder.to_path_buf(),
            staging_dir: folder.to_path_buf(),
            tape: None,
        };
        (CONNECTOR.source.unwrap())(ConnectionSettings::default(), deps)
    }
}

#[async_trait]
impl Served for Folder {
    fn source(&self) -> Result<Arc<dyn Source>> {
        self.at(self.0.path())
    }

    fn gone(&self) -> Result<Arc<dyn Source>> {
        self.at(&self.0.path().join("nowhere"))
    }

    fn request(&self) -> ReadRequest {
        let column = |name: &str, of: &str| Column {
            name: name.into(),
            of: of.parse().unwrap(),
            required: false,
            path: None,
            value: None,
        };
        ReadRequest {
            schema: ReadSchema {
                columns: Some(vec![
                    column("id", "int64"),
                    column("name", "string"),
                    column("day", "date"),
                ]),
                declared: true,
                ..ReadSchema::default()
            },
            ..ReadRequest::all_of(json!({ "path": "*" }))
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_what_every_source_promises() {
    check(&Folders("csv")).await.expect_held();
    check(&Folders("json")).await.expect_held();
    check(&Folders("jsonl")).await.expect_held();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_a_promise_is_caught() {
    twins::check(&Folders("csv")).await.expect_held();
}
