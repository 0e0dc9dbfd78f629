//! What is asked one after the other: partition routers as `for_each` and `parents`, and cursors of time as `windows` and `position`.

use super::Manifest;
use super::asking::{Ask, same_connection};
use super::stream::{Asked, asked};
use super::tree::{Part, Res};
use super::words::Scope;
use segue_connectors::columns::named;
use serde_json::{Map, Value, json};

/// What a stream is asked for.
#[derive(Clone, Debug, Default)]
pub struct Slices {
    /// The elements of a `for_each`; `None`: it has none.
    pub elements: Option<Vec<Map<String, Value>>>,
    /// Requests before the others, the outermost first.
    pub parents: Vec<Value>,
    /// What they are asked by.
    pub asks: Vec<(Part, Ask)>,
    /// What templates may name.
    pub scope: Scope,
    /// Options that carry a value of a partition: the option, and the template.
    pub injected: Vec<(Part, String)>,
}

/// Adds what a partition router asks for.
///
/// # Errors
/// Where it has no like here.
pub fn route(manifest: &Manifest<'_>, router: &Part, slices: &mut Slices) -> Res<()> {
    if !router.items().is_empty() {
        return router
            .items()
            .iter()
            .try_for_each(|inner| route(manifest, inner, slices));
    }
    router.no_code()?;
    match router.kind().as_str() {
        "ListPartitionRouter" => list(manifest, router, slices)?,
        "SubstreamPartitionRouter" => {
            let configs = router.needs("parent_stream_configs")?.items();
            let [config] = configs.as_slice() else {
                return Err(router.stop(format!(
                    "{} parent streams whose records are asked for in turn: write an asset for each of them",
                    configs.len()
                )));
            };
            parent(manifest, config, slices, None)?;
        }
        "CartesianProductStreamSlicer" => {
            for inner in router.needs("stream_slicers")?.items() {
                route(manifest, &inner, slices)?;
            }
        }
        "GroupingPartitionRouter" => {
            let size = router.needs("group_size")?;
            let size = size.whole().ok_or_else(|| size.stop("`group_size` is no number"))?;
            let inner = router.needs("underlying_partition_router")?;
            let configs = inner
                .own("parent_stream_configs")
                .map(|p| p.items())
                .unwrap_or_default();
            let ("SubstreamPartitionRouter", [config]) = (inner.kind().as_str(), configs.as_slice()) else {
                return Err(inner.stop("only the records of one parent stream can go into one request together"));
            };
            // A value that comes twice goes into a group once in any case.
            router.own("deduplicate");
            parent(manifest, config, slices, Some(size))?;
            slices.scope.is_grouped = true;
        }
        "UnionPartitionRouter" => {
            return Err(router.stop("the partitions of several routers one after the other have no like here: write an asset for each of them"));
        }
        other => return Err(router.stop(format!("a partition router of kind {other} is not known"))),
    }
    manifest.unasked(router);
    Ok(())
}

fn list(manifest: &Manifest<'_>, router: &Part, slices: &mut Slices) -> Res<()> {
    let field = router.needs("cursor_field")?;
    let field = manifest.words(&field, &Scope::default())?;
    let name = named(&field);
    let values = router.needs("values")?;
    let mut all = Vec::new();
    for value in values.items() {
        let text = manifest.words(&value, &Scope::default())?;
        match value.node.scalar() {
            Some(scalar) if scalar.json.is_number() || scalar.json.is_boolean() => all.push(scalar.json.clone()),
            _ if text.contains("${") => {
                return Err(value.stop("a value of the list is a setting: write the list into the project"));
            }
            _ => all.push(text.into()),
        }
    }
    // A list may be written as a text: `["a", "b"]`.
    if let Some(text) = values.node.text() {
        let text = manifest.translated(&values, text, &Scope::default())?;
        let read = serde_json::from_str(&text).or_else(|_| serde_json::from_str(&text.replace('\'', "\"")));
        all = read.ok().unwrap_or_default();
    }
    if all.is_empty() {
        return Err(values.stop("the list is a setting, or empty: write it into the project"));
    }
    let before = slices.elements.take().unwrap_or_else(|| vec![Map::new()]);
    let with = |element: &Map<String, Value>, value: &Value| {
        let mut element = element.clone();
        element.insert(name.clone(), value.clone());
        element
    };
    slices.elements = Some(
        before
            .iter()
            .flat_map(|e| all.iter().map(|v| with(e, v)).collect::<Vec<_>>())
            .collect(),
    );
    slices.scope.slice.push((field, format!("each.{name}")));
    if let Some(option) = router.own("request_option") {
        slices.injected.push((option, format!("{{{{ each.{name} }}}}")));
    }
    Ok(())
}

