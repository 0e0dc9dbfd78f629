//! Manifests as a whole: which files come of them, and what is told.

use super::*;

mod cases;

/// A manifest of which only the settings matter.
pub(super) fn manifest() -> Manifest<'static> {
    Manifest {
        text: "",
        prefix: "SHOP".into(),
        spec: Some(json!({
            "properties": {
                "api_key": { "type": "string", "airbyte_secret": true },
                "start": { "type": "string", "default": "2020-01-01" },
                "credentials": { "oneOf": [{ "properties": { "token": { "airbyte_secret": true } } }] },
            }
        })),
        remarks: RefCell::default(),
        stream: RefCell::default(),
    }
}

/// The files of a manifest, then what is told, as one text.
fn shown(text: &str) -> String {
    let translated = match translate("shop.yaml", text, "shop") {
        Ok(translated) => translated,
        Err(error) => return error.to_text(),
    };
    let files = translated.files.iter().map(|f| format!("== {}\n{}", f.path, f.text));
    let remarks = translated.remarks.iter().map(|r| {
        let stream = r.stream.as_deref().unwrap_or("-");
        format!(
            "{:?} {}:{} {stream} {}: {}\n",
            r.effect, r.line, r.column, r.place, r.what
        )
    });
    files.chain(remarks).collect()
}

const SHOP: &str = r##"version: 6.0.0
type: DeclarativeSource
check: { type: CheckStream, stream_names: [orders] }
definitions:
  requester:
    type: HttpRequester
    url_base: "https://{{ config['subdomain'] }}.example.com/v1/"
    authenticator: { type: BearerAuthenticator, api_token: "{{ config['credentials']['token'] }}" }
    error_handler:
      type: DefaultErrorHandler
      max_retries: 3
      response_filters:
        - { http_codes: [404], action: IGNORE }
        - { action: FAIL, predicate: "{{ response.code == 7 }}" }
  paginator:
    type: DefaultPaginator
    pagination_strategy: { type: CursorPagination, cursor_value: "{{ response.next }}", page_size: 100 }
    page_token_option: { type: RequestOption, inject_into: request_parameter, field_name: after }
    page_size_option: { type: RequestOption, inject_into: request_parameter, field_name: limit }
  shops:
    type: DeclarativeStream
    name: shops
    primary_key: id
    retriever:
      type: SimpleRetriever
      requester: { $ref: "#/definitions/requester", path: shops }
      record_selector: { type: RecordSelector, extractor: { type: DpathExtractor, field_path: [data] } }
      paginator: { $ref: "#/definitions/paginator" }
    schema_loader: { type: InlineSchemaLoader, schema: { properties: { id: { type: integer }, Name: { type: [string, "null"] } } } }
streams:
  - $ref: "#/definitions/shops"
  - type: DeclarativeStream
    name: orders
    primary_key: [id]
    incremental_sync:
      type: DatetimeBasedCursor
      cursor_field: updated_at
      datetime_format: "%Y-%m-%dT%H:%M:%SZ"
      start_datetime: { type: MinMaxDatetime, datetime: "{{ config['start_date'] }}", datetime_format: "%Y-%m-%d" }
      step: P30D
      cursor_granularity: PT1S
      lookback_window: P1D
      start_time_option: { type: RequestOption, inject_into: request_parameter, field_name: from }
      end_time_option: { type: RequestOption, inject_into: request_parameter, field_name: to }
    retriever:
      type: SimpleRetriever
      requester: { $ref: "#/definitions/requester", path: "shops/{{ stream_partition.shop }}/orders" }
      record_selector:
        type: RecordSelector
        extractor: { type: DpathExtractor, field_path: [data] }
        record_filter: { type: RecordFilter, condition: "{{ record.state != 'draft' }}" }
      paginator: { $ref: "#/definitions/paginator" }
      partition_router:
        type: SubstreamPartitionRouter
        parent_stream_configs:
          - { type: ParentStreamConfig, parent_key: id, partition_field: shop, stream: "#/definitions/shops" }
    transformations:
      - type: AddFields
        fields:
          - { path: [shop_id], value: "{{ stream_partition.shop }}", value_type: integer }
          - { path: [buyer], value: "{{ record['customer']['email'] }}" }
          - { path: [read_at], value: "{{ now_utc() }}" }
    schema_loader: { type: InlineSchemaLoader, schema: { properties: { id: { type: integer }, updated_at: { type: string }, customer: { type: object } } } }
  - { type: DeclarativeStream, name: odd, retriever: { type: CustomRetriever, class_name: a.B } }
spec:
  connection_specification:
    properties:
      subdomain: { type: string }
      start_date: { type: string, default: "2024-01-01" }
      credentials: { oneOf: [ { properties: { token: { type: string, airbyte_secret: true } } } ] }
"##;

