//! Connections of a project, opened when something needs them.

use crate::resolve::{References, redact};
use segue_connectors::ConnectionSettings;
use segue_core::sink::Sink;
use segue_core::source::Source;
use segue_core::{Error, Kind, Result};
use segue_spec::Project;
use segue_spec::model::{Copy, From};
use segue_work::deps::{Opened, Sources};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Opens each connection once, so that its token and its limits are shared by all that use it.
pub(crate) struct ProjectSources {
    project: Arc<Project>,
    references: Arc<References>,
    secrets: Arc<Mutex<Vec<String>>>,
    deps: segue_connectors::Deps,
    open: Mutex<HashMap<String, Arc<dyn Source>>>,
}

impl ProjectSources {
    pub(crate) fn new(
        project: Arc<Project>,
        references: Arc<References>,
        secrets: Arc<Mutex<Vec<String>>>,
        deps: segue_connectors::Deps,
    ) -> ProjectSources {
        ProjectSources {
            project,
            references,
            secrets,
            deps,
            open: Mutex::default(),
        }
    }

    /// The source of a connection, or of the built-in `files`.
    pub(crate) fn source(&self, connection: &str) -> Result<Arc<dyn Source>> {
        if let Some(open) = self.open.lock().unwrap_or_else(PoisonError::into_inner).get(connection) {
            return Ok(open.clone());
        }
        let (kind, settings) = self.settings(connection)?;
        let open = segue_connectors::connector(&kind).and_then(|c| c.source);
        let open = open.ok_or_else(|| unsupported(connection, &kind, "read from"))?;
        let source = open(settings, self.deps(connection))?;
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(connection.to_string(), source.clone());
        Ok(source)
    }

    /// The sink of a connection.
    pub(crate) fn sink(&self, connection: &str) -> Result<Arc<dyn Sink>> {
        let (kind, settings) = self.settings(connection)?;
        let open = segue_connectors::connector(&kind).and_then(|c| c.sink);
        open.ok_or_else(|| unsupported(connection, &kind, "written to"))?(settings, self.deps(connection))
    }

    /// Whether the connection can be read from.
    pub(crate) fn is_source(&self, connection: &str) -> Result<bool> {
        let kind = &self.connection(connection)?.0;
        Ok(segue_connectors::connector(kind).is_some_and(|c| c.source.is_some()))
    }

    /// Whether the project has the connection, and it can be written to.
    pub(crate) fn is_sink(&self, connection: &str) -> bool {
        let kind = self.connection(connection).map(|(kind, _)| kind);
        kind.is_ok_and(|kind| segue_connectors::connector(&kind).is_some_and(|c| c.sink.is_some()))
    }

    fn connection(&self, name: &str) -> Result<(String, Value)> {
        match self.project.connections.get(name) {
            Some(found) => Ok((found.kind.clone(), found.settings.clone())),
            None if name == "files" => Ok(("files".to_string(), Value::Null)),
            None => {
                let near = segue_diag::closest(name, self.project.connections.keys().map(String::as_str));
                let error = Error::new(Kind::NotFound, format!("there is no connection `{name}`"));
                Err(match near {
                    Some(near) => error.hint(format!("did you mean `{near}`?")),
                    None => error.hint("connections are the files in connections/"),
                })
            }
        }
    }

    fn settings(&self, name: &str) -> Result<(String, ConnectionSettings)> {
        let (kind, settings) = self.connection(name)?;
        Ok((
            kind,
            ConnectionSettings::new(self.resolve(&format!("connection `{name}`"), &settings)?),
        ))
    }

    fn resolve(&self, what: &str, settings: &Value) -> Result<Value> {
        let resolved = self.references.resolve(what, settings)?;
        self.secrets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(resolved.secrets);
        Ok(resolved.settings)
    }

    fn deps(&self, connection: &str) -> segue_connectors::Deps {
        segue_connectors::Deps {
            connection: connection.to_string(),
            ..self.deps.clone()
        }
    }
}

impl Sources for ProjectSources {
    fn redact(&self, text: &str) -> String {
        redact(text, &self.secrets.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn open(&self, copy: &Copy) -> Result<Opened> {
        let connection = match &copy.from {
            From::Connection(name) => name.as_str(),
            From::Files => "files",
            From::Lake(_) => return Err(Error::bug("the lake is read by the engine")),
        };
        let settings = self.resolve(&format!("a copy from `{connection}`"), &copy.settings)?;
        Ok(Opened {
            source: self.source(connection)?,
            settings,
        })
    }
}

fn unsupported(connection: &str, kind: &str, what: &str) -> Error {
    Error::new(
        Kind::Unsupported,
        format!("the connection `{connection}` cannot be {what}"),
    )
    .with("kind", kind)
}
