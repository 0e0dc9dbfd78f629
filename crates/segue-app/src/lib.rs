//! Build a running system from a project and offer its use-cases, a file each.

mod app;
mod asked;
mod keeper;
mod listing;
mod load;
mod resolve;
mod sources;
mod surroundings;
mod tables;
mod use_cases;

pub use app::{App, Refused};
pub use load::{Loaded, find, load};
pub use resolve::{References, Resolved, redact};
/// How far a run is, and what came of it.
pub mod work {
    pub use segue_work::report::{Ended, Event, Figures, Progress, RunReport, Silent, SliceCounts, StepReport};
}

pub use segue_sql::format;
pub use segue_work::plan::{Plan, Planned, Refusal};
pub use surroundings::Surroundings;
pub use use_cases::connection::connection_test;
pub use use_cases::init::init;
pub use use_cases::lake::{Dropped, asset_drop, lake_compact, lake_history, lake_vacuum};
pub use use_cases::plan::{PlanReport, accept_source, apply, plan};
pub use use_cases::preview::preview;
pub use use_cases::quarantine::{quarantine_list, quarantine_show};
pub use use_cases::run::{BackfillPart, RunRequest, backfill_dry_run, resume, run};
pub use use_cases::runs::{logs, runs};
pub use use_cases::sql::{Question, params, sql};
pub use use_cases::state::{Rebuilt, RebuiltAsset, state_backup, state_rebuild};
pub use use_cases::status::{Failure, PartStatus, Reasons, Status, status, why};
pub use use_cases::words::{duration, schemas, size};
