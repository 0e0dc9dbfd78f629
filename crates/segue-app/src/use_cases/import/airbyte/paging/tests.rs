use super::*;
use crate::use_cases::import::airbyte::tests::manifest;
use segue_spec::yaml::parse;

/// A paginator's `paginate:` as text, or why it has none.
fn of(text: &str) -> String {
    let root = parse("m", text, &mut Vec::new()).root.unwrap();
    let manifest = manifest();
    let mut ask = Ask::default();
    ask.query.insert("per".into(), 50.into());
    let part = Part::root(root, "p");
    match translate(&manifest, Some(&part), &mut ask) {
        Ok(found) => found.map_or("one page".into(), |v| v.to_string().replace('"', "")),
        Err(stop) => format!("! {}: {}", stop.place, stop.why),
    }
}

fn cursor(value: &str, stop: &str, option: &str) -> String {
    let stop = if stop.is_empty() {
        String::new()
    } else {
        format!(", stop_condition: \"{stop}\"")
    };
    of(&format!(
        "pagination_strategy: {{ type: CursorPagination, cursor_value: \"{value}\"{stop} }}\npage_token_option: {option}\n"
    ))
}

const AFTER: &str = "{ inject_into: request_parameter, field_name: after }";
const PATH: &str = "{ type: RequestPath }";

#[test]
fn offsets_and_numbers_of_pages() {
    let option = "page_token_option: { inject_into: request_parameter, field_name: skip }\n";
    let size = "page_size_option: { inject_into: request_parameter, field_name: top }\n";
    let offset = |size: &str| format!("pagination_strategy: {{ type: OffsetIncrement{size} }}\n");
    assert_eq!(
        of(&format!("{}{option}{size}", offset(", page_size: 20"))),
        "{offset:{param:skip,limit_param:top,limit:20}}"
    );
    assert_eq!(
        of(&format!("{}{option}", offset(", page_size: 50"))),
        "{offset:{param:skip,limit_param:per,limit:50}}",
        "the size stands in the request already"
    );
    assert_eq!(
        of(&format!("{}{option}", offset(""))),
        "! p.pagination_strategy: an offset without `page_size`: which page is the last cannot be told"
    );
    let page = "pagination_strategy: { type: PageIncrement, start_from_page: 1, page_size: 5 }\n";
    assert_eq!(
        of(&format!("{page}{option}{size}")),
        "{page:{param:skip,start:1,size_param:top,size:5}}"
    );
    let in_body = "page_token_option: { inject_into: body_json, field_path: [page, number] }\n";
    assert_eq!(
        of(&format!("pagination_strategy: {{ type: PageIncrement }}\n{in_body}")),
        "{page:{param:page.number,start:0,in:body}}"
    );
}

#[test]
fn marks_and_links() {
    assert_eq!(
        cursor("{{ response.next }}", "", AFTER),
        "{cursor:{param:after,path:$.next}}"
    );
    assert_eq!(
        cursor(
            "{{ response.meta['next-page'] }}",
            "{{ not response.meta.more }}",
            AFTER
        ),
        "{cursor:{param:after,path:$.meta['next-page'],has_more:$.meta.more}}"
    );
    assert_eq!(
        cursor("{{ response.a.next }}", "{{ not response.a }}", AFTER),
        "{cursor:{param:after,path:$.a.next}}",
        "where `a` is nothing, so is the mark"
    );
    assert_eq!(cursor("{{ response.next }}", "", PATH), "{next_link:$.next}");
    assert_eq!(
        cursor(
            "{{ headers['link']['next']['url'] }}",
            "{{ 'next' not in headers['link'] }}",
            PATH
        )
        .split(':')
        .next(),
        Some("! p.pagination_strategy.stop_condition")
    );
    assert_eq!(cursor("{{ headers.link.next.url }}", "", PATH), "{link_header:next}");
    assert_eq!(
        cursor("{{ headers['X-Next'] }}", "", AFTER),
        "{cursor:{param:after,path:{header:X-Next}}}"
    );
    assert_eq!(
        cursor("{{ last_record['id'] }}", "{{ response.has_more is false }}", AFTER),
        "{last_record:{param:after,path:$.id,has_more:$.has_more}}"
    );
    assert_eq!(
        cursor("{{ last_record.id }}", "{{ last_page_size < 10 }}", AFTER),
        "{last_record:{param:after,path:$.id,size:10}}"
    );
    assert_eq!(
        cursor("{{ last_record.id }}", "{{ not last_record }}", AFTER),
        "{last_record:{param:after,path:$.id}}"
    );
    assert_eq!(of("type: NoPagination\n"), "one page");
}

#[test]
fn what_has_no_like_here_says_so() {
    for (value, stop, option) in [
        ("{{ response.page + 1 }}", "", AFTER),
        ("{{ response.next }}", "{{ last_page_size == 0 }}", AFTER),
        ("{{ response.next }}", "{{ not response.more }}", PATH),
        ("{{ response.next }}", "{{ response.a == response.b }}", AFTER),
        ("{{ headers.link.next.url }}", "", AFTER),
    ] {
        let told = cursor(value, stop, option);
        assert!(told.starts_with("! p.pagination_strategy"), "{value} {stop}: {told}");
    }
    assert_eq!(
        of("pagination_strategy: { type: CustomPaginationStrategy, class_name: a.B }\n"),
        "! p.pagination_strategy: it is code of the connector's own"
    );
}