fn parent(manifest: &Manifest<'_>, config: &Part, slices: &mut Slices, group: Option<u64>) -> Res<()> {
    let stream = config.needs("stream")?;
    stream.no_code()?;
    let retriever = stream.needs("retriever")?;
    if !matches!(retriever.kind().as_str(), "" | "SimpleRetriever") {
        return Err(retriever.stop("a parent that is no plain request has no like here"));
    }
    // What the parent itself is asked for comes first, and what carries it is of the parent's own request.
    let before = slices.injected.len();
    if let Some(router) = retriever.own("partition_router") {
        route(manifest, &router, slices)?;
    }
    let own = slices.injected.split_off(before);
    if let Some(cursor) = stream.own("incremental_sync") {
        manifest.differs(&cursor, "the parents are read as a whole each time");
    }
    if let Some(changes) = stream.own("transformations") {
        manifest.differs(&changes, "transformations of parents are left out");
    }
    for harmless in ["name", "primary_key", "schema_loader", "state_migrations"] {
        stream.own(harmless);
    }
    let outer = slices.scope.clone();
    let Asked {
        ask,
        paginate,
        decoder,
        records,
    } = asked(manifest, &retriever, &outer, &|ask| {
        own.iter()
            .try_for_each(|(option, template)| ask.inject(option, template))
    })?;
    let key = config.needs("parent_key")?;
    let key = manifest.words(&key, &Scope::default())?;
    let field = config.needs("partition_field")?;
    let field = manifest.words(&field, &Scope::default())?;
    let mut take = Map::new();
    let mut takes = |path: &str, own: &str, slices: &mut Slices| {
        let used = |name: &str| {
            slices
                .parents
                .iter()
                .any(|p| p.pointer(&format!("/take/{name}")).is_some())
        };
        let mut name = named(own);
        while used(&name) || take.contains_key(&name) {
            name.push_str("_2");
        }
        take.insert(name.clone(), path.into());
        slices.scope.slice.push((own.to_string(), format!("parent.{name}")));
        name
    };
    let path_of = |text: &str| {
        let steps: Vec<_> = text
            .split('/')
            .map(|s| super::words::Step::Name(s.to_string()))
            .collect();
        super::words::json_path(&steps)
    };
    let name = takes(&path_of(&key), &field, slices);
    for extra in config.own("extra_fields").iter().flat_map(Part::items) {
        let steps: Vec<String> = extra.items().iter().filter_map(Part::text).collect();
        takes(&path_of(&steps.join("/")), &steps.join("."), slices);
    }
    if let Some(option) = config.own("request_option") {
        slices.injected.push((option, format!("{{{{ parent.{name} }}}}")));
    }
    if let Some(lazy) = config.own("lazy_read_pointer") {
        return Err(lazy.stop("children that stand in the parent's record have no like here"));
    }
    if config.own("incremental_dependency").is_some_and(|p| p.is_true()) {
        manifest.differs(
            config,
            "the parents are read as a whole each time, not only those that changed",
        );
    }
    let mut level = Map::new();
    level.insert("request".into(), Value::Object(ask.request()));
    for (key, value) in [("paginate", paginate), ("decoder", decoder), ("records", Some(records))] {
        if let Some(value) = value {
            level.insert(key.into(), value);
        }
    }
    if !ask.errors.is_empty() {
        level.insert("errors".into(), ask.errors.clone().into());
    }
    level.insert("take".into(), Value::Object(take));
    if let Some(size) = group {
        level.insert("group".into(), json!({ "size": size }));
    }
    for (_, other) in &slices.asks {
        same_connection(config, &ask, other)?;
    }
    slices.asks.push((config.clone(), ask));
    slices.parents.push(Value::Object(level));
    manifest.unasked(config);
    Ok(())
}

