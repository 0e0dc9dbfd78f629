//! The statements of `tests/slt` on this engine.

use crate::engine::tests::bench;
use std::path::Path;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_give_what_is_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/slt");
    let files = segue_testkit::slt::files(&folder).unwrap();
    assert!(files.len() >= 7, "{files:?}");
    let bench = bench();
    let engine = Arc::new(bench.engine);
    let mut wrong = Vec::new();
    for file in files {
        if let Err(difference) = segue_testkit::slt::run(&file, engine.clone(), &bench.ctx).await {
            wrong.push(difference);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
