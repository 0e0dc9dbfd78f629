//! What a person or a program sees: text or JSON on standard output, errors and progress on standard error.

use jiff::Timestamp;
use segue_core::{Error, Kind};
use serde::Serialize;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// How much of the output was taken so far.
static WRITTEN: AtomicU8 = AtomicU8::new(ALL);
const ALL: u8 = 0;
const AS_MUCH_AS_WAS_READ: u8 = 1;
const CUT_SHORT: u8 = 2;

/// Whether some of the output could not be written although somebody wanted it.
pub fn is_cut_short() -> bool {
    WRITTEN.load(Ordering::Relaxed) == CUT_SHORT
}

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

    /// Text as it is. A reader that went away (`| head`) is no error: the verb goes on, and its exit code tells how it ended.
    pub fn raw(&self, text: &str) {
        if WRITTEN.load(Ordering::Relaxed) != ALL {
            return;
        }
        let mut stdout = std::io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                WRITTEN.store(AS_MUCH_AS_WAS_READ, Ordering::Relaxed)
            }
            Err(error) => {
                WRITTEN.store(CUT_SHORT, Ordering::Relaxed);
                self.error(&Error::new(Kind::Unavailable, "cannot write to standard output").caused_by(error));
            }
        }
    }

    /// A remark that is no result.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.json {
            say(text.as_ref());
        }
    }

    /// Something that is wrong and does not end the command.
    pub fn warning(&self, error: &Error) {
        if self.json {
            say(serde_json::json!({ "warning": error.to_json() }));
        } else {
            say(error.to_text());
        }
    }

    /// What ended the command.
    pub fn error(&self, error: &Error) {
        if self.json {
            say(serde_json::json!({ "error": error.to_json() }));
        } else {
            say(error.to_text());
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

/// Writes a line to standard error. Where nobody reads it any more, that is no reason to end what is under way.
pub fn say(line: impl std::fmt::Display) {
    let _nobody_reads = writeln!(std::io::stderr(), "{line}");
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

/// An instant in RFC 3339.
pub fn instant(micros: i64) -> String {
    Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |t| t.to_string())
}
