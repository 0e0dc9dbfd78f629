//! References in settings: `${env:NAME:-default}` for what is not secret, `${secret:NAME}` for what is.

mod dot_env;

use segue_core::{Error, Kind, Result};
use segue_diag::UNRESOLVED_REFERENCE;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where references find their values: the process' variables, then `.env` beside `segue.yaml`, then, for secrets, `secrets/NAME`.
#[derive(Clone, Debug)]
pub struct References {
    variables: BTreeMap<String, String>,
    secrets: PathBuf,
    /// What stands for a secret that is nowhere.
    instead: Option<&'static str>,
}

/// Settings with their references replaced.
#[derive(Debug)]
pub struct Resolved {
    /// The settings.
    pub settings: Value,
    /// Every secret that is in them now, for redaction.
    pub secrets: Vec<String>,
}

impl References {
    /// Reads `.env` of the project's folder; the process' own variables win over it.
    ///
    /// # Errors
    /// `Invalid` for a line of `.env` that is no `NAME=value`, with its number; `Unavailable` when the file cannot be read.
    pub fn open(project: &Path, variables: &BTreeMap<String, String>) -> Result<References> {
        let path = project.join(".env");
        let mut all = match std::fs::read_to_string(&path) {
            Ok(text) => dot_env::read(&text)?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(e) => {
                return Err(Error::new(Kind::Unavailable, "cannot read .env")
                    .with("file", path.display())
                    .caused_by(e));
            }
        };
        all.extend(variables.clone());
        Ok(References {
            variables: all,
            secrets: project.join("secrets"),
            instead: None,
        })
    }

    /// These values and no others.
    pub(crate) fn of(variables: BTreeMap<String, String>) -> References {
        References {
            variables,
            secrets: PathBuf::new(),
            instead: None,
        }
    }

    /// The same, where no secret has to be known, because nothing is sent.
    pub(crate) fn without_secrets(&self) -> References {
        References {
            // A key may have to be hexadecimal or base64: this is both.
            instead: Some("0f0f0f0f0f0f0f0f"),
            ..self.clone()
        }
    }

    /// Replaces every reference in these settings, whose texts may hold several.
    ///
    /// # Errors
    /// `Invalid`, naming every reference that has no value, and where each was looked for.
    pub fn resolve(&self, what: &str, settings: &Value) -> Result<Resolved> {
        let mut missing = Vec::new();
        let mut secrets = Vec::new();
        let settings = self.value(settings, &mut missing, &mut secrets);
        if missing.is_empty() {
            return Ok(Resolved { settings, secrets });
        }
        missing.sort();
        missing.dedup();
        let names: Vec<&str> = missing
            .iter()
            .map(|m| m.split_once(':').map_or(m.as_str(), |(_, name)| name))
            .collect();
        Err(Error::new(
            Kind::Invalid,
            format!(
                "{what} needs a value for {}",
                missing
                    .iter()
                    .map(|m| format!("${{{m}}}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        )
        .code(UNRESOLVED_REFERENCE)
        .hint(format!(
            "set {} in the environment or in .env beside segue.yaml; a secret may also be the file secrets/NAME",
            names.join(", ")
        )))
    }

    fn value(&self, value: &Value, missing: &mut Vec<String>, secrets: &mut Vec<String>) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text, missing, secrets)),
            Value::Array(items) => items.iter().map(|v| self.value(v, missing, secrets)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(k, v)| (k.clone(), self.value(v, missing, secrets)))
                .collect(),
            other => other.clone(),
        }
    }

    fn text(&self, text: &str, missing: &mut Vec<String>, secrets: &mut Vec<String>) -> String {
        let mut done = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let Some(length) = rest[start..].find('}') else { break };
            done.push_str(&rest[..start]);
            let reference = &rest[start + 2..start + length];
            rest = &rest[start + length + 1..];
            match reference.split_once(':') {
                Some(("env", name)) => {
                    let (name, default) = name.split_once(":-").map_or((name, None), |(n, d)| (n, Some(d)));
                    match self
                        .variables
                        .get(name)
                        .filter(|v| !v.is_empty())
                        .map(String::as_str)
                        .or(default)
                    {
                        Some(found) => done.push_str(found),
                        None => missing.push(reference.to_string()),
                    }
                }
                Some(("secret", name)) => match self.secret(name) {
                    Some(found) => {
                        done.push_str(&found);
                        secrets.push(found);
                    }
                    None => match self.instead {
                        Some(instead) => done.push_str(instead),
                        None => missing.push(reference.to_string()),
                    },
                },
                _ => {
                    done.push_str("${");
                    done.push_str(reference);
                    done.push('}');
                }
            }
        }
        done.push_str(rest);
        done
    }

    fn secret(&self, name: &str) -> Option<String> {
        if let Some(found) = self.variables.get(name).filter(|v| !v.is_empty()) {
            return Some(found.clone());
        }
        if self.secrets.as_os_str().is_empty() {
            return None;
        }
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        let text = std::fs::read_to_string(self.secrets.join(name))
            .ok()
            .filter(|_| is_name)?;
        Some(text.trim_end_matches(['\r', '\n']).to_string()).filter(|t| !t.is_empty())
    }
}

/// Takes secrets out of a text before anybody sees it. Those under four characters are left: they would blank half the text.
pub fn redact(text: &str, secrets: &[String]) -> String {
    secrets
        .iter()
        .filter(|s| s.len() >= 4)
        .fold(text.to_string(), |text, secret| text.replace(secret.as_str(), "***"))
}

#[cfg(test)]
mod tests;
