use super::*;
use proptest::prelude::*;

fn set(spans: &[(i64, i64)]) -> Spans {
    Spans::of(spans.iter().map(|(f, t)| Span::new(*f, *t)))
}

#[test]
fn neighbours_are_one() {
    assert_eq!(set(&[(2, 3), (0, 1), (1, 2)]), set(&[(0, 3)]));
}

#[test]
fn too_many_become_their_hull() {
    assert_eq!(set(&[(0, 1), (2, 3), (4, 5)]).at_most(2), set(&[(0, 5)]));
}

fn spans() -> impl Strategy<Value = Spans> {
    proptest::collection::vec((0i64..40, 0i64..8), 0..8)
        .prop_map(|v| Spans::of(v.into_iter().map(|(f, l)| Span::new(f, f + l))))
}

fn has(set: &Spans, value: i64) -> bool {
    set.as_slice().iter().any(|s| s.from <= value && value < s.to)
}

proptest! {
    #[test]
    fn set_algebra_agrees_with_membership(a in spans(), b in spans(), from in 0i64..50, len in 0i64..6) {
        for v in 0..50 {
            prop_assert_eq!(has(&a.union(&b), v), has(&a, v) || has(&b, v));
            prop_assert_eq!(has(&a.minus(&b), v), has(&a, v) && !has(&b, v));
            prop_assert_eq!(has(&a.intersection(&b), v), has(&a, v) && has(&b, v));
        }
        let span = Span::new(from, from + len);
        prop_assert_eq!(a.meets(&span), (from..from + len).any(|v| has(&a, v)));
        prop_assert_eq!(a.covers(&span), (from..from + len).all(|v| has(&a, v)));
        prop_assert!(a.minus(&b).as_slice().windows(2).all(|w| w[0].to < w[1].from));
    }
}