/// A cursor in our words.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    /// The field that tells how far was read.
    pub field: String,
    /// The type of its values, where that is known.
    pub of: Option<&'static str>,
    /// The windows that are asked for, if the request names them.
    pub windows: Option<Map<String, Value>>,
    /// How far behind a read begins again.
    pub lag: Option<String>,
    /// Whether the newest come first, and what is older than the last read ends it.
    pub newest_first: bool,
    /// Options that carry the beginning and the end: the option, and the template.
    pub injected: Vec<(Part, String)>,
}

/// Translates a cursor, and adds what its windows are called to what templates may name.
///
/// # Errors
/// Where it has no like here.
pub fn cursor(manifest: &Manifest<'_>, part: &Part, scope: &mut Scope) -> Res<Cursor> {
    part.no_code()?;
    let field = part.needs("cursor_field")?;
    let mut found = Cursor {
        field: manifest.words(&field, &Scope::default())?,
        ..Cursor::default()
    };
    match part.kind().as_str() {
        "DatetimeBasedCursor" | "" => {}
        "IncrementingCountCursor" => {
            let start = part
                .get("start_value")
                .and_then(|p| p.text())
                .unwrap_or_else(|| "0".into());
            if let Some(option) = part.own("start_value_option") {
                found
                    .injected
                    .push((option, format!("{{{{ position.value | default({start}) }}}}")));
            }
            found.of = Some("int64");
            part.own("allow_catalog_defined_cursor_field");
            manifest.unasked(part);
            return Ok(found);
        }
        other => return Err(part.stop(format!("a cursor of kind {other} is not known"))),
    }
    times(manifest, part, scope, &mut found)?;
    for (key, word) in [("start_time_option", "from"), ("end_time_option", "to")] {
        if let Some(option) = part.own(key) {
            found.injected.push((option, format!("{{{{ window.{word} }}}}")));
        }
    }
    if let Some(lag) = part.own("lookback_window") {
        let text = manifest.words(&lag, &Scope::default())?;
        match duration(&text) {
            Some((written, exact)) => {
                if !exact {
                    manifest.differs(&lag, format!("a month counts as 30 days, a year as 365: {written}"));
                }
                found.lag = Some(written);
            }
            None => manifest.differs(
                &lag,
                "`lookback_window` is no length that is known now, and is left out",
            ),
        }
    }
    found.newest_first = part.own("is_data_feed").is_some_and(|p| p.is_true());
    if let Some(clamping) = part.own("clamping") {
        manifest.differs(
            &clamping,
            "windows are not moved to the beginning of a day, a week or a month",
        );
    }
    // What these say holds in any case: older rows are left out, and each slice is looked after by itself where it can be.
    for told in [
        "is_client_side_incremental",
        "is_compare_strictly",
        "global_substream_cursor",
        "allow_catalog_defined_cursor_field",
    ] {
        part.own(told);
    }
    manifest.unasked(part);
    Ok(found)
}

fn times(manifest: &Manifest<'_>, part: &Part, scope: &mut Scope, found: &mut Cursor) -> Res<()> {
    let format = part.text_of("datetime_format").unwrap_or_default();
    let formats: Vec<String> = part
        .own("cursor_datetime_formats")
        .iter()
        .flat_map(Part::items)
        .filter_map(|p| p.text())
        .collect();
    let of = |formats: &[String]| {
        let mut all: Vec<Option<&'static str>> = formats.iter().map(|f| type_of(f)).collect();
        all.dedup();
        match all.as_slice() {
            [one] => *one,
            _ => None,
        }
    };
    found.of = if formats.is_empty() {
        of(std::slice::from_ref(&format))
    } else {
        of(&formats)
    };
    let mut windows = Map::new();
    let start = part.needs("start_datetime")?;
    windows.insert("start".into(), begin(manifest, &start, &format)?.into());
    let granularity = part
        .get("cursor_granularity")
        .map(|p| length(manifest, &p))
        .transpose()?;
    if let Some(end) = part.own("end_datetime")
        && let Some(end) = end_of(manifest, &end, &format, granularity.as_deref())?
    {
        windows.insert("end".into(), end.into());
    }
    if let Some(step) = part.get("step") {
        windows.insert("step".into(), length(manifest, &step)?.into());
    }
    if let Some(granularity) = granularity.filter(|_| windows.contains_key("step")) {
        windows.insert("granularity".into(), granularity.into());
    }
    for (key, usual, word) in [
        ("partition_field_start", "start_time", "from"),
        ("partition_field_end", "end_time", "to"),
    ] {
        let name = part.text_of(key).unwrap_or_else(|| usual.into());
        scope.slice.push((name, format!("window.{word}")));
    }
    match written_as(&format) {
        Some((key, value)) => drop(windows.insert(key.into(), value.into())),
        None => return Err(part.stop(format!("times that are written as `{format}` cannot be asked for"))),
    }
    found.windows = Some(windows);
    Ok(())
}

