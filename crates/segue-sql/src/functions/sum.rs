//! `sum` of whole and exact numbers that ends the query where the total does not fit, in place of one that begins again at the other end.
//!
//! Totals are kept in 128 bits, also between the parts of a query: whether a total fits does not depend on the order of the rows.

use arrow_array::builder::Decimal128Builder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, DecimalType, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, PrimitiveArray};
use arrow_schema::{DataType, Field, FieldRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, Signature,
};
use datafusion::scalar::ScalarValue;
use segue_diag::{Error, Kind};
use std::collections::HashMap;
use std::sync::Arc;

/// `sum`: DataFusion's for what is neither whole nor exact.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Sum {
    theirs: Arc<AggregateUDF>,
}

impl Sum {
    /// The function.
    pub fn new() -> Sum {
        Sum { theirs: sum_udaf() }
    }
}

/// Whether totals of this type are ours.
fn is_ours(of: &DataType) -> bool {
    matches!(of, DataType::Int64 | DataType::UInt64 | DataType::Decimal128(..))
}

/// What a total is between the parts of a query: all 128 bits, at the scale of the answer.
fn between(of: &DataType) -> DataType {
    let scale = match of {
        DataType::Decimal128(_, scale) => *scale,
        _ => 0,
    };
    DataType::Decimal128(38, scale)
}

impl AggregateUDFImpl for Sum {
    fn name(&self) -> &str {
        "sum"
    }

    fn signature(&self) -> &Signature {
        self.theirs.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.theirs.return_type(arguments)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        if args.is_distinct || !is_ours(args.return_type()) {
            return self.theirs.state_fields(args);
        }
        let name = format_state_name(args.name, "sum");
        Ok(vec![Arc::new(Field::new(name, between(args.return_type()), true))])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let of = args.return_field.data_type().clone();
        if !is_ours(&of) {
            return self.theirs.accumulator(args);
        }
        if args.is_distinct {
            let values = self.theirs.accumulator(args)?;
            return Ok(Box::new(OfDistinct { of, values }));
        }
        Ok(Box::new(One {
            total: Total::new(of),
            of_each: None,
        }))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let of = args.return_field.data_type().clone();
        if !is_ours(&of) {
            return self.theirs.create_sliding_accumulator(args);
        }
        Ok(Box::new(One {
            total: Total::new(of),
            of_each: args.is_distinct.then(HashMap::new),
        }))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let of = args.return_field.data_type().clone();
        if !is_ours(&of) {
            return self.theirs.create_groups_accumulator(args);
        }
        Ok(Box::new(Groups {
            of,
            totals: Vec::new(),
            is_any: Vec::new(),
        }))
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

fn too_large(of: &DataType) -> DataFusionError {
    let named = match of {
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::UInt64 => "bigint unsigned".to_string(),
        _ => "bigint".to_string(),
    };
    let error = Error::new(Kind::BadData, format!("overflow: a sum does not fit {named}")).code(segue_diag::SQL_VALUE);
    DataFusionError::External(Box::new(match of {
        DataType::Decimal128(..) => error.hint("sum less at once, or as double: sum(cast(x as double))"),
        _ => error.hint("sum it as a wider type: sum(cast(x as decimal(38, 0)))"),
    }))
}

/// Hands each value that is there to `take`, with its row.
fn each(values: &ArrayRef, mut take: impl FnMut(usize, i128)) -> Result<()> {
    fn of<T: arrow_array::ArrowPrimitiveType>(values: &PrimitiveArray<T>, take: &mut impl FnMut(usize, i128))
    where
        T::Native: Into<i128>,
    {
        match values.null_count() {
            0 => {
                let all = values.values().iter().enumerate();
                all.for_each(|(row, value)| take(row, (*value).into()));
            }
            _ => {
                let there = values.iter().enumerate();
                there.for_each(|(row, value)| {
                    if let Some(value) = value {
                        take(row, value.into());
                    }
                });
            }
        }
    }
    match values.data_type() {
        DataType::Int64 => of(values.as_primitive::<Int64Type>(), &mut take),
        DataType::UInt64 => of(values.as_primitive::<UInt64Type>(), &mut take),
        DataType::Decimal128(..) => of(values.as_primitive::<Decimal128Type>(), &mut take),
        other => {
            let error = Error::bug(format!("a sum was given {other}"));
            return Err(DataFusionError::External(Box::new(error)));
        }
    }
    Ok(())
}

/// The total as a value of the answer's type.
fn fitting(total: i128, of: &DataType) -> Result<ScalarValue> {
    let value = match of {
        DataType::Int64 => i64::try_from(total).ok().map(|v| ScalarValue::Int64(Some(v))),
        DataType::UInt64 => u64::try_from(total).ok().map(|v| ScalarValue::UInt64(Some(v))),
        DataType::Decimal128(precision, scale) => {
            let fits = Decimal128Type::is_valid_decimal_precision(total, *precision);
            fits.then_some(ScalarValue::Decimal128(Some(total), *precision, *scale))
        }
        _ => None,
    };
    value.ok_or_else(|| too_large(of))
}

/// A running total, and of how many values.
#[derive(Debug)]
struct Total {
    of: DataType,
    total: i128,
    count: u64,
}

impl Total {
    fn new(of: DataType) -> Total {
        Total { of, total: 0, count: 0 }
    }

    fn value(&self) -> Result<ScalarValue> {
        match self.count {
            0 => ScalarValue::try_from(&self.of),
            _ => fitting(self.total, &self.of),
        }
    }
}

/// The sum of one group or window frame; of a frame's distinct values, where it counts how often each is in it.
#[derive(Debug)]
struct One {
    total: Total,
    of_each: Option<HashMap<i128, u64>>,
}

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let One { total, of_each } = self;
        let mut fits = true;
        each(&values[0], |_, value| {
            if let Some(of_each) = of_each {
                let times = of_each.entry(value).or_default();
                *times += 1;
                if *times > 1 {
                    return;
                }
            }
            match total.total.checked_add(value) {
                Some(sum) => total.total = sum,
                None => fits = false,
            }
            total.count += 1;
        })?;
        if fits { Ok(()) } else { Err(too_large(&total.of)) }
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let One { total, of_each } = self;
        each(&values[0], |_, value| {
            if let Some(of_each) = of_each {
                let times = of_each.entry(value).or_default();
                *times = times.saturating_sub(1);
                if *times > 0 {
                    return;
                }
                of_each.remove(&value);
            }
            // What was added before fits when it is taken away.
            total.total = total.total.wrapping_sub(value);
            total.count = total.count.saturating_sub(1);
        })
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let total = (self.total.count > 0).then_some(self.total.total);
        match between(&self.total.of) {
            DataType::Decimal128(precision, scale) => Ok(vec![ScalarValue::Decimal128(total, precision, scale)]),
            other => Ok(vec![ScalarValue::try_from(&other)?]),
        }
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.total.value()
    }

