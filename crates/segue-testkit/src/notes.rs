//! Notes in memory.

use async_trait::async_trait;
use jiff::Timestamp;
use parking_lot::Mutex;
use segue_core::notes::{Claimed, Notes};
use segue_core::{Clock, Error, Kind, Result, Secret};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Notes that a test looks into, and whose disk can be full.
pub struct MemoryNotes {
    clock: Arc<dyn Clock>,
    notes: Mutex<HashMap<String, Note>>,
    full: AtomicBool,
}

#[derive(Default)]
struct Note {
    value: Option<Secret>,
    held: Option<(String, Timestamp)>,
}

impl MemoryNotes {
    /// None yet.
    pub fn new(clock: Arc<dyn Clock>) -> MemoryNotes {
        MemoryNotes {
            clock,
            notes: Mutex::default(),
            full: AtomicBool::new(false),
        }
    }

    /// What every note says, by its key.
    pub fn said(&self) -> Vec<(String, String)> {
        let notes = self.notes.lock();
        let said = notes
            .iter()
            .filter_map(|(k, n)| Some((k.clone(), n.value.as_ref()?.reveal().to_string())));
        let mut said: Vec<_> = said.collect();
        said.sort();
        said
    }

    /// From now on nothing can be kept, or again.
    pub fn fill_up(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }
}

#[async_trait]
impl Notes for MemoryNotes {
    async fn claim(&self, key: &str, holder: &str, time: Duration) -> Result<Claimed> {
        let now = self.clock.now();
        let mut notes = self.notes.lock();
        let note = notes.entry(key.to_string()).or_default();
        if let Some((other, until)) = &note.held
            && other != holder
            && *until > now
        {
            return Ok(Claimed::Until(*until));
        }
        note.held = Some((holder.to_string(), now + time));
        Ok(Claimed::Ours(note.value.clone()))
    }

    async fn keep(&self, key: &str, holder: &str, value: &Secret) -> Result<bool> {
        if self.full.load(Ordering::SeqCst) {
            return Err(Error::new(Kind::Unavailable, "cannot keep a note: the disk is full"));
        }
        let mut notes = self.notes.lock();
        let note = notes.entry(key.to_string()).or_default();
        if note.held.as_ref().is_none_or(|(held_by, _)| held_by != holder) {
            return Ok(false);
        }
        (note.value, note.held) = (Some(value.clone()), None);
        Ok(true)
    }

    async fn release(&self, key: &str, holder: &str) -> Result<()> {
        if let Some(note) = self.notes.lock().get_mut(key)
            && note.held.as_ref().is_some_and(|(held_by, _)| held_by == holder)
        {
            note.held = None;
        }
        Ok(())
    }
}
