//! Something failed while running.

use crate::{Code, Kind};
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

/// The result of anything that can fail while running.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One failure: a kind for the program, words for the person, and its cause.
///
/// Messages are lower case, without a full stop, and name the thing; what to do about it is the hint.
/// A leaf wraps a foreign error once with what it was doing; the door logs it once.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: String,
    code: Option<Code>,
    hint: Option<String>,
    context: Vec<(&'static str, String)>,
    retry_after: Option<Duration>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of this kind with these words.
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            code: None,
            hint: None,
            context: Vec::new(),
            retry_after: None,
            cause: None,
        }))
    }

    /// A mistake of ours: an invariant that did not hold.
    pub fn bug(message: impl Into<String>) -> Error {
        Error::new(Kind::Bug, message)
            .hint("this is a mistake in Segue; please report it with the command and the logs")
    }

    /// Gives it the code whose page explains it.
    pub fn code(mut self, code: Code) -> Error {
        self.0.code = Some(code);
        self
    }

    /// Says what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds a fact that the caller knows.
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Error {
        self.0.context.push((name, value.to_string()));
        self
    }

    /// Says a fact in other words, where it was added: a place in a statement as one in its file. Without words it is left out.
    pub fn restated(mut self, name: &str, words: impl Fn(&str) -> Option<String>) -> Error {
        self.0.context = std::mem::take(&mut self.0.context)
            .into_iter()
            .filter_map(|(n, value)| {
                if n == name {
                    Some((n, words(&value)?))
                } else {
                    Some((n, value))
                }
            })
            .collect();
        self
    }

    /// How long the other side wants us to wait.
    pub fn retry_after(mut self, delay: Duration) -> Error {
        self.0.retry_after = Some(delay);
        self
    }

    /// Keeps the foreign error that caused it.
    pub fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.0.cause = Some(cause.into());
        self
    }

    /// The same error with every text of it passed through this: for taking secrets out at the door.
    pub fn rewritten(mut self, text: impl Fn(&str) -> String) -> Error {
        let causes: Vec<String> = self.causes().iter().map(|c| text(c)).collect();
        self.0.message = text(&self.0.message);
        self.0.hint = self.0.hint.as_deref().map(&text);
        for (_, value) in &mut self.0.context {
            *value = text(value);
        }
        self.0.cause = causes
            .into_iter()
            .rev()
            .fold(None, |inner, words| Some(Box::new(Said { words, inner }) as _));
        self
    }

    /// The same error once more, its cause as words: several may have to be told of one failure.
    pub fn again(&self) -> Error {
        let mut copy = Error::new(self.kind(), self.message());
        for (name, value) in self.context() {
            copy = copy.with(name, value);
        }
        if let Some(code) = self.error_code() {
            copy = copy.code(code);
        }
        if let Some(hint) = self.hint_text() {
            copy = copy.hint(hint);
        }
        if let Some(delay) = self.delay() {
            copy = copy.retry_after(delay);
        }
        match std::error::Error::source(self) {
            Some(cause) => copy.caused_by(cause.to_string()),
            None => copy,
        }
    }

    /// The kind, which alone decides what happens next.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The words, without context, hint and cause.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The code of the page that explains it.
    pub fn error_code(&self) -> Option<Code> {
        self.0.code
    }

    /// What to do about it.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The facts that were added on the way up, oldest first.
    pub fn context(&self) -> &[(&'static str, String)] {
        &self.0.context
    }

    /// How long the other side wants us to wait.
    pub fn delay(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What the causes say, nearest first. Many libraries repeat in an error what its cause says; that is left out.
    fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        let mut cause = self.source();
        while let Some(c) = cause {
            let words = c.to_string();
            if causes.last().is_none_or(|said| !said.contains(&words)) {
                causes.push(words);
            }
            cause = c.source();
        }
        causes
    }

    /// The error as a program reads it.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "kind": self.kind().name(),
            "code": self.error_code().map(|c| c.as_str()),
            "message": self.message(),
            "context": self.context().iter().map(|(k, v)| (k.to_string(), v.clone().into())).collect::<serde_json::Map<_, serde_json::Value>>(),
            "hint": self.hint_text(),
            "causes": self.causes(),
        })
    }

    /// The error as a person reads it at the end of a command.
    pub fn to_text(&self) -> String {
        let mut text = String::from("error");
        if let Some(code) = self.0.code {
            text.push_str(&format!("[{code}]"));
        }
        text.push_str(&format!(": {}", self.0.message));
        for (name, value) in &self.0.context {
            text.push_str(&format!("\n  {name}: {value}"));
        }
        for cause in self.causes() {
            text.push_str(&format!("\n  cause: {cause}"));
        }
        if let Some(hint) = &self.0.hint {
            text.push_str(&format!("\n  hint: {hint}"));
        }
        if let Some(code) = self.0.code {
            text.push_str(&format!("\n  more: segue explain {code}"));
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if !self.0.context.is_empty() {
            let facts: Vec<String> = self.0.context.iter().map(|(k, v)| format!("{k}: {v}")).collect();
            write!(f, " ({})", facts.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.cause.as_deref().map(|c| c as &(dyn StdError + 'static))
    }
}

/// A cause of which only the words are left.
#[derive(Debug)]
struct Said {
    words: String,
    inner: Option<Box<dyn StdError + Send + Sync>>,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl StdError for Said {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.as_deref().map(|c| c as &(dyn StdError + 'static))
    }
}

/// Wraps a foreign error once, with what was being done.
pub trait Context<T> {
    /// Turns the error into ours, of this kind and with these words, keeping the cause.
    fn context(self, kind: Kind, message: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> Context<T> for std::result::Result<T, E> {
    fn context(self, kind: Kind, message: impl Into<String>) -> Result<T> {
        self.map_err(|e| Error::new(kind, message).caused_by(e))
    }
}
