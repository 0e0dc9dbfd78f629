use super::*;

fn cut(unit: &str, zone: &str, at: &str) -> String {
    let at: Timestamp = at.parse().unwrap();
    let micros = Truncation::new(unit, zone).unwrap().start(at.as_microsecond()).unwrap();
    let zone = zone_of(zone).unwrap();
    zone.to_datetime(Timestamp::from_microsecond(micros).unwrap())
        .to_string()
        + " "
        + &zone.to_offset(Timestamp::from_microsecond(micros).unwrap()).to_string()
}

#[test]
fn every_unit_begins_in_the_zone() {
    let cut = |unit| cut(unit, "Asia/Seoul", "2024-02-29T15:30:45.123456Z");
    assert_eq!(cut("microsecond"), "2024-03-01T00:30:45.123456 +09");
    assert_eq!(cut("millisecond"), "2024-03-01T00:30:45.123 +09");
    assert_eq!(cut("second"), "2024-03-01T00:30:45 +09");
    assert_eq!(cut("minute"), "2024-03-01T00:30:00 +09");
    assert_eq!(cut("hour"), "2024-03-01T00:00:00 +09");
    assert_eq!(cut("day"), "2024-03-01T00:00:00 +09");
    assert_eq!(cut("week"), "2024-02-26T00:00:00 +09");
    assert_eq!(cut("month"), "2024-03-01T00:00:00 +09");
    assert_eq!(cut("quarter"), "2024-01-01T00:00:00 +09");
    assert_eq!(cut("year"), "2024-01-01T00:00:00 +09");
}

#[test]
fn an_hour_of_a_zone_with_a_half_hour_begins_on_its_own_clock() {
    assert_eq!(
        cut("hour", "Asia/Kolkata", "2024-01-01T00:10:00Z"),
        "2024-01-01T05:00:00 +05:30"
    );
    assert_eq!(
        cut("hour", "+05:30", "2024-01-01T00:10:00Z"),
        "2024-01-01T05:00:00 +05:30"
    );
}

#[test]
fn a_day_whose_midnight_comes_twice_has_one_beginning() {
    // Havana sets its clocks from 01:00 to 00:00 on 2023-11-05.
    let first = cut("day", "America/Havana", "2023-11-05T04:30:00Z");
    let noon = cut("day", "America/Havana", "2023-11-05T17:00:00Z");
    assert_eq!(first, "2023-11-05T00:00:00 -04");
    assert_eq!(noon, first);
}

#[test]
fn a_day_whose_midnight_is_skipped_begins_after_the_gap() {
    assert_eq!(
        cut("day", "America/Sao_Paulo", "2018-11-04T12:00:00Z"),
        "2018-11-04T01:00:00 -02"
    );
}

#[test]
fn both_hours_of_an_autumn_night_are_hours_of_their_own() {
    assert_eq!(
        cut("hour", "Europe/Berlin", "2024-10-27T00:30:00Z"),
        "2024-10-27T02:00:00 +02"
    );
    assert_eq!(
        cut("hour", "Europe/Berlin", "2024-10-27T01:30:00Z"),
        "2024-10-27T02:00:00 +01"
    );
}

#[test]
fn times_before_1970_and_far_away_are_cut_downwards() {
    assert_eq!(
        cut("second", "UTC", "1969-12-31T23:59:58.5Z"),
        "1969-12-31T23:59:58 +00"
    );
    assert_eq!(cut("year", "UTC", "9998-07-01T00:00:00Z"), "9998-01-01T00:00:00 +00");
    assert!(Truncation::new("day", "UTC").unwrap().start(i64::MAX).is_err());
}

#[test]
fn what_was_known_does_not_leak_into_the_next_unit() {
    let mut day = Truncation::new("day", "Europe/Berlin").unwrap();
    let at = |text: &str| text.parse::<Timestamp>().unwrap().as_microsecond();
    for (time, start) in [
        ("2024-03-31T10:00:00Z", "2024-03-30T23:00:00Z"),
        ("2024-03-31T21:59:59.999999Z", "2024-03-30T23:00:00Z"),
        ("2024-03-31T22:00:00Z", "2024-03-31T22:00:00Z"),
        ("2024-03-30T22:59:59Z", "2024-03-29T23:00:00Z"),
    ] {
        assert_eq!(day.start(at(time)).unwrap(), at(start), "{time}");
    }
}
