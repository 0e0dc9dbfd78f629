//! Build a running system from a project and offer its use-cases, a file each.

mod app;
mod asked;
mod choice;
mod elsewhere;
mod ends;
mod families;
mod finding;
mod keeper;
mod listing;
mod load;
mod pgpass;
mod resolve;
#[cfg(test)]
mod simulation;
mod sources;
mod surroundings;
mod tables;
mod use_cases;

pub use app::{App, Refused};
pub use load::{Loaded, find, load, load_with_tests};
pub use resolve::{References, Resolved, redact};
/// How far a run is, and what came of it.
pub mod work {
    pub use segue_work::report::{
        Ended, Event, FamilyReport, Figures, HandledRows, Progress, RunReport, Silent, SliceCounts, StepReport,
    };
}

/// What a chat answers.
pub mod chats {
    pub use segue_chat::{Answer, Block, Button, Card, Named, Outcome, QuickReply, Speaks, Touch};
}

/// What comes of finding by name.
pub mod names {
    pub use segue_names::{Answer, Candidate, Reason};
}

pub use segue_sql::{format, is_complete, locate};
pub use segue_work::plan::{Passes, Plan, Planned, Refusal};
pub use segue_work::step::moment;
pub use segue_work::tries::Tried;
pub use surroundings::Surroundings;
pub use use_cases::adding::Needed;
pub use use_cases::asset::{Doomed, Dropped, asset_doomed, asset_drop};
pub use use_cases::chat::{Message, chat};
pub use use_cases::connect::{Connected, Shipped, connect, shipped};
pub use use_cases::connection::{connection_test, connection_unblock};
pub use use_cases::copy::{Copied, CopyMode, CopyRequest, Copying};
pub use use_cases::discover::discover;
pub use use_cases::import::{Effect, ImportRequest, Imported, Remark, import_airbyte};
pub use use_cases::init::init;
pub use use_cases::lake::{lake_compact, lake_history, lake_vacuum};
pub use use_cases::plan::{PlanReport, PlannedFamily, accept_source, apply, plan};
pub use use_cases::preview::preview;
pub use use_cases::quarantine::{
    AsideRequest, quarantine_discard, quarantine_foretold, quarantine_list, quarantine_meant, quarantine_replay,
    quarantine_show,
};
pub use use_cases::record::{Recorded, record};
pub use use_cases::resolve::{Meant, resolve};
pub use use_cases::restore::{AsOf, Position, RestoreRequest, Restored, lake_restore};
pub use use_cases::run::{BackfillPart, RunRequest, backfill_dry_run, resume, run};
pub use use_cases::runs::{logs, runs};
pub use use_cases::scaffold::{Scaffolded, Starter, scaffold};
pub use use_cases::sql::{Question, answer_into, params, sql};
pub use use_cases::state::{Rebuilt, RebuiltAsset, state_backup, state_rebuild};
pub use use_cases::status::{Failure, PartStatus, Reasons, Status, status, why};
pub use use_cases::testing::{Outcome, TestReport, TestRequest, Tested, Tests, test};
pub use use_cases::tries::{tries, try_words};
pub use use_cases::words::{duration, schemas, size};
