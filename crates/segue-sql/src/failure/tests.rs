use super::*;

#[test]
fn sizes_are_told_in_the_unit_in_which_they_are_whole() {
    assert_eq!(size(64 << 20), "64 MiB");
    assert_eq!(size(1 << 30), "1 GiB");
    assert_eq!(size(1_000), "1000 bytes");
    assert_eq!(size(0), "0 bytes");
}

#[test]
fn an_error_of_ours_comes_through_as_it_was() {
    let ours = Error::new(Kind::NotFound, "no such file")
        .code(segue_diag::SQL_VALUE)
        .with("path", "a.parquet")
        .hint("look there")
        .caused_by("deeper");
    let wrapped = DataFusionError::Shared(std::sync::Arc::new(DataFusionError::Context(
        "while reading".to_string(),
        Box::new(DataFusionError::ArrowError(
            Box::new(arrow_schema::ArrowError::ExternalError(Box::new(
                DataFusionError::External(Box::new(ours)),
            ))),
            None,
        )),
    )));
    insta::assert_snapshot!(failure(wrapped, &Limits::default()).to_text(), @r"
    error[SG0254]: no such file
      path: a.parquet
      cause: deeper
      hint: look there
      more: segue explain SG0254
    ");
}

#[test]
fn the_limit_that_was_met_is_named() {
    let limits = Limits {
        memory: 64 << 20,
        spill: 1 << 30,
        ..Limits::default()
    };
    let text = "Failed to allocate additional 10.0 MB for HashJoinInput with 60.0 MB already allocated";
    insta::assert_snapshot!(failure(DataFusionError::ResourcesExhausted(text.to_string()), &limits).to_text(), @r"
    error[SG0250]: the query needs more memory than the 64 MiB that it may use
      limit: limits.memory
      detail: Failed to allocate additional 10.0 MB for HashJoinInput with 60.0 MB already allocated
      hint: let it keep less (filter before joining, join on keys, name the columns), or allow more: segue sql --memory 2GiB
      more: segue explain SG0250
    ");
}

#[test]
fn a_function_that_takes_other_types_is_no_mistake_of_the_engine() {
    let text = "Function 'regexp_like' failed to match any signature, errors: one, two";
    let told = |e: DataFusionError| failure(e, &Limits::default()).to_text();
    let wanted = "error[SG0253]: the function `regexp_like` takes no arguments of these types\n  hint: cast what it is given: `cast(x as text)`\n  more: segue explain SG0253";
    assert_eq!(told(DataFusionError::Internal(text.to_string())), wanted);
    assert_eq!(told(DataFusionError::Plan(format!("Internal error: {text}"))), wanted);
}

#[test]
fn who_holds_the_memory_is_told_on_one_line() {
    let text = "Additional allocation failed for sort with top memory consumers (across reservations) as:\n  a#1 consumed 3.0 MB,\n  b#2 consumed 1.0 MB.\nError: Failed to allocate 2.0 MB";
    let error = failure(
        DataFusionError::ResourcesExhausted(text.to_string()),
        &Limits::default(),
    );
    let detail = error
        .context()
        .iter()
        .find(|(name, _)| *name == "detail")
        .map(|(_, words)| words.as_str());
    let wanted = "Additional allocation failed for sort with top memory consumers (across reservations) as: a#1 consumed 3.0 MB, b#2 consumed 1.0 MB";
    assert_eq!(detail, Some(wanted));
}
