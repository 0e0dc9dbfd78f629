use super::*;
use crate::postgres::types::Form;

fn pushed(form: &Form, of: Type, bytes: &[u8]) -> String {
    let mut column = Builder::new(&of);
    match push(form, bytes, &mut column) {
        Ok(()) => {
            let array = column.finish().unwrap();
            arrow_cast::display::array_value_to_string(&array, 0).unwrap()
        }
        Err(misfit) => format!("{}{}", misfit.reason, misfit.path),
    }
}

/// A number as the server sends it.
fn numeric(sign: u16, weight: i16, scale: u16, digits: &[u16]) -> Vec<u8> {
    let mut bytes = (digits.len() as u16).to_be_bytes().to_vec();
    bytes.extend(weight.to_be_bytes());
    bytes.extend(sign.to_be_bytes());
    bytes.extend(scale.to_be_bytes());
    bytes.extend(digits.iter().flat_map(|d| d.to_be_bytes()));
    bytes
}

/// Two ways to one number: where the short one has an answer, it is the long one's, and where it has none, the long one is asked.
#[test]
fn the_short_way_to_a_number_is_the_long_one() {
    let some = [0_u16, 1, 9, 10, 100, 1_000, 1_234, 5_000, 9_999];
    let mut numbers: Vec<Vec<u16>> = vec![vec![]];
    for many in 1..=5 {
        let step = |n: usize| (0..many).map(move |at| some[(n * (at + 1) + at) % some.len()]);
        numbers.extend((0..40).map(|n| step(n).collect()));
    }
    let (mut short, mut refused) = (0, 0);
    for digits in &numbers {
        for weight in -3..=4 {
            for sign in [0, 0x4000] {
                let bytes = numeric(sign, weight, 2, digits);
                let number = Numeric::of(&bytes).unwrap();
                for (precision, scale) in [(5, 2), (10, 2), (15, 2), (18, 9), (19, 0), (20, 4), (38, 10), (38, 38)] {
                    let long = number.long_decimal(precision, scale);
                    match number.short_decimal(precision, scale) {
                        Some(value) => {
                            assert_eq!(long, Ok(value), "{} as {precision},{scale}", number.text());
                            short += 1;
                        }
                        None => refused += usize::from(long.is_err()),
                    }
                }
            }
        }
    }
    assert!(short > 5_000 && refused > 5_000, "{short} and {refused}");
}

