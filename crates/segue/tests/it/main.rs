//! The product, as a person sees it: the real binary, real files, a real server on loopback.

mod attacks;
mod cli;
mod columns;
mod crash;
mod demo;
mod docs;
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
