//! Structs of protobuf as JSON.

use prost_types::Struct;
use prost_types::value::Kind;
use serde_json::{Map, Number, Value};

use crate::core::resources::fault::{Faults, Place};

/// The first integers that have no exact `f64` of their own: 2^53 on both sides of 0.
const FIRST_INEXACT: f64 = 9_007_199_254_740_992.0;

/// Returns a struct as JSON. A whole number becomes an integer: a struct has no integers, but
/// configurations do.
pub(super) fn json(message: &Struct, place: &Place<'_>, faults: &mut Faults) -> Option<Value> {
    let mut fields = Map::new();
    for (name, field) in &message.fields {
        let place = place.key(name);
        let value = value(field, &place, faults)?;
        fields.insert(name.clone(), value);
    }
    Some(Value::Object(fields))
}

/// Returns a value as JSON. The depth is bounded by that of a message that can be decoded.
fn value(message: &prost_types::Value, place: &Place<'_>, faults: &mut Faults) -> Option<Value> {
    Some(match &message.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(flag)) => Value::Bool(*flag),
        Some(Kind::StringValue(text)) => Value::String(text.clone()),
        Some(Kind::NumberValue(number)) => Value::Number(number_of(*number).or_else(|| {
            faults.add(place, format!("{number} is no number of JSON"));
            None
        })?),
        Some(Kind::StructValue(fields)) => json(fields, place, faults)?,
        Some(Kind::ListValue(list)) => {
            let items = list.values.iter().enumerate();
            let items = items.map(|(at, item)| value(item, &place.item(at), faults));
            Value::Array(items.collect::<Option<_>>()?)
        }
    })
}

fn number_of(number: f64) -> Option<Number> {
    if number.fract() == 0.0 && number.abs() < FIRST_INEXACT {
        // Exact: the number is whole, and below 2^53.
        return Some(Number::from(number as i64));
    }
    Number::from_f64(number)
}
