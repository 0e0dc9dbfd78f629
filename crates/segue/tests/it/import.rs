//! A low-code manifest of Airbyte becomes files of a project, and what could not is told.

use crate::support::Project;

/// One stream that can be said, one with something that is other here, one that cannot be.
const SHOP: &str = r#"version: 6.0.0
type: DeclarativeSource
check: { type: CheckStream, stream_names: [orders] }
streams:
  - type: DeclarativeStream
    name: orders
    primary_key: id
    retriever:
      type: SimpleRetriever
      requester:
        type: HttpRequester
        url_base: "https://{{ config['subdomain'] }}.example.com"
        path: orders
        authenticator: { type: BearerAuthenticator, api_token: "{{ config['token'] }}" }
        error_handler: { type: DefaultErrorHandler, backoff_strategies: [ { type: ConstantBackoffStrategy, backoff_time_in_seconds: 5 } ] }
      record_selector: { type: RecordSelector, extractor: { type: DpathExtractor, field_path: [orders] } }
  - type: DeclarativeStream
    name: odd
    retriever: { type: CustomRetriever, class_name: source_shop.OddRetriever }
spec:
  type: Spec
  connection_specification: { properties: { token: { type: string, airbyte_secret: true }, subdomain: { type: string, default: demo } } }
"#;

fn project() -> Project {
    Project::with(&[("source-shop/manifest.yaml", SHOP)])
}

#[test]
fn a_manifest_becomes_a_project_that_is_right_and_what_is_left_out_is_told() {
    let project = project();
    let done = project.segue(&[
        "import",
        "airbyte-manifest",
        "source-shop/manifest.yaml",
        "--into",
        "imported",
    ]);
    assert_eq!(done.code, Some(8), "{}", done.text());
    for line in [
        "  connections/shop.yaml",
        "  assets/shop/orders.yaml",
        "left out:\n  line 19: odd: it is code of the connector's own (streams[1].retriever)",
        "not quite as it was:\n  line 15: orders: between two tries the wait doubles",
        "  SHOP_TOKEN: a secret, from the environment, .env or the file secrets/SHOP_TOKEN",
        "  SHOP_SUBDOMAIN: demo, unless the environment or .env says otherwise",
        "1 stream imported, 1 left out.",
    ] {
        assert!(done.out.contains(line), "{line}\n{}", done.text());
    }
    let check = project.ok(&["-C", "imported", "check"]);
    assert!(check.contains("1 asset checked: nothing is wrong"), "{check}");
    let asset = project.read("imported/assets/shop/orders.yaml");
    assert!(
        asset.contains("asset: shop.orders") && asset.contains("key: [id]"),
        "{asset}"
    );
    assert!(!project.read("imported/connections/shop.yaml").contains("token: {"));
}

#[test]
fn a_program_gets_it_as_json_and_nothing_is_written_over() {
    let project = project();
    let import = [
        "--json",
        "import",
        "airbyte-manifest",
        "source-shop/manifest.yaml",
        "--into",
        "imported",
        "--name",
        "mine",
    ];
    let told: serde_json::Value = serde_json::from_str(&project.segue(&import).ended(8).out).expect("JSON");
    assert_eq!(told["assets"], serde_json::json!([["orders", "mine.orders"]]));
    assert_eq!(told["remarks"][1]["effect"], "stream_left_out");
    assert_eq!(told["remarks"][1]["line"], 19);
    project.write("imported/assets/mine/orders.yaml", "asset: mine.orders\n");
    let again: serde_json::Value = serde_json::from_str(&project.segue(&import).ended(8).out).expect("JSON");
    assert_eq!(
        (
            again["written"].as_array().map(Vec::len),
            again["there"].as_array().map(Vec::len)
        ),
        (Some(0), Some(2))
    );
    assert_eq!(project.read("imported/assets/mine/orders.yaml"), "asset: mine.orders\n");
    // Into the project that somebody stands in, or into none.
    project
        .segue(&["import", "airbyte-manifest", "source-shop/manifest.yaml"])
        .ended(4);
    project.write("segue.yaml", "format: 1\nproject: own\n");
    project
        .segue(&["import", "airbyte-manifest", "source-shop/manifest.yaml"])
        .ended(8);
    assert!(project.file("connections/shop.yaml").exists());
}