#[test]
fn numbers_are_exact_or_do_not_fit() {
    let text = |bytes: &[u8]| pushed(&Form::Numeric, Type::String, bytes);
    let decimal = |bytes: &[u8]| pushed(&Form::Numeric, Type::Decimal(10, 2), bytes);
    let table = [
        (numeric(0, 0, 0, &[]), "0", "0.00"),
        (numeric(0, 0, 3, &[]), "0.000", "0.00"),
        (numeric(0, 1, 2, &[1, 2345, 6700]), "12345.67", "12345.67"),
        (numeric(0x4000, 0, 1, &[7, 5000]), "-7.5", "-7.50"),
        (
            numeric(0, -1, 4, &[1]),
            "0.0001",
            "expected decimal(10,2), found 0.0001",
        ),
        (
            numeric(0, -2, 6, &[100]),
            "0.000001",
            "expected decimal(10,2), found 0.000001",
        ),
        (
            numeric(0, 2, 0, &[1]),
            "100000000",
            "expected decimal(10,2), found 100000000",
        ),
        (numeric(0, 1, 0, &[9999, 9999]), "99999999", "99999999.00"),
        (numeric(0xC000, 0, 0, &[]), "NaN", "expected decimal(10,2), found NaN"),
        (
            numeric(0xF000, 0, 0, &[]),
            "-Infinity",
            "expected decimal(10,2), found -Infinity",
        ),
    ];
    for (bytes, as_text, as_decimal) in table {
        assert_eq!(text(&bytes), as_text);
        assert_eq!(decimal(&bytes), as_decimal);
    }
    let widest = numeric(0, 9, 0, &[99, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999]);
    assert_eq!(pushed(&Form::Numeric, Type::Decimal(38, 0), &widest), "9".repeat(38));
    let wider = numeric(0, 9, 0, &[100, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert!(pushed(&Form::Numeric, Type::Decimal(38, 0), &wider).starts_with("expected decimal(38,0)"));
    let decimal_of = |precision, scale, bytes: &[u8]| pushed(&Form::Numeric, Type::Decimal(precision, scale), bytes);
    assert_eq!(
        decimal_of(38, 38, &numeric(0, -1, 1, &[5000])),
        format!("0.5{}", "0".repeat(37))
    );
    assert_eq!(
        decimal_of(38, 37, &numeric(0, 0, 0, &[1])),
        format!("1.{}", "0".repeat(37))
    );
    let most = [9, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9900];
    let most = decimal_of(38, 2, &numeric(0, 9, 2, &most));
    assert!(most.starts_with("expected decimal(38,2)"), "{most}");
    assert_eq!(
        decimal_of(38, 2, &numeric(0, 8, 2, &[9999; 10])),
        "expected decimal(38,2), found 999999999999999999999999999999999999.99"
    );
    let fits = [9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9900];
    assert_eq!(
        decimal_of(38, 2, &numeric(0, 8, 2, &fits)),
        format!("{}.99", "9".repeat(36))
    );
    assert_eq!(text(&[0, 1, 0, 0, 0, 0, 0, 0]), "bytes that are no number");
    assert_eq!(text(&[]), "bytes that are no number");
}

#[test]
fn days_and_times_end_where_people_can_write_them() {
    let date = |days: i32| pushed(&Form::Date, Type::Date, &days.to_be_bytes());
    assert_eq!(date(0), "2000-01-01");
    assert_eq!(date(-10_957), "1970-01-01");
    assert_eq!(date(i32::MAX), "expected date, found infinity");
    assert_eq!(date(i32::MIN), "expected date, found -infinity");
    let epoch = jiff::civil::date(1970, 1, 1);
    let last = (jiff::civil::Date::MAX - epoch).get_days();
    let first = (jiff::civil::Date::MIN - epoch).get_days();
    assert_eq!((first, last), (FIRST_DAY, LAST_DAY));
    assert_eq!(date(last - DAYS_TO_2000), "9999-12-31");
    assert_eq!(date(last - DAYS_TO_2000 + 1), "a date beyond the years -9999 to 9999");
    assert_eq!(date(first - DAYS_TO_2000 - 1), "a date beyond the years -9999 to 9999");
    let timestamp = |micros: i64| pushed(&Form::Timestamp, Type::LocalTimestamp, &micros.to_be_bytes());
    assert_eq!(timestamp(1), "2000-01-01T00:00:00.000001");
    assert_eq!(timestamp(i64::MAX), "expected timestamp, found infinity");
    assert_eq!(timestamp(i64::MAX - 1), "a time beyond the years -9999 to 9999");
    let time = |micros: i64| pushed(&Form::Time, Type::Time, &micros.to_be_bytes());
    assert_eq!(time(86_399_999_999), "86399999999");
    assert_eq!(time(86_400_000_000), "expected time, found 24:00:00");
    assert_eq!(time(-1), "a time of day beyond a day");
}

/// An array of int4 as the server sends it.
fn array(dimensions: &[(i32, i32)], elements: &[Option<i32>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [dimensions.len() as i32, 0, 23] {
        bytes.extend(word.to_be_bytes());
    }
    for (len, first) in dimensions {
        bytes.extend(len.to_be_bytes());
        bytes.extend(first.to_be_bytes());
    }
    for element in elements {
        match element {
            None => bytes.extend((-1_i32).to_be_bytes()),
            Some(n) => {
                bytes.extend(4_i32.to_be_bytes());
                bytes.extend(n.to_be_bytes());
            }
        }
    }
    bytes
}

#[test]
fn arrays_keep_their_shape_or_do_not_fit() {
    let list = |of: Type| Type::List(Box::new(of));
    let one = |bytes: &[u8]| pushed(&Form::Array(Box::new(Form::Int32), 1), list(Type::Int32), bytes);
    let two = |bytes: &[u8]| pushed(&Form::Array(Box::new(Form::Int32), 2), list(list(Type::Int32)), bytes);
    assert_eq!(one(&array(&[], &[])), "[]");
    assert_eq!(one(&array(&[(3, 1)], &[Some(1), None, Some(3)])), "[1, , 3]");
    assert_eq!(
        two(&array(&[(2, 1), (2, 1)], &[Some(1), Some(2), None, Some(4)])),
        "[[1, 2], [, 4]]"
    );
    assert_eq!(
        one(&array(&[(1, 0)], &[Some(1)])),
        "an array whose first element is number 0, not 1"
    );
    assert_eq!(
        one(&array(&[(1, 1), (1, 1)], &[Some(1)])),
        "expected an array with 1 dimensions, found one with 2"
    );
    assert_eq!(one(&array(&[(2, 1)], &[Some(1)])), "bytes that end too soon[1]");
    assert_eq!(one(&array(&[(i32::MAX, 1)], &[])), "bytes that end too soon");
    assert_eq!(one(&array(&[(-1, 1)], &[])), "an array of a negative length");
}

#[test]
fn what_did_not_fit_leaves_nothing_behind() {
    let of = Type::List(Box::new(Type::Int32));
    let mut column = Builder::new(&of);
    let form = Form::Array(Box::new(Form::Int32), 1);
    push(&form, &array(&[(1, 1)], &[Some(1)]), &mut column).unwrap();
    push(&form, &array(&[(2, 1)], &[Some(2)]), &mut column).unwrap_err();
    column.truncate(1);
    push(&form, &array(&[(1, 1)], &[Some(3)]), &mut column).unwrap();
    let array = column.finish().unwrap();
    let shown = |at| arrow_cast::display::array_value_to_string(&array, at).unwrap();
    assert_eq!(
        (array.len(), shown(0), shown(1)),
        (2, "[1]".to_string(), "[3]".to_string())
    );
}

proptest::proptest! {
    /// Whatever bytes come, they are a value or say why not.
    #[test]
    fn no_bytes_are_too_strange(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
        let forms = [
            (Form::Numeric, Type::Decimal(38, 10)),
            (Form::Numeric, Type::String),
            (Form::Jsonb, Type::Json),
            (Form::Uuid, Type::Uuid),
            (Form::Timestamp, Type::Timestamp),
            (Form::Vector, Type::Vector(3)),
            (Form::Array(Box::new(Form::Text), 2), Type::List(Box::new(Type::List(Box::new(Type::String))))),
        ];
        for (form, of) in forms {
            let mut column = Builder::new(&of);
            let before = column.len();
            if push(&form, &bytes, &mut column).is_err() {
                column.truncate(before);
            }
            column.finish().unwrap();
        }
    }
}
