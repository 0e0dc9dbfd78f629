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
