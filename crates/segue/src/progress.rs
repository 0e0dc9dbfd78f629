//! The live lines of a run: one a step on a terminal, gone when the step ends; nothing at all where nobody looks.

use crate::out::{Out, say};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use segue_app::work::{Event, Figures, Progress};
use segue_core::AssetName;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The lines that are drawn now, if any are.
static DRAWN: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// Writes a line to standard error, above the live lines where there are some.
pub fn above_the_lines(text: &str) {
    let drawn = DRAWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match drawn {
        Some(all) => all.suspend(|| say(text)),
        None => say(text),
    }
}

/// Draws nothing unless standard error is a terminal.
pub fn of(out: &Out) -> Arc<dyn Progress> {
    if out.live {
        let lines = Lines::on(ProgressDrawTarget::stderr());
        *DRAWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(lines.all.clone());
        Arc::new(lines)
    } else {
        Arc::new(segue_app::work::Silent)
    }
}

/// How wide names are shown, so that what follows them lines up.
const NAME: usize = 28;

struct Lines {
    all: MultiProgress,
    steps: Mutex<BTreeMap<AssetName, ProgressBar>>,
}

impl Lines {
    fn on(target: ProgressDrawTarget) -> Lines {
        Lines {
            all: MultiProgress::with_draw_target(target),
            steps: Mutex::default(),
        }
    }

    /// Shows how far a step is, on its line. What does not fit into the terminal is cut off at its right end: a line that wraps would be
    /// drawn over the next one.
    fn show(&self, name: &AssetName, how_far: &str) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let line = steps.entry(name.clone()).or_insert_with(|| {
            let line = self.all.add(ProgressBar::new_spinner());
            let style = ProgressStyle::with_template("{spinner} {elapsed:>4} {wide_msg}");
            line.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            line.enable_steady_tick(Duration::from_millis(120));
            line
        });
        line.set_message(format!("{:<NAME$}  {how_far}", name.to_string()));
    }

    fn end(&self, name: &AssetName) {
        let line = self.steps.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        if let Some(line) = line {
            line.finish_and_clear();
            self.all.remove(&line);
        }
    }
}

impl Progress for Lines {
    fn tell(&self, event: Event) {
        match event {
            Event::Started { name, attempt } => {
                let again = match attempt {
                    0 | 1 => String::new(),
                    _ => format!("try {attempt}"),
                };
                self.show(&name, &again);
            }
            Event::ToDo { name, parts, listed } => {
                let to_do = match (parts, listed) {
                    (0, _) => "nothing to do".to_string(),
                    (_, 1) => String::new(),
                    (parts, listed) => format!("{parts} of {listed} to do"),
                };
                self.show(&name, &to_do);
            }
            Event::Moved { name, figures } => self.show(&name, &so_far(&figures)),
            Event::Waiting { name, reason, until } => {
                let until = until.map(|t| format!(" until {t:.0}")).unwrap_or_default();
                self.show(&name, &format!("waiting{until}: {reason}"));
            }
            Event::Ended { name, .. } => self.end(&name),
        }
    }
}

fn so_far(figures: &Figures) -> String {
    let mut parts = Vec::new();
    let slices = &figures.slices;
    if slices.listed > 1 {
        parts.push(format!("{}/{} slices", slices.done + slices.closed, slices.listed));
    }
    if let Some(rows) = figures.rows_in {
        parts.push(format!("{rows} rows"));
    }
    if let Some(calls) = figures.calls {
        parts.push(format!("{calls} calls"));
    }
    if slices.parked > 0 {
        parts.push(format!("{} parked", slices.parked));
    }
    parts.join("  ")
}

#[cfg(test)]
mod tests;
