use super::*;
use crate::use_cases::import::airbyte::tests::manifest;
use segue_spec::yaml::parse;

fn part() -> Part {
    let text = "$parameters: { path: /x, n: 3, deep: { a: b } }\n";
    Part::root(parse("m", text, &mut Vec::new()).root.unwrap(), "streams[0]")
}

fn scope() -> Scope {
    Scope {
        slice: vec![
            ("list_id".into(), "parent.list_id".into()),
            ("start_time".into(), "window.from".into()),
            ("a.b".into(), "parent.a_b".into()),
        ],
        ..Scope::default()
    }
}

fn of(text_: &str) -> String {
    let manifest = manifest();
    text(&manifest, &part(), text_, &scope(), false).unwrap_or_else(|why| format!("! {why}"))
}

#[test]
fn texts_are_said_in_our_words() {
    let all = [
        ("plain {} text", "plain {} text"),
        ("{{ config['api_key'] }}", "${secret:SHOP_API_KEY}"),
        ("Bearer {{ config.api_key }}", "Bearer ${secret:SHOP_API_KEY}"),
        ("{{ config['sub']['domain'] }}", "${env:SHOP_SUB_DOMAIN}"),
        ("{{ config['start'] }}", "${env:SHOP_START:-2020-01-01}"),
        ("{{ config.get('unit', 'kg') }}", "${env:SHOP_UNIT:-kg}"),
        ("{{ config['unit'] or 'kg' }}", "${env:SHOP_UNIT:-kg}"),
        ("{{ config['unit'] | default('kg') }}", "${env:SHOP_UNIT:-kg}"),
        ("{{ config['unit'] | string }}", "${env:SHOP_UNIT}"),
        ("{{ parameters['path'] }}/{{ parameters.deep.a }}", "/x/b"),
        ("{{ parameters.get('none', 'z') }}{{ 10 }}", "z10"),
        ("/l/{{ stream_partition.list_id }}", "/l/{{ parent.list_id }}"),
        ("{{ stream_slice['list_id'] | upper }}", "{{ parent.list_id | upper }}"),
        ("{{ stream_slice.parent_slice.list_id }}", "{{ parent.list_id }}"),
        ("{{ stream_slice.extra_fields['a.b'] }}", "{{ parent.a_b }}"),
        ("{{ stream_interval.start_time }}", "{{ window.from }}"),
        (
            "{{ 'a' if config['unit'] == 'b' else 'c' }}",
            "{{ 'a' if '${env:SHOP_UNIT}' == 'b' else 'c' }}",
        ),
    ];
    for (there, here) in all {
        assert_eq!(of(there), here, "{there}");
    }
}

#[test]
fn what_has_no_like_here_says_so() {
    let all = [
        ("{{ now_utc() }}", "! functions are not translated"),
        ("{{ config['a'].lower() }}", "! the method `lower()` is not known"),
        ("{{ config['a'] | hash('md5') }}", "! the filter `hash` is not known"),
        ("{{ stream_state.x }}", "! `stream_state.x` is not known here"),
        ("{{ record.x }}", "! `record.x` is not known here"),
        ("{{ stream_slice.other }}", "! no partition has a `other`"),
        ("{{ parameters.none }}", "! there is no parameter `none`"),
        ("{% if a %}b{% endif %}", "! statements (`{% … %}`) are not translated"),
        ("{{ open", "! `{{` is not closed"),
        ("{{ 'open }}", "! a text is not closed"),
        ("{{ }}", "! an expression is empty"),
        (
            "{{ 'a' if config['sandbox'] else 'b' }}",
            "! a choice by whether a setting is given (${env:SHOP_SANDBOX}) cannot be made",
        ),
    ];
    for (there, why) in all {
        assert_eq!(of(there), why, "{there}");
    }
}

#[test]
fn conditions_are_of_records_that_may_lack_a_field() {
    let manifest = manifest();
    let of = |text: &str| condition(&manifest, &part(), text, &scope()).unwrap_or_else(|why| format!("! {why}"));
    assert_eq!(of("{{ record.a == 'x' }}"), "(record.a | default(none)) == 'x'");
    assert_eq!(
        of("{{ record['a']['b-c'] > 3 and not record.get('d', 'e') }}"),
        "((record.a | default({}))['b-c'] | default(none)) > 3 and not (record.d | default('e'))"
    );
    assert_eq!(of("{{ 'a' in record }}"), "'a' in record");
    assert_eq!(
        of("{{ record.at >= stream_interval.start_time }}"),
        "(record.at | default(none)) >= window.from"
    );
    assert_eq!(of("record.a"), "! a condition is one expression in `{{ }}`");
}

#[test]
fn paths_are_what_an_expression_may_be_alone() {
    let of = |text: &str| {
        inside(text)
            .and_then(path)
            .map(|(root, steps)| format!("{root} {}", json_path(&steps)))
    };
    assert_eq!(
        of("{{ response.a['b-c'][0] }}").as_deref(),
        Some("response $.a['b-c'][0]")
    );
    assert_eq!(
        of("{{ response.get('a', {}).get('b') }}").as_deref(),
        Some("response $.a.b")
    );
    assert_eq!(of("{{ response.next or none }}").as_deref(), Some("response $.next"));
    assert_eq!(
        of("{{ last_records[-1]['id'] }}").as_deref(),
        Some("last_records $[-1].id")
    );
    for none in ["{{ response.a + 1 }}", "{{ a }}{{ b }}", "x{{ a }}", "{{ 1 }}"] {
        assert_eq!(of(none), None, "{none}");
    }
}
