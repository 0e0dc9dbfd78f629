//! Something is wrong with what the user wrote.

use crate::Code;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;
use std::ops::Range;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing runs until it is mended.
    Error,
    /// It runs, and is probably not what was meant.
    Warning,
}

/// A place in a file: byte offsets, half-open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The file, relative to the project's folder.
    pub file: String,
    /// First byte, and the byte after the last.
    pub bytes: Range<usize>,
}

/// One thing that is wrong, with its place, its cause and its remedy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Whether it stops a run.
    pub severity: Severity,
    /// The page that explains it.
    pub code: Code,
    /// What is wrong: lower case, no full stop, names the thing.
    pub message: String,
    /// Where it stands; `None` only where no file can be named.
    pub span: Option<Span>,
    /// A few words drawn under the place.
    pub label: Option<String>,
    /// A second place that explains the first ("first defined here").
    pub related: Option<(Span, String)>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: Code, span: Option<Span>, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            code,
            message: message.into(),
            span,
            label: None,
            related: None,
            hint: None,
        }
    }

    /// A warning at a place.
    pub fn warning(code: Code, span: Option<Span>, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Warning,
            ..Diagnostic::error(code, span, message)
        }
    }

    /// Words drawn under the place.
    pub fn label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = Some(label.into());
        self
    }

    /// What to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    /// Whether its place is that of a secret, which must not be shown again.
    pub fn holds_secret(&self) -> bool {
        HIDDEN.contains(&self.code)
    }

    /// A second place that explains the first.
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Diagnostic {
        self.related = Some((span, label.into()));
        self
    }
}

/// Where [`render`] finds the text of a file.
pub trait Text {
    /// The text of this file, or `None` when it is not at hand.
    fn text(&self, file: &str) -> Option<&str>;
}

/// Mistakes whose place holds a secret that must not be shown again.
const HIDDEN: [Code; 2] = [crate::LITERAL_SECRET, crate::URL_CREDENTIALS];

/// Draws a diagnostic with the lines it is about. `colour` adds terminal colours.
pub fn render(diagnostic: &Diagnostic, files: &dyn Text, colour: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let hidden = diagnostic.span.as_ref().filter(|_| diagnostic.holds_secret());
    let masked = hidden.and_then(|s| Some(mask(files.text(&s.file)?, &s.bytes)));
    let mut group = Group::with_title(level.primary_title(&diagnostic.message).id(diagnostic.code.as_str()));
    let places = diagnostic
        .span
        .iter()
        .map(|s| (s, diagnostic.label.as_deref(), AnnotationKind::Primary));
    let related = diagnostic
        .related
        .iter()
        .map(|(s, l)| (s, Some(l.as_str()), AnnotationKind::Context));
    for (span, label, kind) in places.chain(related) {
        let Some(text) = files.text(&span.file) else {
            group = group.element(Level::NOTE.message(format!("in {}", span.file)));
            continue;
        };
        let text = masked.as_deref().unwrap_or(text);
        let range = within(text, &span.bytes);
        let mut annotation = kind.span(range);
        if let Some(label) = label {
            annotation = annotation.label(label);
        }
        group = group.element(Snippet::source(text).path(span.file.as_str()).annotation(annotation));
    }
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.with_name("hint").message(hint));
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&[group])
}

/// The text with `*` for every character of the range; bytes and columns stay where they are.
fn mask(text: &str, bytes: &Range<usize>) -> String {
    let range = within(text, bytes);
    let star = |c: char| {
        if c == '\n' {
            "\n".to_string()
        } else {
            "*".repeat(c.len_utf8())
        }
    };
    let stars: String = text[range.clone()].chars().map(star).collect();
    format!("{}{stars}{}", &text[..range.start], &text[range.end..])
}

/// The range, cut to the text and to whole characters, so that a wrong span can never end a check.
fn within(text: &str, bytes: &Range<usize>) -> Range<usize> {
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(bytes.start);
    start..floor(bytes.end).max(start)
}
