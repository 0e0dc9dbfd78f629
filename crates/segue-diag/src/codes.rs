//! Every code there is, in one list a layer. A line `NAME = "SG0104"` needs the page `pages/SG0104.md` beside it, or this crate does not build.

use crate::Code;

macro_rules! codes {
    ($($name:ident = $code:literal),* $(,)?) => {
        $(
            #[doc = include_str!(concat!("../../pages/", $code, ".md"))]
            pub const $name: Code = Code($code);
        )*
        pub(super) fn all() -> Vec<(Code, &'static str)> {
            vec![$(($name, include_str!(concat!("../../pages/", $code, ".md")))),*]
        }
    };
}

mod app;
mod chats;
mod connectors;
mod lake;
mod names;
mod project;
mod sql;
mod store;
mod work;

#[allow(unused_imports, reason = "a list may be empty for a while")]
pub use {app::*, chats::*, connectors::*, lake::*, names::*, project::*, sql::*, store::*, work::*};

pub(crate) fn all() -> Vec<(Code, &'static str)> {
    [
        app::all(),
        chats::all(),
        connectors::all(),
        lake::all(),
        names::all(),
        project::all(),
        sql::all(),
        store::all(),
        work::all(),
    ]
    .concat()
}
