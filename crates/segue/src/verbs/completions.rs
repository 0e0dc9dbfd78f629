//! `segue completions SHELL`

use crate::args::Args;
use crate::out::Out;
use clap::CommandFactory;
use clap_complete::{Shell, generate};
use segue_core::Result;

pub fn run(shell: Shell, out: &Out) -> Result<u8> {
    let mut text = Vec::new();
    generate(shell, &mut Args::command(), "segue", &mut text);
    out.raw(&String::from_utf8_lossy(&text));
    Ok(0)
}