/// What kind of values a format writes.
fn type_of(format: &str) -> Option<&'static str> {
    match format {
        "%Y-%m-%d" => Some("date"),
        "%s" | "%ms" => Some("int64"),
        other
            if other.starts_with("%Y-%m-%dT%H:%M:%S")
                && (other.ends_with('Z') || other.ends_with("%z") || other.ends_with("%:z")) =>
        {
            // What a server writes with `+0000` is no RFC 3339, and stays text.
            (!other.ends_with("%z")).then_some("timestamp")
        }
        _ => None,
    }
}

/// The key of `windows` that says how times are written, and its value.
fn written_as(format: &str) -> Option<(&'static str, String)> {
    Some(match format {
        "%s" => ("format", "unix".into()),
        "%ms" => ("format", "unix_ms".into()),
        "%Y-%m-%d" => ("format", "date".into()),
        other if other.contains("%s") || other.contains("%epoch") || other.is_empty() => return None,
        other => {
            let pattern = other
                .replace("%_ms", "%3f")
                .replace("%ms", "%3f")
                .replace("%f", "%6f")
                .replace("%Z", "UTC");
            ("pattern", pattern)
        }
    })
}

/// The text of a time: the datetime of a `MinMaxDatetime`, or the text itself.
fn time(manifest: &Manifest<'_>, part: &Part) -> Res<(Part, Option<String>)> {
    if !part.is_mapping() {
        return Ok((part.clone(), None));
    }
    for bound in ["min_datetime", "max_datetime"] {
        if let Some(bound) = part.own(bound) {
            manifest.differs(&bound, "what a time is at least and at most is left out");
        }
    }
    let format = part.text_of("datetime_format");
    Ok((part.needs("datetime")?, format))
}

fn begin(manifest: &Manifest<'_>, part: &Part, format: &str) -> Res<String> {
    let (part, own) = time(manifest, part)?;
    let format = own.unwrap_or_else(|| format.to_string());
    match manifest.words(&part, &Scope::default()) {
        Ok(text) if !text.contains("{{") => Ok(match text.contains("${") {
            true => text,
            false => moment(&text, &format).map_or(text, |at| at.to_string()),
        }),
        // Times that are worked out: what setting there is among it is what is asked for.
        _ => {
            let text = part.text().unwrap_or_default();
            let setting = match manifest.settings_in(&text).first() {
                Some(path) => manifest.setting(path, false),
                None => manifest.setting(&["start_date".to_string()], false),
            };
            manifest.differs(
                &part,
                format!("a time that is worked out is not: give the day as {setting}"),
            );
            Ok(setting)
        }
    }
}

/// Where the last window ends; `None`: now. What is written is included there, and not here.
fn end_of(manifest: &Manifest<'_>, part: &Part, format: &str, granularity: Option<&str>) -> Res<Option<String>> {
    let (part, own) = time(manifest, part)?;
    let format = own.unwrap_or_else(|| format.to_string());
    let text = match manifest.words(&part, &Scope::default()) {
        Ok(text) if !text.contains("{{") => text,
        _ if part.text().is_some_and(|t| t.contains("now") || t.contains("today")) => return Ok(None),
        _ => {
            manifest.differs(&part, "an end that is worked out is left out: windows go until now");
            return Ok(None);
        }
    };
    let more: Option<segue_spec::units::Duration> = granularity.and_then(|g| g.parse().ok());
    match (moment(&text, &format), more) {
        (Some(at), Some(more)) => Ok(at.checked_add(more.get()).ok().map(|at| at.to_string())),
        _ => Ok(Some(text)),
    }
}

