//! What the crates below say on the way: warnings on standard error, above the live lines; more of it with `SEGUE_LOG`.

use crate::progress;
use std::fmt::Write as _;
use std::sync::OnceLock;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// What our crates' names begin with.
const OURS: &str = "segue";

type Redact = Box<dyn Fn(&str) -> String + Send + Sync>;

/// What takes secrets out of what is said, once there are any.
static REDACT: OnceLock<Redact> = OnceLock::new();

/// From now on what is said goes through this first.
pub fn redact_by(redact: impl Fn(&str) -> String + Send + Sync + 'static) {
    let _first_stays = REDACT.set(Box::new(redact));
}

/// Begins to show what is said. `wanted` is what `SEGUE_LOG` holds: a level (`debug`), or levels by crate (`segue_lake=debug,sqlx=info`);
/// without it, warnings of our crates.
pub fn begin(wanted: Option<&str>, json: bool) {
    let (filter, wrong) = filter(wanted);
    // Somebody who was first stays: there is one in tests.
    let _first = tracing_subscriber::registry()
        .with(Door { json }.with_filter(filter))
        .try_init();
    if let Some(wrong) = wrong {
        tracing::warn!("SEGUE_LOG is left aside: {wrong}");
    }
}

fn filter(wanted: Option<&str>) -> (Targets, Option<String>) {
    let usual = Targets::new().with_target(OURS, LevelFilter::WARN);
    match wanted.filter(|w| !w.trim().is_empty()) {
        None => (usual, None),
        Some(wanted) => match wanted.parse::<LevelFilter>() {
            Ok(level) => (usual.with_target(OURS, level), None),
            Err(_) => match wanted.parse::<Targets>() {
                Ok(more) => (usual.with_targets(more), None),
                Err(wrong) => (
                    usual,
                    Some(format!("`{wanted}` is no level and no list of them: {wrong}")),
                ),
            },
        },
    }
}

/// Writes events to standard error, each on a line.
struct Door {
    json: bool,
}

impl<S: Subscriber> Layer<S> for Door {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        let line = said.line(*event.metadata().level(), event.metadata().target(), self.json);
        match REDACT.get() {
            Some(redact) => progress::above_the_lines(&redact(&line)),
            None => progress::above_the_lines(&line),
        }
    }
}

/// An event's message and what belongs to it.
#[derive(Default)]
struct Said {
    message: String,
    facts: Vec<(&'static str, String)>,
}

impl Said {
    fn line(&self, level: Level, target: &str, json: bool) -> String {
        let word = match level {
            Level::WARN => "warning".to_string(),
            other => other.to_string().to_lowercase(),
        };
        if json {
            let facts = self
                .facts
                .iter()
                .map(|(name, value)| (name.to_string(), value.clone().into()));
            let facts: serde_json::Map<String, serde_json::Value> = facts.collect();
            return serde_json::json!({ word: { "message": self.message, "context": facts, "from": target } })
                .to_string();
        }
        let mut line = format!("{word}: {}", self.message);
        let facts: Vec<String> = self
            .facts
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        if !facts.is_empty() {
            let _a_string_takes_all = write!(line, " ({})", facts.join(", "));
        }
        line
    }

    fn take(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            name => self.facts.push((name, value)),
        }
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.take(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_line_for_people_and_a_value_for_programs() {
        let said = Said {
            message: "its tables were not tidied".into(),
            facts: vec![("asset", "raw.people".into()), ("error", "the disk is full".into())],
        };
        assert_eq!(
            said.line(Level::WARN, "segue_work::step", false),
            "warning: its tables were not tidied (asset: raw.people, error: the disk is full)"
        );
        let value: serde_json::Value = serde_json::from_str(&said.line(Level::WARN, "segue_work", true)).unwrap();
        assert_eq!(value["warning"]["message"], "its tables were not tidied");
        assert_eq!(value["warning"]["context"]["asset"], "raw.people");
    }

    #[test]
    fn warnings_of_ours_are_shown_and_what_is_asked_for() {
        let shows = |wanted: Option<&str>, target: &str, level: Level| filter(wanted).0.would_enable(target, &level);
        assert!(shows(None, "segue_work::step::keep", Level::WARN));
        assert!(!shows(None, "segue_work::step::keep", Level::INFO));
        assert!(!shows(None, "sqlx::query", Level::WARN));
        assert!(shows(Some("debug"), "segue_lake", Level::DEBUG));
        assert!(!shows(Some("debug"), "sqlx::query", Level::WARN));
        assert!(shows(Some("sqlx=info"), "sqlx::query", Level::INFO));
        assert!(shows(Some("sqlx=info"), "segue_lake", Level::WARN));
        assert!(filter(Some("segue=loud")).1.is_some());
    }
}
