//! What a run would change. The plan as a value that is saved, shown and applied is the application's; what a change *is* stands here.

pub mod class;
