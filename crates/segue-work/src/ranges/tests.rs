use super::*;

fn calendar(by: By, start: &str, zone: &str) -> Calendar {
    let range = Range {
        by,
        input: "raw.orders.created_at".parse().unwrap(),
        output: "day".into(),
        start: start.parse().unwrap(),
        lag: None,
        lookback: 0,
    };
    Calendar::new(&range, zone).unwrap()
}

fn text(zone: &str, ranges: &[Span]) -> String {
    let show = |at: i64| {
        let local = Timestamp::from_microsecond(at)
            .unwrap()
            .to_zoned(super::zone(zone).unwrap());
        local.strftime("%m-%d %H:%M %z").to_string()
    };
    let lines: Vec<String> = ranges
        .iter()
        .map(|r| format!("{} to {}", show(r.from), show(r.to)))
        .collect();
    lines.join("\n")
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn days_follow_the_zone_and_are_due_when_they_have_ended() {
    let days = calendar(By::Day, "2024-01-01", "Asia/Seoul");
    // 15:00 UTC is midnight in Seoul: the second of January has just ended.
    insta::assert_snapshot!(text("Asia/Seoul", &days.due(at("2024-01-02T15:00:00Z")).unwrap()), @r"
    01-01 00:00 +0900 to 01-02 00:00 +0900
    01-02 00:00 +0900 to 01-03 00:00 +0900
    ");
    assert_eq!(days.due(at("2024-01-02T14:59:59Z")).unwrap().len(), 1);
}

#[test]
fn a_day_has_23_hours_in_spring_and_25_in_autumn() {
    let days = calendar(By::Day, "2024-03-31", "Europe/Berlin");
    let spring = days.meeting(Span::new(days.start(), days.start() + 1)).unwrap();
    assert_eq!((spring[0].to - spring[0].from) / HOUR_US, 23);
    let hours = calendar(By::Hour, "2024-10-27", "Europe/Berlin");
    let autumn = days.range_at(hours.start()).unwrap();
    assert_eq!(hours.meeting(autumn).unwrap().len(), 25);
    insta::assert_snapshot!(text("Europe/Berlin", &hours.meeting(autumn).unwrap()[1..5]), @r"
    10-27 01:00 +0200 to 10-27 02:00 +0200
    10-27 02:00 +0200 to 10-27 02:00 +0100
    10-27 02:00 +0100 to 10-27 03:00 +0100
    10-27 03:00 +0100 to 10-27 04:00 +0100
    ");
}

#[test]
fn weeks_begin_on_monday_and_months_on_the_first() {
    let weeks = calendar(By::Week, "2024-01-03", "UTC");
    insta::assert_snapshot!(text("UTC", &weeks.due(at("2024-01-16T00:00:00Z")).unwrap()), @r"
    01-01 00:00 +0000 to 01-08 00:00 +0000
    01-08 00:00 +0000 to 01-15 00:00 +0000
    ");
    let months = calendar(By::Month, "2024-01-31", "UTC");
    insta::assert_snapshot!(text("UTC", &months.due(at("2024-03-01T00:00:00Z")).unwrap()), @r"
    01-01 00:00 +0000 to 02-01 00:00 +0000
    02-01 00:00 +0000 to 03-01 00:00 +0000
    ");
}

#[test]
fn a_range_with_a_lag_is_due_later() {
    let mut days = calendar(By::Day, "2024-01-01", "UTC");
    days.lag = SignedDuration::from_hours(6);
    assert_eq!(days.due(at("2024-01-02T05:59:59Z")).unwrap().len(), 0);
    assert_eq!(days.due(at("2024-01-02T06:00:00Z")).unwrap().len(), 1);
}

#[test]
fn a_change_reopens_the_ranges_after_it_as_far_as_they_look_back() {
    let mut days = calendar(By::Day, "2024-01-01", "UTC");
    days.lookback = 2;
    let range = days.range_at(at("2024-01-10T12:00:00Z").as_microsecond()).unwrap();
    insta::assert_snapshot!(text("UTC", &[days.reopened_by(range).unwrap()]), @"01-08 00:00 +0000 to 01-11 00:00 +0000");
}

#[test]
fn a_day_column_west_of_greenwich_lies_in_its_own_range() {
    let days = calendar(By::Day, "2024-01-01", "America/New_York");
    let range = days.range_at(days.start()).unwrap();
    // The column holds 2024-01-01 as midnight UTC, five hours before the range begins.
    let held = at("2024-01-01T00:00:00Z").as_microsecond();
    assert!(!Span::new(held, held + 1).meets(&range));
    assert_eq!(
        days.in_column(range, &Type::Date).unwrap(),
        Span::new(held, held + 24 * HOUR_US)
    );
    assert_eq!(days.in_column(range, &Type::Timestamp).unwrap(), range);
}

#[test]
fn a_day_without_a_midnight_lies_in_its_own_range() {
    // In Cairo the clocks skip the hour after midnight on 26 April 2024: the day begins at 01:00, and a date has no hour.
    let days = calendar(By::Day, "2024-04-25", "Africa/Cairo");
    let ranges = days.due(at("2024-04-27T21:00:00Z")).unwrap();
    insta::assert_snapshot!(text("Africa/Cairo", &ranges), @r"
    04-25 00:00 +0200 to 04-26 01:00 +0300
    04-26 01:00 +0300 to 04-27 00:00 +0300
    04-27 00:00 +0300 to 04-28 00:00 +0300
    ");
    for of in [Type::Date, Type::LocalTimestamp] {
        let held = days.in_column(ranges[1], &of).unwrap();
        assert_eq!(
            told(held),
            "2024-04-26T00:00:00Z to 2024-04-27T00:00:00Z",
            "{of}: the day's own midnight, whether clocks showed it or not"
        );
    }
    assert_eq!(days.in_column(ranges[1], &Type::Timestamp).unwrap(), ranges[1]);
}

#[test]
fn hours_are_not_told_by_a_column_that_shows_one_twice() {
    let hour = Span::new(0, HOUR_US);
    let berlin = calendar(By::Hour, "1970-01-01", "Europe/Berlin");
    let error = berlin.in_column(hour, &Type::LocalTimestamp).unwrap_err();
    insta::assert_snapshot!(error, @"a column of type local_timestamp cannot tell the hours of a day apart in every case");
    let utc = calendar(By::Hour, "1970-01-01", "UTC");
    assert_eq!(utc.in_column(hour, &Type::LocalTimestamp).unwrap(), hour);
    assert!(utc.in_column(hour, &Type::Date).is_err());
}
