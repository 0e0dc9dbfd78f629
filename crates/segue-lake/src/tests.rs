//! Tests of the lake as a whole, by what they show.

mod bed;
mod between;
mod changes;
mod conformance;
mod features;
mod flaky;
mod guard;
mod keep;
mod merges;
mod model;
mod modes;
mod past;
mod power;
mod protocol;
mod provider;
mod python;
mod rivals;
mod scale;
mod types;
