//! An answer, before it is sent.

use axum::body::Bytes;
use serde_json::Value;
use std::time::Duration;

/// An answer, before it is sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) retry_after: Option<String>,
    /// Further headers, their names in lower case.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
    /// Waits so long before it is sent.
    pub(super) delay: Duration,
    /// Ends the connection in the middle of the body.
    pub(super) cut: bool,
}

impl Reply {
    pub(super) fn bytes(status: u16, body: impl Into<Bytes>) -> Reply {
        Reply {
            status,
            content_type: "application/json; charset=utf-8",
            body: body.into(),
            ..Reply::default()
        }
    }

    pub(super) fn json(status: u16, value: &Value) -> Reply {
        Reply::bytes(status, value.to_string())
    }

    /// The same, saying when to come again.
    pub(super) fn retry_after(self, when: impl Into<String>) -> Reply {
        Reply {
            retry_after: Some(when.into()),
            ..self
        }
    }
}
