use super::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_777_636_800_000 + millis).unwrap()
}

/// Which of these moments, in milliseconds, are admitted.
fn admitted(mut windows: Vec<Window>, moments: impl IntoIterator<Item = i64>) -> Vec<i64> {
    moments
        .into_iter()
        .filter(|m| admit(&mut windows, at(*m)).is_ok())
        .collect()
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_rolling_window_admits_so_many_in_any_stretch() {
    assert_eq!(
        admitted(vec![Window::new(2, SECOND)], [0, 100, 200, 999, 1000, 1099, 1100]),
        [0, 100, 1000, 1100]
    );
}

#[test]
fn whoever_goes_on_asking_stays_refused_where_everything_counts() {
    let window = || vec![Window::of_everything(1, SECOND)];
    assert_eq!(admitted(window(), (0..10).map(|i| i * 500)), [0]);
    assert_eq!(admitted(window(), [0, 500, 1500, 2500]), [0, 1500, 2500]);
}

#[test]
fn a_window_by_the_clock_is_new_at_each_multiple() {
    let ten = Duration::from_secs(10);
    let window = || vec![Window::by_the_clock(2, ten)];
    // Four within two seconds, because the clock passes a multiple between them.
    assert_eq!(
        admitted(window(), [8_000, 9_000, 9_500, 10_000, 10_001, 10_002]),
        [8_000, 9_000, 10_000, 10_001]
    );
    let mut window = Window::by_the_clock(2, ten);
    assert_eq!(window.left(at(8_000)).remaining, 2);
    assert_eq!(window.left(at(8_000)).more_at, at(10_000));
}

#[test]
fn two_windows_admit_together_or_not_at_all() {
    let day = Duration::from_secs(86_400);
    let mut windows = vec![Window::new(2, SECOND), Window::quota(3, day)];
    let mut ask = |m: i64| admit(&mut windows, at(m));
    assert_eq!([ask(0), ask(1)], [Ok(()), Ok(())]);
    let wait = Duration::from_millis(998);
    assert_eq!(ask(2), Err(Full { wait, is_quota: false }));
    assert_eq!(ask(2_000), Ok(()));
    let wait = Duration::from_millis(86_400_000 - 3_000);
    assert_eq!(ask(3_000), Err(Full { wait, is_quota: true }));
    assert_eq!(ask(86_400_000), Ok(()));
}
