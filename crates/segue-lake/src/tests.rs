//! Tests of the lake as a whole, by what they show.

mod bed;
mod changes;
mod features;
mod flaky;
mod guard;
mod keep;
mod model;
mod power;
mod protocol;
mod provider;
mod python;
mod scale;
mod types;
