use super::{Duration, Percent, Rate, Size};
use insta::assert_snapshot;
use std::fmt::Display;
use std::str::FromStr;

fn report<T: FromStr<Err = String> + Display + PartialEq>(texts: &[&str]) -> String {
    let one = |text: &&str| match text.parse::<T>() {
        Ok(found) => {
            assert!(found.to_string().parse::<T>().is_ok_and(|again| again == found));
            format!("{text} = {found}")
        }
        Err(error) => error,
    };
    texts.iter().map(one).collect::<Vec<_>>().join("\n")
}

#[test]
fn durations() {
    assert_snapshot!(report::<Duration>(&["30s", "1h30m", "2w", "90m", "500ms", "0s", "", "30", "s", "1.5h", "-1s", "1y", "99999d", "99999999999999999999s"]), @r"
    30s = 30s
    1h30m = 1h30m
    2w = 14d
    90m = 1h30m
    500ms = 500ms
    0s = 0s
    `` is no duration: write `30s`, `5m`, `1h`, `1d`
    `30` is no duration: write `30s`, `5m`, `1h`, `1d`
    `s` is no duration: write `30s`, `5m`, `1h`, `1d`
    `1.5h` is no duration: write `30s`, `5m`, `1h`, `1d`
    `-1s` is no duration: write `30s`, `5m`, `1h`, `1d`
    `1y` is no duration: write `30s`, `5m`, `1h`, `1d`
    `99999d` is longer than 100 years
    `99999999999999999999s` is no duration: write `30s`, `5m`, `1h`, `1d`
    ");
}

#[test]
fn rates_sizes_and_shares() {
    assert_snapshot!(report::<Rate>(&["10/s", "600/m", "0/s", "+1/s", "10", "10/y", "10/ s"]), @r"
    10/s = 10/s
    600/m = 600/m
    `0/s` is no rate: write `10/s`, `600/m`, `1000/h`
    `+1/s` is no rate: write `10/s`, `600/m`, `1000/h`
    `10` is no rate: write `10/s`, `600/m`, `1000/h`
    `10/y` is no rate: write `10/s`, `600/m`, `1000/h`
    `10/ s` is no rate: write `10/s`, `600/m`, `1000/h`
    ");
    assert_snapshot!(report::<Size>(&["64MiB", "1024KiB", "10MB", "1KB", "0B", "64", "64mb", "99999999TiB"]), @r"
    64MiB = 64MiB
    1024KiB = 1MiB
    10MB = 10MB
    1KB = 1kB
    0B = 0B
    `64` is no size: write `512B`, `64KiB`, `64MiB`, `1GiB`
    `64mb` is no size: write `512B`, `64KiB`, `64MiB`, `1GiB`
    `99999999TiB` is no size: write `512B`, `64KiB`, `64MiB`, `1GiB`
    ");
    assert_snapshot!(report::<Percent>(&["20%", "0.5%", "12.34%", "100%", "100.01%", "20", "-1%", "1.234%", "%"]), @r"
    20% = 20%
    0.5% = 0.5%
    12.34% = 12.34%
    100% = 100%
    `100.01%` is no share: write `20%`, from `0%` to `100%`
    `20` is no share: write `20%`, from `0%` to `100%`
    `-1%` is no share: write `20%`, from `0%` to `100%`
    `1.234%` is no share: write `20%`, from `0%` to `100%`
    `%` is no share: write `20%`, from `0%` to `100%`
    ");
}
