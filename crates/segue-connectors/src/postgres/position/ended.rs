//! Which transactions had ended at a time, and whether a row is of one of them.
//!
//! It is written as the server writes a `pg_snapshot` (`10:20:10,14`: all below 10 had ended, none from 20 on, and of those between all but
//! 10 and 14), and is more than `pg_current_snapshot()` says: that leaves out subtransactions (savepoints, blocks that catch errors), whose
//! numbers stand in the rows that they write. So the server is asked for each number in between.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The numbers that a row can hold: transactions are counted in 64 bits, and a row keeps the lower 32.
const COUNTED: u64 = 1 << 32;

/// From so many on, the server itself takes a number for one of the future.
const AGE: u64 = 1 << 31;

/// A set of transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Ended {
    /// The first that had not.
    first_open: u64,
    /// From here on none had.
    until: u64,
    /// Those between the two that had not, in their order.
    open: Vec<u64>,
}

impl Ended {
    /// All below `until` but these.
    pub fn of(until: u64, mut open: Vec<u64>) -> Ended {
        open.retain(|xid| *xid < until);
        open.sort_unstable();
        open.dedup();
        Ended {
            first_open: open.first().copied().unwrap_or(until),
            until,
            open,
        }
    }

    /// The first of the future, then.
    pub fn until(&self) -> u64 {
        self.until
    }

    /// Whether a row's number still tells whether it is one of these, when the first of the future is `seen`.
    pub fn can_be_told(&self, seen: u64) -> bool {
        seen.saturating_sub(self.first_open) < AGE - (1 << 20)
    }

    /// The condition that a row's transaction is one of these. `seen` is the first of the future: no row that is seen has it.
    pub fn includes(&self, seen: u64) -> String {
        self.unless_older(
            "true",
            &format!("pg_catalog.pg_visible_in_snapshot({}, '{self}')", xid8(seen)),
        )
    }

    /// The condition that a row's transaction is one of these, and none of an earlier set.
    pub fn includes_beyond(&self, earlier: &Ended, seen: u64) -> String {
        let xid = xid8(seen);
        let both = format!(
            "not pg_catalog.pg_visible_in_snapshot({xid}, '{earlier}') and pg_catalog.pg_visible_in_snapshot({xid}, '{self}')"
        );
        earlier.unless_older("false", &both)
    }

    /// Almost every row is older than what was open: that costs a subtraction.
    fn unless_older(&self, older: &str, else_: &str) -> String {
        let first = self.first_open % COUNTED;
        format!("case when age(xmin) between 0 and age('{first}'::xid) then {else_} else {older} end")
    }
}

/// The whole number of a row's transaction: the highest one with these lower 32 bits that is not of the future.
pub(in super::super) fn xid8(seen: u64) -> String {
    let last = seen.saturating_sub(1);
    format!("({last} - (({last} - xmin::text::int8) & {}))::text::xid8", COUNTED - 1)
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.first_open, self.until)?;
        for (at, xid) in self.open.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{xid}")?;
        }
        Ok(())
    }
}

impl FromStr for Ended {
    type Err = String;

    fn from_str(text: &str) -> Result<Ended, String> {
        let wrong = || format!("`{text}` is no snapshot");
        let mut parts = text.splitn(3, ':');
        let mut next = || parts.next().ok_or_else(wrong);
        let (first_open, until, open) = (next()?, next()?, next()?);
        let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
        let (first_open, until) = (number(first_open)?, number(until)?);
        let open = open.split(',').filter(|one| !one.is_empty());
        let open = open.map(number).collect::<Result<Vec<u64>, String>>()?;
        let is_in_order =
            first_open <= until && open.is_sorted() && open.iter().all(|o| (first_open..until).contains(o));
        match is_in_order {
            true => Ok(Ended {
                first_open,
                until,
                open,
            }),
            false => Err(wrong()),
        }
    }
}

impl Serialize for Ended {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ended {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Ended, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_the_server_writes_it() {
        for (ended, text) in [
            (Ended::of(20, vec![14, 10, 14, 25]), "10:20:10,14"),
            (Ended::of(20, vec![]), "20:20:"),
            (
                Ended::of(1 << 40, vec![(1 << 40) - 1]),
                "1099511627775:1099511627776:1099511627775",
            ),
        ] {
            assert_eq!(ended.to_string(), text);
            assert_eq!(text.parse(), Ok(ended));
        }
        for wrong in [
            "",
            "10:20",
            "20:10:",
            "10:20:14,10",
            "10:20:20",
            "10:20:x",
            "-1:20:",
            "10:20:9",
        ] {
            assert!(wrong.parse::<Ended>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_set_that_is_too_old_says_nothing_of_rows() {
        let ended = Ended::of(5000, vec![4000]);
        assert!(ended.can_be_told(5000));
        assert!(ended.can_be_told(4000 + (1 << 31) - (2 << 20)));
        assert!(!ended.can_be_told(4000 + (1 << 31) - 1));
    }
}
