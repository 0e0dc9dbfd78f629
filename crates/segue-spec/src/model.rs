//! A project as the rest of Segue sees it: checked, typed, every reference (`${…}`) still unresolved.

mod asset;
pub mod chat;
mod check;
mod copy;
mod family;
mod find;
mod project;
mod sql;

pub use asset::{Asset, How, IntoTarget, OnChange, OnPartial, Param, Place};
pub use chat::Chat;
pub use check::{Check, CheckKind, Name, Number, OnFailure, Scope};
pub use copy::{Batch, Column, Columns, Copy, ForEach, From, LakeSource, Nested, OnSchemaChange, Position, ResumeBy};
pub use family::{Family, FamilyName};
pub use find::Find;
pub use project::{Apply, Connection, Environment, Project};
pub(crate) use sql::local_time;
pub use sql::{By, InputRule, Range, RangeInput, SqlBody};
pub(crate) use write::own_columns;
pub use write::{DeleteMissing, OnGone, OnViolation, Write, WriteMode};

mod write;

pub(crate) use write::column_names;
