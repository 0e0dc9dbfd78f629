//! What a connector says about itself, and what it is given.

use crate::http::tape::Tape;
use futures::stream::{self, BoxStream, StreamExt};
use segue_core::gate::Gate;
use segue_core::notes::Notes;
use segue_core::sink::Sink;
use segue_core::source::{Read, Source};
use segue_core::{Clock, Context, Error, Kind, Result, Secret};
use segue_spec::ConnectorSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;

/// Makes something that speaks to one connection.
pub type Open<T> = fn(ConnectionSettings, Deps) -> Result<Arc<T>>;

/// The code that speaks to one kind of system.
pub struct Connector {
    /// The word in `kind:`, or the built-in connection's name.
    pub kind: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// JSON Schema of its connection files, without `connection` and `kind`.
    pub connection_schema: fn() -> Value,
    /// JSON Schema of the keys that it adds to `copy:`; an object without properties where it cannot be read from.
    pub copy_schema: fn() -> Value,
    /// JSON Schema of the keys that it adds to `into:`, without `connection` and `table`; `None`: it cannot be written to.
    pub into_schema: Option<fn() -> Value>,
    /// Opens a connection to read from.
    pub source: Option<Open<dyn Source>>,
    /// Opens a connection to write to.
    pub sink: Option<Open<dyn Sink>>,
}

impl Connector {
    /// Its three schemas, as a project's files are checked with them.
    pub fn schema(&self) -> ConnectorSchema {
        ConnectorSchema {
            kind: self.kind,
            connection: (self.connection_schema)(),
            copy: (self.copy_schema)(),
            into: self.into_schema.map(|schema| schema()),
        }
    }
}

/// What every connector is given.
#[derive(Clone)]
pub struct Deps {
    /// The connection's name, for messages.
    pub connection: String,
    /// Rates and blocks that all processes share.
    pub gate: Arc<dyn Gate>,
    /// What must outlast the process, such as a token that was renewed.
    pub notes: Arc<dyn Notes>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The project's folder: relative paths begin there.
    pub project_dir: PathBuf,
    /// Where what is staged for a target may lie; it outlives the process.
    pub staging_dir: PathBuf,
    /// Where the answers of web APIs are kept, or come from.
    pub tape: Option<Arc<Tape>>,
}

/// The keys of a connection file, without `connection` and `kind`, every `${…}` resolved. It never prints itself.
#[derive(Clone, Default)]
pub struct ConnectionSettings(Value);

impl ConnectionSettings {
    /// Wraps resolved settings.
    pub fn new(settings: Value) -> ConnectionSettings {
        ConnectionSettings(settings)
    }

    /// Reads them into a connector's own struct.
    ///
    /// # Errors
    /// `Invalid` when they are not what the schema says. The message names no value, because it might be a secret.
    pub fn read<T: DeserializeOwned>(self, connection: &str) -> Result<T> {
        let settings = match self.0 {
            Value::Null => Value::Object(serde_json::Map::new()),
            given => given,
        };
        serde_json::from_value(settings).map_err(|e| {
            let words = e.to_string();
            // serde quotes what it found; only the part that names the key is safe to show.
            let field = ["missing field", "unknown field"].iter().any(|w| words.starts_with(w));
            let error = Error::new(Kind::Invalid, "the settings are not what this connector expects")
                .with("connection", connection);
            if field {
                error.hint(words)
            } else {
                error.hint("run `segue check`")
            }
        })
    }
}

impl fmt::Debug for ConnectionSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectionSettings(***)")
    }
}

/// Decides what TLS computes with, before anything uses it.
pub(crate) fn install_tls() {
    // The first caller decides for the process; it is the same provider wherever it is done.
    let _others_were_first = rustls::crypto::ring::default_provider().install_default();
}

/// What a task sends, and the error that it ends with, if it does.
pub(crate) fn sent_by(sent: Receiver<Read>, task: JoinHandle<Result<()>>) -> BoxStream<'static, Result<Read>> {
    stream::unfold((sent, Some(task)), |(mut sent, mut task)| async move {
        if let Some(read) = sent.recv().await {
            return Some((Ok(read), (sent, task)));
        }
        let ended = match task.take()?.await {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => error,
            Err(e) => Error::bug("a read did not come to its end").caused_by(e),
        };
        Some((Err(ended), (sent, task)))
    })
    .boxed()
}

/// Reads the connector's own keys of a `copy:` into its struct.
///
/// # Errors
/// `Invalid` when they are not what the schema says.
pub(crate) fn read_copy<T: DeserializeOwned>(copy: &Value) -> Result<T> {
    let copy = match copy {
        Value::Null => Value::Object(serde_json::Map::new()),
        given => given.clone(),
    };
    serde_json::from_value(copy).context(Kind::Invalid, "the copy's settings are not what this connector expects")
}

/// The JSON Schema of a settings struct.
pub(crate) fn schema_of<T: schemars::JsonSchema>() -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().with(|s| {
        s.inline_subschemas = true;
        s.meta_schema = None;
    });
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// A secret in a connection's settings.
pub(crate) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

/// One that may be left out.
pub(crate) fn maybe_secret<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
}

/// That records cannot be read again: nothing tells their columns.
pub(crate) fn no_columns_yet() -> Error {
    Error::new(Kind::NotFound, "nothing tells the columns yet: no row was ever read")
        .hint("declare them with their types under `columns:`")
}

/// What is worth saying of values that were left out of records that were read again.
pub(crate) fn left_out(values: u64) -> Vec<String> {
    match values {
        0 => Vec::new(),
        n => vec![format!("{n} values were left out, as `drop_value` says")],
    }
}