    fn size(&self) -> usize {
        let each = self
            .of_each
            .as_ref()
            .map_or(0, |m| m.capacity() * size_of::<(i128, u64)>());
        size_of_val(self) + each
    }
}

/// The sum of distinct values, which DataFusion collects.
#[derive(Debug)]
struct OfDistinct {
    of: DataType,
    values: Box<dyn Accumulator>,
}

impl Accumulator for OfDistinct {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.values.update_batch(values)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.values.merge_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.values.state()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut one = One {
            total: Total::new(self.of.clone()),
            of_each: None,
        };
        for state in self.values.state()? {
            if let ScalarValue::List(list) = state {
                one.update_batch(&[list.values().clone()])?;
            }
        }
        one.evaluate()
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.size()
    }
}

/// The sums of many groups.
struct Groups {
    of: DataType,
    totals: Vec<i128>,
    is_any: Vec<bool>,
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total_groups: usize,
    ) -> Result<()> {
        self.totals.resize(total_groups, 0);
        self.is_any.resize(total_groups, false);
        let mut fits = true;
        each(&values[0], |row, value| {
            if filter.is_some_and(|f| f.is_null(row) || !f.value(row)) {
                return;
            }
            let group = groups[row];
            match self.totals[group].checked_add(value) {
                Some(sum) => self.totals[group] = sum,
                None => fits = false,
            }
            self.is_any[group] = true;
        })?;
        if fits { Ok(()) } else { Err(too_large(&self.of)) }
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total_groups: usize) -> Result<()> {
        self.update_batch(values, groups, None, total_groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (totals, is_any) = (
            emit_to.take_needed(&mut self.totals),
            emit_to.take_needed(&mut self.is_any),
        );
        let there = totals
            .iter()
            .zip(is_any)
            .map(|(total, is_any)| is_any.then_some(*total));
        let misfit = || too_large(&self.of);
        match &self.of {
            DataType::Int64 => {
                let fitted = there.map(|t| t.map(i64::try_from).transpose());
                let values: PrimitiveArray<Int64Type> =
                    fitted.collect::<std::result::Result<_, _>>().map_err(|_| misfit())?;
                Ok(Arc::new(values))
            }
            DataType::UInt64 => {
                let fitted = there.map(|t| t.map(u64::try_from).transpose());
                let values: PrimitiveArray<UInt64Type> =
                    fitted.collect::<std::result::Result<_, _>>().map_err(|_| misfit())?;
                Ok(Arc::new(values))
            }
            of => {
                let mut values = Decimal128Builder::with_capacity(totals.len()).with_data_type(of.clone());
                for total in there {
                    if let Some(total) = total {
                        fitting(total, of)?;
                    }
                    values.append_option(total);
                }
                Ok(Arc::new(values.finish()))
            }
        }
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (totals, is_any) = (
            emit_to.take_needed(&mut self.totals),
            emit_to.take_needed(&mut self.is_any),
        );
        let mut values = Decimal128Builder::with_capacity(totals.len()).with_data_type(between(&self.of));
        for (total, is_any) in totals.into_iter().zip(is_any) {
            values.append_option(is_any.then_some(total));
        }
        Ok(vec![Arc::new(values.finish())])
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let mut state: Vec<Option<i128>> = vec![None; values[0].len()];
        each(&values[0], |row, value| {
            if filter.is_none_or(|f| f.is_valid(row) && f.value(row)) {
                state[row] = Some(value);
            }
        })?;
        let mut values = Decimal128Builder::with_capacity(state.len()).with_data_type(between(&self.of));
        state.into_iter().for_each(|value| values.append_option(value));
        Ok(vec![Arc::new(values.finish())])
    }

    fn size(&self) -> usize {
        self.totals.capacity() * size_of::<i128>() + self.is_any.capacity()
    }
}