#[test]
fn a_manifest_becomes_a_connection_and_assets() {
    let text = shown(SHOP);
    assert_eq!(
        text,
        r#"== connections/shop.yaml
connection: shop
kind: rest
base_url: "https://${env:SHOP_SUBDOMAIN}.example.com/v1"
auth:
  bearer: { token: "${secret:SHOP_CREDENTIALS_TOKEN}" }
limits:
  tries: 4
== assets/shop/shops.yaml
asset: shop.shops
copy:
  from: shop
  request: { get: /shops }
  paginate: { cursor: { param: after, path: $.next, size_param: limit, size: 100 } }
  records: { path: "$.data[*]", missing: empty }
  columns: { id: { type: int64 }, name: { path: $.Name, type: string } }
  errors: [{ status: 404, then: ignore }]
write:
  mode: replace
  key: [id]
  allow_empty: true
== assets/shop/orders.yaml
asset: shop.orders
copy:
  from: shop
  parents:
    - request: { get: /shops }
      paginate: { cursor: { param: after, path: $.next, size_param: limit, size: 100 } }
      records: { path: "$.data[*]", missing: empty }
      errors: [{ status: 404, then: ignore }]
      take: { shop: $.id }
  windows:
    start: "${env:SHOP_START_DATE:-2024-01-01}"
    step: "30d"
    granularity: "1s"
    pattern: "%Y-%m-%dT%H:%M:%SZ"
  request:
    get: "/shops/{{ parent.shop }}/orders"
    query: { from: "{{ window.from }}", to: "{{ window.to }}" }
  paginate: { cursor: { param: after, path: $.next, size_param: limit, size: 100 } }
  records:
    path: $.data[*]
    missing: empty
    pick: { where: "(record.state | default(none)) != 'draft'", first: 1000000000, none: ignore }
  position: { column: updated_at, lag: "1d" }
  columns:
    id: { type: int64 }
    updated_at: { type: timestamp }
    customer: { type: json }
    shop_id: { value: "{{ parent.shop }}", type: int64 }
    buyer: { path: $.customer.email }
  errors: [{ status: 404, then: ignore }]
write:
  mode: merge
  key: [id]
Differs 14:38 shops streams[0].retriever.requester.error_handler.response_filters[1].predicate: a rule by a predicate is left out: rules look at the status and at a text in the body
Differs 14:38 orders streams[1].retriever.partition_router.parent_stream_configs[0].stream.retriever.requester.error_handler.response_filters[1].predicate: a rule by a predicate is left out: rules look at the status and at a text in the body
Differs 14:38 orders streams[1].retriever.requester.error_handler.response_filters[1].predicate: a rule by a predicate is left out: rules look at the status and at a text in the body
Differs 62:39 orders streams[1].transformations[0].fields[2].value: the field `read_at` is left out: functions are not translated
StreamLeftOut 64:54 odd streams[2].retriever: it is code of the connector's own
"#
    );
}

#[test]
fn what_is_no_manifest_says_so() {
    let told = |text: &str| shown(text).lines().next().unwrap_or_default().to_string();
    assert!(
        told("a: 1\n").contains("shop.yaml cannot be imported: it has no `streams:`"),
        "{}",
        told("a: 1\n")
    );
    assert!(told("").contains("it is empty"), "{}", told(""));
    assert!(told("a: [1\n").contains("cannot be imported"), "{}", told("a: [1\n"));
}

#[test]
fn several_servers_and_accounts_are_connections_of_their_own() {
    let stream = |name: &str, base: &str, token: &str| {
        format!(
            "  - name: {name}\n    retriever:\n      requester: {{ url_base: \"{base}\", path: /x, request_headers: {{ X-Key: \"{token}\" }} }}\n      record_selector: {{ extractor: {{ field_path: [] }} }}\n"
        )
    };
    let text = format!(
        "streams:\n{}{}{}spec: {{ connection_specification: {{ properties: {{ key: {{ airbyte_secret: true }} }} }} }}\n",
        stream("a", "https://one.example.com", "{{ config.key }}"),
        stream("b", "https://one.example.com", "{{ config.key }}"),
        stream("c", "https://two.example.com", "plain"),
    );
    let shown = shown(&text);
    // A secret that all streams of a server send is who asks.
    assert!(
        shown.contains("base_url: https://one.example.com\nauth:\n  api_key: { header: \"X-Key\", value: \"${secret:SHOP_KEY}\" }\n== connections/shop_2.yaml"),
        "{shown}"
    );
    assert!(
        shown.contains("asset: shop.c\ncopy:\n  from: shop_2\n  request: { get: /x, headers: { \"X-Key\": plain } }\n"),
        "{shown}"
    );
    assert!(
        shown.contains("records: { path: \"$[*]\", missing: empty, single: true }"),
        "{shown}"
    );
    assert_eq!(shown.matches("X-Key").count(), 2);
}

#[test]
fn a_key_that_nobody_knows_is_told() {
    let text = "streams:\n  - name: a\n    colour: blue\n    retriever:\n      requester: { url_base: https://x.example.com, path: /x, sped: 3 }\n      record_selector: { extractor: { field_path: [] } }\nmood: good\n";
    let shown = shown(text);
    for told in [
        "Differs 3:5 a streams[0].colour: `colour` is not known here, and left out",
        "Differs 5:63 a streams[0].retriever.requester.sped: `sped` is not known here, and left out",
        "Differs 7:7 - mood: `mood` is not known, and left out",
    ] {
        assert!(shown.contains(told), "{told}\n{shown}");
    }
}
