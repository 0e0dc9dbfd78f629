//! Which step runs when: a pure state machine. Events and the time go in, commands come out; nothing here waits or asks.

use segue_core::{AssetName, Kind};
use std::collections::BTreeSet;
use std::time::Duration;

/// One step of the graph.
#[derive(Clone, Debug)]
pub struct Node {
    /// Whose.
    pub name: AssetName,
    /// The steps that must have ended before it, by their index.
    pub needs: Vec<usize>,
    /// Whether it does not run on what is partial.
    pub waits_for_all: bool,
}

/// How a step ended, as far as others depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of it is there.
    Done,
    /// Some of it is missing.
    Partial,
    /// It failed.
    Failed {
        /// The failure's kind.
        kind: Kind,
        /// How long the other side wants us to wait.
        delay: Option<Duration>,
        /// Whether trying again is in vain, whatever the kind says.
        is_final: bool,
    },
    /// It was stopped, as asked.
    Cancelled,
    /// It was not begun.
    Skipped,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A try of a step ended.
    Ended {
        /// Which.
        step: usize,
        /// How.
        verdict: Verdict,
    },
    /// Somebody asked for the run to stop.
    Cancel,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Begin a try of this step.
    Start {
        /// Which.
        step: usize,
        /// From 1.
        attempt: u32,
    },
    /// The step has ended for good with its last try.
    Close {
        /// Which.
        step: usize,
    },
    /// The step will not run, because of another.
    Skip {
        /// Which.
        step: usize,
        /// Because of which.
        because: usize,
    },
    /// The step will not run, because the run stops.
    Drop {
        /// Which.
        step: usize,
    },
    /// A failed step will be tried again: come back at this time, if nothing happens before.
    Wake {
        /// Which.
        step: usize,
        /// On the clock of `now`.
        at: Duration,
    },
    /// Every step has ended.
    Finish,
}

/// How much runs at once, and how often it is tried.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Steps at once.
    pub parallel: usize,
    /// Tries of a step, the first included.
    pub tries: u32,
    /// The longest wait before another try. An other side that wants more is not tried again in this run.
    pub longest_wait: Duration,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            parallel: 8,
            tries: 4,
            longest_wait: Duration::from_secs(60),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// So many of its needs have not ended.
    Waiting(usize),
    /// It may start with this try.
    Ready(u32),
    /// This try is under way.
    Running(u32),
    /// It failed, and may start with this try at this time.
    Resting(u32, Duration),
    /// It has ended for good.
    Ended,
}

/// A run under way.
#[derive(Clone, Debug)]
pub struct Machine {
    nodes: Vec<Node>,
    dependants: Vec<Vec<usize>>,
    places: Vec<Place>,
    bounds: Bounds,
    is_cancelled: bool,
    is_finished: bool,
}

impl Machine {
    /// A run of these steps, of which none has begun. Needs must have no cycle: `check` has seen to it.
    pub fn new(nodes: Vec<Node>, bounds: Bounds) -> Machine {
        let mut dependants = vec![Vec::new(); nodes.len()];
        for (step, node) in nodes.iter().enumerate() {
            for need in node.needs.iter().collect::<BTreeSet<_>>() {
                dependants[*need].push(step);
            }
        }
        let places = nodes
            .iter()
            .map(|n| match n.needs.iter().collect::<BTreeSet<_>>().len() {
                0 => Place::Ready(1),
                left => Place::Waiting(left),
            })
            .collect();
        Machine {
            nodes,
            dependants,
            places,
            bounds,
            is_cancelled: false,
            is_finished: false,
        }
    }

    /// The steps.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Takes in what happened, and says what is to be done now.
    pub fn step(&mut self, now: Duration, happened: &[Happened]) -> Vec<Command> {
        let mut commands = Vec::new();
        for event in happened {
            match *event {
                Happened::Cancel => self.is_cancelled = true,
                Happened::Ended { step, verdict } => self.ended(step, verdict, now, &mut commands),
            }
        }
        if self.is_cancelled {
            for step in 0..self.nodes.len() {
                if matches!(
                    self.places[step],
                    Place::Waiting(_) | Place::Ready(_) | Place::Resting(..)
                ) {
                    self.places[step] = Place::Ended;
                    commands.push(Command::Drop { step });
                }
            }
        }
        self.start(now, &mut commands);
        if !self.is_finished && self.places.iter().all(|p| *p == Place::Ended) {
            self.is_finished = true;
            commands.push(Command::Finish);
        }
        commands
    }

    fn ended(&mut self, step: usize, verdict: Verdict, now: Duration, commands: &mut Vec<Command>) {
        let Place::Running(attempt) = self.places[step] else {
            return;
        };
        if let Some(wait) = self.rest(verdict, attempt) {
            let at = now + wait;
            self.places[step] = Place::Resting(attempt + 1, at);
            commands.push(Command::Wake { step, at });
            return;
        }
        self.places[step] = Place::Ended;
        commands.push(Command::Close { step });
        self.release(step, verdict, commands);
    }

    /// How long to wait before the next try; `None` when there is none.
    fn rest(&self, verdict: Verdict, attempt: u32) -> Option<Duration> {
        let Verdict::Failed {
            kind,
            delay,
            is_final: false,
        } = verdict
        else {
            return None;
        };
        if !kind.is_transient() || attempt >= self.bounds.tries || self.is_cancelled {
            return None;
        }
        let own = Duration::from_secs(1)
            .saturating_mul(4u32.saturating_pow(attempt - 1))
            .min(self.bounds.longest_wait);
        let wait = delay.map_or(own, |d| d.max(own));
        (wait <= self.bounds.longest_wait).then_some(wait)
    }

    /// Lets those that depend on a step go on, or ends them with it.
    fn release(&mut self, step: usize, verdict: Verdict, commands: &mut Vec<Command>) {
        for next in self.dependants[step].clone() {
            let Place::Waiting(left) = self.places[next] else {
                continue;
            };
            let goes_on = match verdict {
                Verdict::Done => true,
                Verdict::Partial => !self.nodes[next].waits_for_all,
                Verdict::Failed { .. } | Verdict::Cancelled | Verdict::Skipped => false,
            };
            if !goes_on {
                self.places[next] = Place::Ended;
                commands.push(Command::Skip {
                    step: next,
                    because: step,
                });
                self.release(next, Verdict::Skipped, commands);
            } else if left == 1 {
                self.places[next] = Place::Ready(1);
            } else {
                self.places[next] = Place::Waiting(left - 1);
            }
        }
    }

    fn start(&mut self, now: Duration, commands: &mut Vec<Command>) {
        let mut running = self.places.iter().filter(|p| matches!(p, Place::Running(_))).count();
        for step in 0..self.nodes.len() {
            if running >= self.bounds.parallel {
                return;
            }
            let attempt = match self.places[step] {
                Place::Ready(attempt) => attempt,
                Place::Resting(attempt, at) if at <= now => attempt,
                _ => continue,
            };
            self.places[step] = Place::Running(attempt);
            running += 1;
            commands.push(Command::Start { step, attempt });
        }
    }
}

#[cfg(test)]
mod tests;
