//! The live lines of a run: one a step on a terminal, and one line at each step's end when piped into a file by a person who wants it.

use crate::out::Out;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use segue_app::work::{Event, Figures, Progress};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Draws nothing unless standard error is a terminal.
pub fn of(out: &Out) -> Arc<dyn Progress> {
    if out.live {
        Arc::new(Lines::default())
    } else {
        Arc::new(segue_app::work::Silent)
    }
}

#[derive(Default)]
struct Lines {
    all: MultiProgress,
    steps: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Lines {
    fn line(&self, name: &str) -> ProgressBar {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        steps
            .entry(name.to_string())
            .or_insert_with(|| {
                let bar = self.all.add(ProgressBar::new_spinner());
                let style = ProgressStyle::with_template("{spinner} {prefix:<28} {elapsed:>4}  {wide_msg}");
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
                bar.set_prefix(name.to_string());
                bar.enable_steady_tick(Duration::from_millis(120));
                bar
            })
            .clone()
    }
}

impl Progress for Lines {
    fn tell(&self, event: Event) {
        match event {
            Event::Started { name, attempt } => {
                let again = if attempt > 1 {
                    format!("try {attempt}")
                } else {
                    String::new()
                };
                self.line(&name.to_string()).set_message(again);
            }
            Event::ToDo { name, parts, listed } => self.line(&name.to_string()).set_message(match (parts, listed) {
                (0, _) => "nothing to do".to_string(),
                (_, 1) => String::new(),
                (parts, listed) => format!("{parts} of {listed} to do"),
            }),
            Event::Moved { name, figures } => self.line(&name.to_string()).set_message(so_far(&figures)),
            Event::Waiting { name, reason, until } => {
                let until = until.map(|t| format!(" until {t}")).unwrap_or_default();
                self.line(&name.to_string())
                    .set_message(format!("waiting{until}: {reason}"));
            }
            Event::Ended { name, .. } => {
                let line = self.line(&name.to_string());
                line.finish_and_clear();
                self.all.remove(&line);
            }
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
