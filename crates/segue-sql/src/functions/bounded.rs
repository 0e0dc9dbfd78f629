//! Functions that can make much of little, within the query's memory: what a call would make is worked out before it is made.
//!
//! Operators that keep rows ask the query's pool for memory; functions do not. `repeat('x', 2000000000)` would take two gigabytes of a
//! machine, whatever the limit.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_schema::{DataType, FieldRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion::scalar::ScalarValue;
use segue_core::Limits;
use segue_diag::{Error, Kind};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One call may make so much of the query's memory, beside what operators hold: one part of so many.
pub(super) const PART: u64 = 4;

/// How many rows a batch may have. What is made once while planning may stand in each of them.
const BATCH: u64 = 8192;

/// Whether a query is still being planned. Calls whose arguments are known are made then, in the place of their rows: one that makes so
/// much that a batch of it would be too large is refused, which leaves it to be made for the rows that there are.
#[derive(Clone, Debug, Default)]
pub struct Planning(Arc<AtomicBool>);

impl Planning {
    /// It is over: the query runs.
    pub fn ends(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

// Of one query there is one: it tells no two functions apart.
impl PartialEq for Planning {
    fn eq(&self, _: &Planning) -> bool {
        true
    }
}

impl Eq for Planning {}

impl Hash for Planning {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// The functions that are bounded.
const NAMES: [&str; 8] = [
    "repeat",
    "lpad",
    "rpad",
    "replace",
    "array_repeat",
    "array_resize",
    "range",
    "generate_series",
];

/// Those of these functions that can make much of little, within these limits.
pub fn bounded<'a>(
    functions: impl Iterator<Item = &'a Arc<ScalarUDF>>,
    limits: &Limits,
    planning: &Planning,
) -> impl Iterator<Item = Arc<ScalarUDF>> {
    let (most, planning) = (limits.memory / PART, planning.clone());
    functions.filter(|f| NAMES.contains(&f.name())).map(move |theirs| {
        Arc::new(ScalarUDF::from(Bounded {
            theirs: theirs.clone(),
            most,
            planning: planning.clone(),
        }))
    })
}

/// A function that refuses to make more than this, in bytes, of one batch of rows.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    theirs: Arc<ScalarUDF>,
    most: u64,
    planning: Planning,
}

impl Bounded {
    fn fits(&self, args: &ScalarFunctionArgs) -> Result<()> {
        let is_one = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let bytes = if is_one {
            let rows = if self.planning.is_over() {
                args.number_rows as u64
            } else {
                BATCH
            };
            made(self.theirs.name(), &args.args, 0).saturating_mul(rows)
        } else {
            let of_row = |row| made(self.theirs.name(), &args.args, row);
            (0..args.number_rows).fold(0, |sum: u64, row| sum.saturating_add(of_row(row)))
        };
        if bytes > self.most {
            Err(too_much(self.theirs.name(), self.most))
        } else {
            Ok(())
        }
    }
}

/// What a call of this function is told that would make more than so many bytes.
pub(super) fn too_much(name: &str, most: u64) -> DataFusionError {
    let most = crate::failure::size(most);
    let message =
        format!("`{name}` would make more than {most} at once, which is what the query's memory leaves for it");
    let error = Error::new(Kind::Invalid, message)
        .with("limit", "limits.memory")
        .code(segue_diag::SQL_MEMORY_LIMIT)
        .hint("let it make less, or allow more: segue sql --memory 2GiB");
    DataFusionError::External(Box::new(error))
}

/// How much a call makes of one row, in bytes, or nearly so.
fn made(name: &str, args: &[ColumnarValue], row: usize) -> u64 {
    let [first, second, ..] = args else { return 0 };
    match name {
        "repeat" => bytes(first, row).saturating_mul(whole(second, row)),
        "lpad" | "rpad" => whole(second, row).max(bytes(first, row)),
        "replace" => {
            let (text, gone) = (bytes(first, row), bytes(second, row).max(1));
            let put = args.get(2).map_or(0, |put| bytes(put, row));
            text.max((text / gone).saturating_mul(put))
        }
        "array_repeat" => bytes(first, row).max(8).saturating_mul(whole(second, row)),
        "array_resize" => whole(second, row).saturating_mul(8),
        _ => {
            let step = args.get(2).and_then(|step| number(step, row)).unwrap_or(1);
            let (from, to) = (number(first, row).unwrap_or(0), number(second, row).unwrap_or(0));
            let length = from.abs_diff(to) / step.unsigned_abs().max(1);
            if (to >= from) == (step >= 0) {
                length.saturating_mul(8)
            } else {
                0
            }
        }
    }
}

/// How long a text is, in bytes; any other value counts as nothing.
fn bytes(value: &ColumnarValue, row: usize) -> u64 {
    let length = match value {
        ColumnarValue::Scalar(scalar) => scalar.try_as_str().flatten().map_or(0, str::len),
        ColumnarValue::Array(array) if array.is_null(row) => 0,
        ColumnarValue::Array(array) => match array.data_type() {
            DataType::Utf8 => array.as_string::<i32>().value(row).len(),
            DataType::LargeUtf8 => array.as_string::<i64>().value(row).len(),
            DataType::Utf8View => array.as_string_view().value(row).len(),
            _ => 0,
        },
    };
    length as u64
}

/// A count; nothing for one below zero.
fn whole(value: &ColumnarValue, row: usize) -> u64 {
    number(value, row).map_or(0, |n| n.max(0).unsigned_abs())
}

fn number(value: &ColumnarValue, row: usize) -> Option<i64> {
    match value {
        ColumnarValue::Scalar(ScalarValue::Int64(n)) => *n,
        ColumnarValue::Scalar(ScalarValue::UInt64(n)) => n.map(|n| i64::try_from(n).unwrap_or(i64::MAX)),
        ColumnarValue::Scalar(_) => None,
        ColumnarValue::Array(array) => {
            let numbers = array.as_primitive_opt::<Int64Type>()?;
            numbers.is_valid(row).then(|| numbers.value(row))
        }
    }
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.theirs.name()
    }

    fn aliases(&self) -> &[String] {
        self.theirs.aliases()
    }

    fn signature(&self) -> &Signature {
        self.theirs.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.theirs.return_type(arguments)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.theirs.return_field_from_args(args)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.theirs.coerce_types(arguments)
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.theirs.simplify(args, info)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.fits(&args)?;
        self.theirs.invoke_with_args(args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.theirs.documentation()
    }
}
