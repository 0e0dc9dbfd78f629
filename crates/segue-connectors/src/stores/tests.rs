//! Buckets as places: a stand-in that speaks as each store does and misbehaves on demand, and moto for S3 as it is.

mod faults;
mod moto;
mod real;
mod settings;
mod shelf;
mod told;

use crate::connector::{ConnectionSettings, Connector, Deps};
use crate::files::pattern::Pattern;
use crate::files::place::{Listed, Place};
use crate::stores::bucket::Bucket;
use crate::stores::settings as keys;
use segue_core::{Clock, Ctx, Error, Result};
use segue_testkit::clock::ManualClock;
use segue_testkit::gate::MemoryGate;
use segue_testkit::notes::MemoryNotes;
use serde_json::{Value, json};
use std::io::Read;
use std::sync::Arc;

/// A folder to keep things in, and what a connection is given.
pub(super) struct Bed {
    pub ctx: Ctx,
    pub scratch: tempfile::TempDir,
    clock: Arc<dyn Clock>,
}

impl Bed {
    pub fn new() -> Bed {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        Bed {
            ctx: Ctx::new("dev", clock.clone()),
            scratch: tempfile::tempdir().unwrap(),
            clock,
        }
    }

    pub fn deps(&self) -> Deps {
        Deps {
            connection: "bucket".into(),
            gate: Arc::new(MemoryGate::new(self.clock.clone())),
            notes: Arc::new(MemoryNotes::new(self.clock.clone())),
            clock: self.clock.clone(),
            project_dir: self.scratch.path().to_path_buf(),
            staging_dir: self.scratch.path().to_path_buf(),
            tape: None,
        }
    }

    /// The bucket that these settings mean.
    pub fn open(&self, kind: &str, settings: Value) -> Result<Bucket> {
        let (settings, deps) = (ConnectionSettings::new(settings), self.deps());
        match kind {
            "s3" => settings.read::<keys::S3>("bucket")?.open(&deps),
            "gcs" => settings.read::<keys::Gcs>("bucket")?.open(&deps),
            _ => settings.read::<keys::Azure>("bucket")?.open(&deps),
        }
    }

    /// The paths that fit, each with its size.
    pub async fn list(&self, bucket: &Bucket, pattern: &str) -> Result<Vec<String>> {
        let mut found = bucket.list(&Pattern::parse(pattern)?, &self.ctx).await?;
        found.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(found.iter().map(|f| format!("{} {}", f.path, f.size)).collect())
    }

    /// The one file of this path.
    pub async fn one(&self, bucket: &Bucket, path: &str) -> Listed {
        let found = bucket.list(&Pattern::parse(path).unwrap(), &self.ctx).await.unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].clone()
    }

    /// What is in a file that was listed, and whether it is still what was listed.
    pub async fn read(&self, bucket: &Bucket, file: &Listed) -> Result<(Vec<u8>, bool)> {
        let mut opened = bucket.open(file, self.scratch.path(), &self.ctx).await?;
        let mut bytes = Vec::new();
        opened.file.read_to_end(&mut bytes).unwrap();
        assert_eq!(
            std::fs::read_dir(self.scratch.path()).unwrap().count(),
            0,
            "what was brought has a name"
        );
        Ok((bytes, opened.mark == file.mark))
    }
}

/// An error as a person and a program see it.
pub(super) fn shown(error: &Error) -> String {
    let code = error.error_code().map(|c| format!("[{c}]")).unwrap_or_default();
    format!("{}{code}: {}", error.kind(), error.message())
}

/// Everything that an error says, its causes included.
pub(super) fn whole(error: &Error) -> String {
    let mut text = format!("{} {:?} {:?}", error.to_text(), error.context(), error.hint_text());
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text.push_str(&format!(" {cause}"));
        next = cause.source();
    }
    text
}

/// Settings of a bucket on a server of this machine.
pub(super) fn settings(kind: &str, url: &str) -> Value {
    match kind {
        "s3" => {
            json!({ "bucket": "shop", "endpoint": url, "access_key_id": "AKIDEXAMPLE", "secret_access_key": "wJalrXUtnFEMI-not-a-key" })
        }
        "gcs" => json!({ "bucket": "shop", "endpoint": url, "anonymous": true }),
        _ => {
            json!({ "account": "acme", "container": "shop", "endpoint": url, "sas": "?sv=2024-11-04&sr=c&sp=rl&sig=c2lnbmF0dXJlLW9mLXRlc3Rz%3D" })
        }
    }
}

/// Each kind of store.
pub(super) const KINDS: [&str; 3] = ["s3", "gcs", "azure"];

/// The connector of a kind.
pub(super) fn connector(kind: &str) -> &'static Connector {
    crate::connector(kind).unwrap()
}
