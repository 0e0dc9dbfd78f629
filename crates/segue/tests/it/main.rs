//! The product, as a person sees it: the real binary, real files, a real server on loopback.

mod answers;
mod api;
mod attacks;
mod back;
mod cli;
mod columns;
mod copies;
mod crash;
mod demo;
mod discover;
mod disk;
mod docs;
mod families;
mod house;
mod json;
mod limits;
mod measures;
mod memory;
mod modes;
mod postgres;
mod publish;
mod signals;
mod support;
mod terminal;
mod types;
mod violations;
