//! Whether the rows of a copy pass as they are, from a source to a sink that speak one form, with nobody in between who reads a value.
//!
//! They do where nothing that the asset says, or that its write mode does, needs a value; where the source can say so of every column; and where
//! the table takes them. A plan tells it by the same rules.

use crate::commit::Sinks;
use crate::deps::{Deps, Opened};
use crate::names;
use crate::plan::Passes;
use segue_core::sink::Target;
use segue_core::source::{Column, ReadSchema};
use segue_core::wire::{Offer, Wire};
use segue_core::{Ctx, Result};
use segue_spec::model::{Asset, Copy, WriteMode};

/// What was found.
pub(crate) enum Passing {
    /// They pass, in this form.
    Yes(Wire),
    /// They are read value by value, because of this.
    No(String),
    /// Between this source and this sink there is no such way.
    NoWay,
}

/// What a copy's rows do on their way. `frozen` are the columns that it was found to have; `anew`: its table is made anew.
///
/// # Errors
/// Those of the source and the sink, which are asked.
pub(crate) async fn passing(
    deps: &Deps,
    asset: &Asset,
    copy: &Copy,
    opened: &Opened,
    target: &Target,
    (frozen, anew): (Option<&[Column]>, bool),
    ctx: &Ctx,
) -> Result<Passing> {
    let sink = deps.places.of(target)?;
    match (opened.source.wire_form(), sink.wire_form()) {
        (Some(sent), Some(taken)) if sent == taken => {}
        _ => return Ok(Passing::NoWay),
    }
    if let Some(why) = needs_values(asset, copy) {
        return Ok(Passing::No(why));
    }
    let schema = ReadSchema {
        columns: frozen.filter(|_| !anew).map(<[Column]>::to_vec),
        on_new_column: names::on_change(copy.on_new_column),
        on_type_change: names::on_change(copy.on_type_change),
        ..ReadSchema::default()
    };
    let offer = opened.source.wire(&opened.settings, &schema, &asset.write.key, ctx);
    let wire = match offer.await? {
        Offer::Wire(wire) => wire,
        Offer::Not(why) => return Ok(Passing::No(why)),
    };
    Ok(match sink.refuses(target, &wire, anew, ctx).await? {
        None => Passing::Yes(wire),
        Some(why) => Passing::No(why),
    })
}

/// What of the asset needs to know a value on its way.
fn needs_values(asset: &Asset, copy: &Copy) -> Option<String> {
    if let Some(check) = asset.checks.first() {
        let more = match asset.checks.len() - 1 {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        return Some(format!("there is something to check (`{}`{more})", check.name));
    }
    if !copy.columns.is_empty() {
        return Some("`columns:` says what they are to be".into());
    }
    if copy.for_each.is_some() || !copy.slice.is_empty() {
        return Some("they are read slice by slice".into());
    }
    if copy.keep_raw.is_some() {
        return Some("answers are kept (`keep_raw`)".into());
    }
    if !asset.write.on_violation.fails() {
        return Some("rows that break a rule of the table are set aside (`on_violation: quarantine`)".into());
    }
    match asset.write.mode {
        WriteMode::Append | WriteMode::Replace | WriteMode::Merge | WriteMode::DeleteInsert | WriteMode::View => None,
        WriteMode::History => Some("a history is written beside them (`mode: history`)".into()),
    }
}

impl Passing {
    /// As a plan tells it.
    pub(crate) fn told(self) -> Option<Passes> {
        match self {
            Passing::Yes(_) => Some(Passes::AsTheyAre),
            Passing::No(why) => Some(Passes::ByValue(why)),
            Passing::NoWay => None,
        }
    }
}
