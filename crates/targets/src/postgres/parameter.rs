//! Engine values as statement parameters of whatever type the server has inferred.

use std::error::Error;
use std::fmt::Write as _;

use gauntlet_engine::Value;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, IsNull, ToSql, Type};

/// A value on its way to the server. Numbers go in binary where the types agree; everything else goes as text, which the
/// server reads as the type it wants: timestamps, UUIDs, JSON, numerics and enums need no code of their own.
#[derive(Debug)]
pub(super) struct Parameter<'a>(pub(super) &'a Value);

impl Parameter<'_> {
    fn is_binary(&self, ty: &Type) -> bool {
        match self.0 {
            Value::Int(_) => matches!(
                *ty,
                Type::INT8 | Type::INT4 | Type::INT2 | Type::FLOAT8 | Type::FLOAT4
            ),
            Value::Float(_) => matches!(*ty, Type::FLOAT8 | Type::FLOAT4),
            Value::Null | Value::Text(_) => false,
        }
    }
}

impl ToSql for Parameter<'_> {
    #[inline]
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self.0 {
            Value::Null => return Ok(IsNull::Yes),
            Value::Text(text) => out.extend_from_slice(text.as_bytes()),
            Value::Int(int) => match *ty {
                Type::INT8 => out.extend_from_slice(&int.to_be_bytes()),
                Type::INT4 => out.extend_from_slice(&i32::try_from(*int)?.to_be_bytes()),
                Type::INT2 => out.extend_from_slice(&i16::try_from(*int)?.to_be_bytes()),
                Type::FLOAT8 => out.extend_from_slice(&(*int as f64).to_be_bytes()),
                Type::FLOAT4 => out.extend_from_slice(&(*int as f32).to_be_bytes()),
                _ => write!(out, "{int}")?,
            },
            Value::Float(float) => match *ty {
                Type::FLOAT8 => out.extend_from_slice(&float.to_be_bytes()),
                Type::FLOAT4 => out.extend_from_slice(&(*float as f32).to_be_bytes()),
                _ => write!(out, "{float}")?,
            },
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    #[inline]
    fn to_sql_checked(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.to_sql(ty, out)
    }

    #[inline]
    fn encode_format(&self, ty: &Type) -> Format {
        if self.is_binary(ty) {
            Format::Binary
        } else {
            Format::Text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &Value, ty: &Type, expected: Option<&[u8]>) {
        let mut out = BytesMut::new();
        let written = Parameter(value).to_sql_checked(ty, &mut out);
        assert_eq!(
            written.is_ok().then_some(&out[..]),
            expected,
            "{value:?} as {ty}"
        );
    }

    #[test]
    fn numbers_are_binary_where_the_types_agree_and_text_elsewhere() {
        check(
            &Value::Int(258),
            &Type::INT8,
            Some(&[0, 0, 0, 0, 0, 0, 1, 2]),
        );
        check(&Value::Int(258), &Type::INT4, Some(&[0, 0, 1, 2]));
        check(&Value::Int(258), &Type::INT2, Some(&[1, 2]));
        check(&Value::Int(2), &Type::FLOAT8, Some(&2.0_f64.to_be_bytes()));
        check(&Value::Int(-7), &Type::NUMERIC, Some(b"-7"));
        check(&Value::Int(1), &Type::BOOL, Some(b"1"));
        check(
            &Value::Float(1.5),
            &Type::FLOAT4,
            Some(&1.5_f32.to_be_bytes()),
        );
        check(&Value::Float(1.5), &Type::NUMERIC, Some(b"1.5"));
        check(
            &Value::Text("2024-01-01".into()),
            &Type::TIMESTAMPTZ,
            Some(b"2024-01-01"),
        );
        check(&Value::Text("12".into()), &Type::INT8, Some(b"12"));
        check(&Value::Null, &Type::INT8, Some(b""));
    }

    #[test]
    fn a_number_that_does_not_fit_is_refused() {
        check(&Value::Int(i64::MAX), &Type::INT4, None);
        check(&Value::Int(40_000), &Type::INT2, None);
    }
}
