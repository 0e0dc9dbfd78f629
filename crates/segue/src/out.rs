//! What a person or a program sees: text or JSON on standard output, errors and progress on standard error.

use jiff::Timestamp;
use segue_core::Error;
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// Where a verb writes to.
#[derive(Clone, Debug)]
pub struct Out {
    /// One JSON value a result instead of text.
    pub json: bool,
    /// Whether standard error is a terminal that shows colours.
    pub colour: bool,
    /// Whether a live line may be drawn on standard error.
    pub live: bool,
}

impl Out {
    /// Looks at where the output goes.
    pub fn new(json: bool) -> Out {
        let terminal = std::io::stderr().is_terminal();
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        Out {
            json,
            colour: terminal && !plain && !json,
            live: terminal && !json,
        }
    }

    /// One line of text; nothing in JSON.
    pub fn line(&self, text: impl AsRef<str>) {
        if !self.json {
            self.raw(&format!("{}\n", text.as_ref()));
        }
    }

    /// The result as JSON; nothing in text.
    pub fn value(&self, value: &impl Serialize) {
        if self.json {
            let text = serde_json::to_string(value).unwrap_or_else(|e| unreachable!("results are plain values: {e}"));
            self.raw(&format!("{text}\n"));
        }
    }

    /// Text as it is. A reader that went away (`| head`) ends the program quietly.
    pub fn raw(&self, text: &str) {
        let mut stdout = std::io::stdout().lock();
        if stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_err() {
            std::process::exit(0);
        }
    }

    /// A remark that is no result.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.json {
            eprintln!("{}", text.as_ref());
        }
    }

    /// What ended the command.
    pub fn error(&self, error: &Error) {
        if self.json {
            eprintln!("{}", serde_json::json!({ "error": error.to_json() }));
        } else {
            eprintln!("{}", error.to_text());
        }
    }
}

/// Rows in columns that line up, for people.
pub struct Columns(comfy_table::Table);

impl Columns {
    /// With these headings.
    pub fn new<const N: usize>(headings: [&str; N]) -> Columns {
        let mut table = comfy_table::Table::new();
        table.load_preset(comfy_table::presets::NOTHING).set_header(headings);
        Columns(table)
    }

    /// One row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.0.add_row(cells);
    }
}

impl std::fmt::Display for Columns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for line in self.0.to_string().lines() {
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// `850 ms`, `3.2 s`, `4 min 05 s`.
pub fn took(duration: Duration) -> String {
    match duration.as_secs_f64() {
        s if s < 1.0 => format!("{} ms", duration.as_millis()),
        s if s < 60.0 => format!("{s:.1} s"),
        s if s < 3600.0 => format!("{} min {:02} s", s as u64 / 60, s as u64 % 60),
        s => format!("{} h {:02} min", s as u64 / 3600, s as u64 % 3600 / 60),
    }
}

/// `12 s ago`, `3 days ago`; `in 4 h` for what is to come.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - then.as_second();
    let amount = match seconds.unsigned_abs() {
        s if s < 60 => format!("{s} s"),
        s if s < 3600 => format!("{} min", s / 60),
        s if s < 48 * 3600 => format!("{} h", s / 3600),
        s => format!("{} days", s / 86_400),
    };
    if seconds < 0 {
        format!("in {amount}")
    } else {
        format!("{amount} ago")
    }
}

/// `512 B`, `3.4 KB`, `1.2 GB`, by thousands.
pub fn bytes(n: u64) -> String {
    let (value, unit) = match n as f64 {
        n if n < 1e3 => return format!("{n} B"),
        n if n < 1e6 => (n / 1e3, "KB"),
        n if n < 1e9 => (n / 1e6, "MB"),
        n => (n / 1e9, "GB"),
    };
    format!("{value:.1} {unit}")
}
