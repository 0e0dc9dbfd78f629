//! Rates and blocks in memory.

use async_trait::async_trait;
use jiff::Timestamp;
use parking_lot::Mutex;
use segue_core::gate::{Block, Gate, Rate};
use segue_core::{Clock, Result};
use std::collections::HashMap;
use std::sync::Arc;

/// A gate that a test looks into.
pub struct MemoryGate {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    places: HashMap<String, Vec<Timestamp>>,
    blocks: HashMap<String, Block>,
    reserves: usize,
}

impl MemoryGate {
    /// An empty one.
    pub fn new(clock: Arc<dyn Clock>) -> MemoryGate {
        MemoryGate {
            clock,
            state: Mutex::default(),
        }
    }

    /// Every place that was handed out under a key, in order.
    pub fn places(&self, key: &str) -> Vec<Timestamp> {
        self.state.lock().places.get(key).cloned().unwrap_or_default()
    }

    /// Every block, by its key.
    pub fn blocks(&self) -> Vec<(String, Block)> {
        let mut all: Vec<_> = self
            .state
            .lock()
            .blocks
            .iter()
            .map(|(k, b)| (k.clone(), b.clone()))
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// How often somebody reserved: each would be a write to the state.
    pub fn reserves(&self) -> usize {
        self.state.lock().reserves
    }
}

#[async_trait]
impl Gate for MemoryGate {
    async fn reserve(&self, key: &str, rate: Rate, want: u32) -> Result<Vec<Timestamp>> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        state.reserves += 1;
        let places = state.places.entry(key.to_string()).or_default();
        let mut new = Vec::new();
        for _ in 0..want.max(1) {
            let before = places
                .len()
                .checked_sub(rate.count as usize)
                .map(|at| places[at] + rate.window);
            let at = before
                .map_or(now, |b| b.max(now))
                .max(places.last().copied().unwrap_or(now));
            places.push(at);
            new.push(at);
        }
        Ok(new)
    }

    async fn blocked(&self, keys: &[String]) -> Result<Option<Block>> {
        let now = self.clock.now();
        let state = self.state.lock();
        let blocks = keys
            .iter()
            .filter_map(|k| state.blocks.get(k))
            .filter(|b| b.until > now);
        Ok(blocks.max_by_key(|b| b.until).cloned())
    }

    async fn block(&self, block: Block) -> Result<()> {
        let mut state = self.state.lock();
        let longer = state.blocks.get(&block.key).is_none_or(|old| old.until < block.until);
        if longer {
            state.blocks.insert(block.key.clone(), block);
        }
        Ok(())
    }
}
