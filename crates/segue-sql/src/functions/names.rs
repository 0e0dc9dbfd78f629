//! Names compared: `fold_name(text)`, `edit_distance(a, b)` and `jamo_distance(a, b)`, as `segue-names` compares them. Null in, null out.

use super::bounded::{PART, too_much};
use arrow_array::builder::{Int64Builder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_cast::cast;
use arrow_schema::DataType;
use datafusion::common::types::logical_string;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    Coercion, ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, TypeSignatureClass, Volatility,
};
use datafusion::scalar::ScalarValue;
use segue_core::Limits;
use segue_diag::{Error, Kind};
use std::sync::Arc;

/// The longest text that is compared, in letters. What two texts cost grows with the product of their lengths, and names are short.
const MOST_LETTERS: usize = 1000;

/// So many texts of any kind; null is taken for one.
fn texts_alone(count: usize) -> Signature {
    let text = Coercion::new_exact(TypeSignatureClass::Native(logical_string()));
    Signature::coercible(vec![text; count], Volatility::Immutable)
}

/// `fold_name(text)`: what is left of a name when nothing but the name counts.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct FoldName {
    signature: Signature,
    /// How many bytes one batch may make.
    most: u64,
}

impl FoldName {
    /// The function, within these limits.
    pub fn new(limits: &Limits) -> FoldName {
        FoldName {
            signature: texts_alone(1),
            // An array of texts holds no more than 32 bits count.
            most: (limits.memory / PART).min(i32::MAX as u64),
        }
    }
}

impl ScalarUDFImpl for FoldName {
    fn name(&self) -> &str {
        "fold_name"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let texts = Texts::of(&arguments.args[0])?;
        let (mut folded, mut bytes) = (StringBuilder::new(), 0_u64);
        for text in &texts.all {
            let text = text.map(segue_names::fold_name);
            bytes += text.as_ref().map_or(0, |text| text.len() as u64);
            if bytes > self.most {
                return Err(too_much(self.name(), self.most));
            }
            folded.append_option(text);
        }
        answer(texts.is_one, Arc::new(folded.finish()))
    }
}

/// In what the errors between two texts are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counted {
    /// Letters: `edit_distance`.
    Letters,
    /// The keys that write Hangul: `jamo_distance`.
    Keys,
}

/// `edit_distance(a, b)` or `jamo_distance(a, b)`: how many typing errors lie between two texts.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Distance {
    counted: Counted,
    signature: Signature,
}

impl Distance {
    /// The function that counts so.
    pub fn new(counted: Counted) -> Distance {
        Distance {
            counted,
            signature: texts_alone(2),
        }
    }

    fn between(&self, a: &str, b: &str) -> Result<i64> {
        for text in [a, b].into_iter().filter(|text| text.len() > MOST_LETTERS) {
            let letters = text.chars().count();
            if letters > MOST_LETTERS {
                return Err(self.too_long(letters));
            }
        }
        let errors = match self.counted {
            Counted::Letters => segue_names::edit_distance(a, b),
            Counted::Keys => segue_names::jamo_distance(a, b),
        };
        Ok(i64::try_from(errors).unwrap_or(i64::MAX))
    }

    fn too_long(&self, letters: usize) -> DataFusionError {
        let name = self.name();
        let message = format!("{name} compares texts of at most {MOST_LETTERS} letters, and one has {letters}");
        let error = Error::new(Kind::BadData, message)
            .code(segue_diag::SQL_VALUE)
            .hint(format!("compare their beginnings: {name}(left(a, 100), left(b, 100))"));
        DataFusionError::External(Box::new(error))
    }
}

impl ScalarUDFImpl for Distance {
    fn name(&self) -> &str {
        match self.counted {
            Counted::Letters => "edit_distance",
            Counted::Keys => "jamo_distance",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (a, b) = (Texts::of(&arguments.args[0])?, Texts::of(&arguments.args[1])?);
        let is_one = a.is_one && b.is_one;
        let rows = if is_one { 1 } else { arguments.number_rows };
        let mut distances = Int64Builder::with_capacity(rows);
        for row in 0..rows {
            let pair = a.get(row).zip(b.get(row));
            distances.append_option(pair.map(|(a, b)| self.between(a, b)).transpose()?);
        }
        answer(is_one, Arc::new(distances.finish()))
    }
}

/// An argument's texts: one a row, or one for all rows.
struct Texts {
    all: StringArray,
    is_one: bool,
}

impl Texts {
    fn of(argument: &ColumnarValue) -> Result<Texts> {
        let (array, is_one) = match argument {
            ColumnarValue::Array(array) => (array.clone(), false),
            ColumnarValue::Scalar(value) => (value.to_array_of_size(1)?, true),
        };
        let texts = cast(&array, &DataType::Utf8)?;
        Ok(Texts {
            all: texts.as_string::<i32>().clone(),
            is_one,
        })
    }

    fn get(&self, row: usize) -> Option<&str> {
        let row = if self.is_one { 0 } else { row };
        self.all.is_valid(row).then(|| self.all.value(row))
    }
}

/// As one value where the arguments are.
fn answer(is_one: bool, rows: ArrayRef) -> Result<ColumnarValue> {
    Ok(match is_one {
        true => ColumnarValue::Scalar(ScalarValue::try_from_array(&rows, 0)?),
        false => ColumnarValue::Array(rows),
    })
}

#[cfg(test)]
mod tests;
