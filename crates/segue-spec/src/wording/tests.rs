use super::{environment, value};
use serde_json::json;

#[track_caller]
fn said(template: &str) -> String {
    let words = json!({
        "artist": { "name": "aespa", "also": null },
        "genres": [{ "genre": "k-pop" }, { "genre": null }, {}, { "genre": " " }, { "genre": "dance pop" }],
        "none": [],
        "price": 12.5,
        "likes": 3,
    });
    environment().render_str(template, value(&words)).unwrap()
}

#[test]
fn what_is_missing_is_nothing() {
    assert_eq!(
        said("{{ artist.name }}|{{ artist.also }}|{{ artist.nothing.below }}|{{ nobody }}"),
        "aespa|||"
    );
    assert_eq!(said("{{ genres | join(', ', attribute='genre') }}"), "k-pop, dance pop");
    assert_eq!(said("{{ none | join(', ') }}|{{ nobody | join(', ') }}"), "|");
    assert_eq!(said("{% if artist.also %}also{% else %}no{% endif %}"), "no");
    assert_eq!(said("{{ artist.also | default('-') }}"), "-");
    assert_eq!(
        said("{% for g in genres if g.genre %}[{{ g.genre }}]{% endfor %}"),
        "[k-pop][ ][dance pop]"
    );
    assert_eq!(said("{{ price }} {{ likes }} {{ genres | length }}"), "12.5 3 5");
}

#[test]
fn a_text_that_is_too_much_work_ends() {
    let words = value(&json!({}));
    let loops = "{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}";
    assert!(environment().render_str(loops, words).is_err());
}