/// The instant that a text says, in one of the usual ways.
fn moment(text: &str, format: &str) -> Option<jiff::Timestamp> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at);
    }
    if format == "%s" {
        return jiff::Timestamp::from_second(text.parse().ok()?).ok();
    }
    if format == "%ms" {
        return jiff::Timestamp::from_millisecond(text.parse().ok()?).ok();
    }
    let time: jiff::civil::DateTime = text.trim_end_matches('Z').replace(' ', "T").parse().ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

fn length(manifest: &Manifest<'_>, part: &Part) -> Res<String> {
    let text = manifest.words(part, &Scope::default())?;
    let (written, exact) =
        duration(&text).ok_or_else(|| part.stop(format!("`{text}` is no length that is known now")))?;
    if !exact {
        manifest.differs(part, format!("a month counts as 30 days, a year as 365: {written}"));
    }
    Ok(written)
}

/// A length of ISO 8601 in our words, and whether it is exactly that.
pub fn duration(text: &str) -> Option<(String, bool)> {
    let text = text.trim().strip_prefix('P')?;
    let (days, time) = text.split_once('T').unwrap_or((text, ""));
    let mut seconds: f64 = 0.0;
    let mut exact = true;
    for (part, units) in [(days, "YMWD"), (time, "HMS")] {
        let mut number = String::new();
        for c in part.chars() {
            if c.is_ascii_digit() || c == '.' {
                number.push(c);
                continue;
            }
            let amount: f64 = number.parse().ok()?;
            number.clear();
            if !units.contains(c) {
                return None;
            }
            let unit = match (c, units) {
                ('Y', _) => 365.0 * 86_400.0,
                ('M', "YMWD") => 30.0 * 86_400.0,
                ('W', _) => 7.0 * 86_400.0,
                ('D', _) => 86_400.0,
                ('H', _) => 3600.0,
                ('M', _) => 60.0,
                _ => 1.0,
            };
            exact &= !matches!((c, units), ('Y', _) | ('M', "YMWD"));
            seconds += amount * unit;
        }
        if !number.is_empty() {
            return None;
        }
    }
    let millis = (seconds * 1000.0).round() as u64;
    let units = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1000, "s"),
        (1, "ms"),
    ];
    let (size, unit) = units.into_iter().find(|(size, _)| millis.is_multiple_of(*size))?;
    (millis > 0).then(|| (format!("{}{unit}", millis / size), exact))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_iso_8601() {
        let of = |text: &str| duration(text).map(|(d, exact)| format!("{d}{}", if exact { "" } else { "?" }));
        assert_eq!(of("P1D").as_deref(), Some("1d"));
        assert_eq!(of("P1W").as_deref(), Some("7d"));
        assert_eq!(of("PT1H30M").as_deref(), Some("90m"));
        assert_eq!(of("PT0.001S").as_deref(), Some("1ms"));
        assert_eq!(of("P1M").as_deref(), Some("30d?"));
        assert_eq!(of("P1Y2DT1S").as_deref(), Some("31708801s?"));
        for none in ["", "P", "1D", "P1X", "PT0S", "P1", "PD"] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn times_are_read_and_written_as_they_are_there() {
        assert_eq!(written_as("%s"), Some(("format", "unix".into())));
        assert_eq!(
            written_as("%Y-%m-%dT%H:%M:%S.%fZ"),
            Some(("pattern", "%Y-%m-%dT%H:%M:%S.%6fZ".into()))
        );
        assert_eq!(
            written_as("%Y-%m-%dT%H:%M:%S.%_msZ"),
            Some(("pattern", "%Y-%m-%dT%H:%M:%S.%3fZ".into()))
        );
        assert_eq!(written_as("%epoch_microseconds"), None);
        let at = |text: &str, format: &str| moment(text, format).map(|at| at.to_string());
        assert_eq!(at("2024-01-02", "").as_deref(), Some("2024-01-02T00:00:00Z"));
        assert_eq!(at("2024-01-02 03:04:05", "").as_deref(), Some("2024-01-02T03:04:05Z"));
        assert_eq!(at("86400", "%s").as_deref(), Some("1970-01-02T00:00:00Z"));
        assert_eq!(at("soon", "%s"), None);
        assert_eq!(type_of("%Y-%m-%dT%H:%M:%S.%fZ"), Some("timestamp"));
        assert_eq!(type_of("%Y-%m-%dT%H:%M:%S%z"), None);
    }
}
