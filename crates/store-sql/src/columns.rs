//! Rows back into values. What does not fit is [`Error::Corrupt`].

use std::{fmt::Display, str::FromStr, time::Duration};

use gauntlet_model::{history::Resolution, time::Timestamp};
use gauntlet_store::{Error, Result};
use serde::de::DeserializeOwned;

use crate::{script::Row, statement::Value};

/// The columns of one row, read from left to right.
pub(crate) struct Columns {
    /// The table, for errors.
    of: &'static str,
    row: std::vec::IntoIter<Value>,
    read: usize,
}

impl Columns {
    pub(crate) fn new(of: &'static str, row: Row) -> Self {
        let row = row.into_iter();
        Self { of, row, read: 0 }
    }

    fn corrupt(&self, why: impl Display) -> Error {
        Error::Corrupt(format!("column {} of {}: {why}", self.read, self.of))
    }

    fn next(&mut self) -> Result<Value> {
        self.read += 1;
        let value = self.row.next();
        value.ok_or_else(|| self.corrupt("not there"))
    }

    fn some<T>(&self, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| self.corrupt("nothing"))
    }

    /// Whether the next column is null.
    pub(crate) fn is_null(&self) -> bool {
        let next = self.row.as_slice().first();
        next.is_none_or(Value::is_null)
    }

    pub(crate) fn optional_integer(&mut self) -> Result<Option<i64>> {
        match self.next()? {
            Value::Integer(value) => Ok(value),
            null if null.is_null() => Ok(None),
            other => Err(self.corrupt(format!("{} is no integer", other.kind()))),
        }
    }

    pub(crate) fn integer(&mut self) -> Result<i64> {
        let value = self.optional_integer()?;
        self.some(value)
    }

    /// An integer of fewer bits.
    pub(crate) fn number<T: TryFrom<i64, Error: Display>>(&mut self) -> Result<T> {
        let value = self.integer()?;
        T::try_from(value).map_err(|error| self.corrupt(error))
    }

    pub(crate) fn optional_number<T: TryFrom<i64, Error: Display>>(&mut self) -> Result<Option<T>> {
        let value = self.optional_integer()?.map(T::try_from).transpose();
        value.map_err(|error| self.corrupt(error))
    }

    /// A length of buckets, microseconds.
    pub(crate) fn resolution(&mut self) -> Result<Resolution> {
        let us = self.integer()?;
        Resolution::from_us(us).ok_or_else(|| self.corrupt(format!("no bucket is {us} µs long")))
    }

    /// A count of 64 bits without a sign.
    pub(crate) fn count(&mut self) -> Result<u64> {
        self.integer().map(i64::cast_unsigned)
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp> {
        self.integer().map(Timestamp)
    }

    pub(crate) fn optional_time(&mut self) -> Result<Option<Timestamp>> {
        Ok(self.optional_integer()?.map(Timestamp))
    }

    /// A duration stored in nanoseconds.
    pub(crate) fn optional_nanos(&mut self) -> Result<Option<Duration>> {
        Ok(self.optional_number::<u64>()?.map(Duration::from_nanos))
    }

    pub(crate) fn optional_text(&mut self) -> Result<Option<String>> {
        match self.next()? {
            Value::Text(value) => Ok(value),
            null if null.is_null() => Ok(None),
            other => Err(self.corrupt(format!("{} is no text", other.kind()))),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String> {
        let value = self.optional_text()?;
        self.some(value)
    }

    /// A name or a project.
    pub(crate) fn named<T: TryFrom<String, Error: Display>>(&mut self) -> Result<T> {
        let text = self.text()?;
        T::try_from(text).map_err(|error| self.corrupt(error))
    }

    pub(crate) fn id<T: FromStr<Err: Display>>(&mut self) -> Result<T> {
        let text = self.text()?;
        text.parse().map_err(|error| self.corrupt(error))
    }

    pub(crate) fn optional_id<T: FromStr<Err: Display>>(&mut self) -> Result<Option<T>> {
        let text = self.optional_text()?;
        let id = text.map(|text| text.parse()).transpose();
        id.map_err(|error| self.corrupt(error))
    }

    /// A stable word.
    pub(crate) fn word<T>(&mut self, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
        let text = self.text()?;
        parse(&text).ok_or_else(|| self.corrupt(format!("unknown word {text:?}")))
    }

    pub(crate) fn optional_word<T>(
        &mut self,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(text) = self.optional_text()? else {
            return Ok(None);
        };
        let value = parse(&text);
        let value = value.ok_or_else(|| self.corrupt(format!("unknown word {text:?}")));
        value.map(Some)
    }

    pub(crate) fn json<T: DeserializeOwned>(&mut self) -> Result<T> {
        let text = self.text()?;
        serde_json::from_str(&text).map_err(|error| self.corrupt(error))
    }

    pub(crate) fn optional_json<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        let Some(text) = self.optional_text()? else {
            return Ok(None);
        };
        let value = serde_json::from_str(&text).map_err(|error| self.corrupt(error))?;
        Ok(Some(value))
    }

    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>> {
        match self.next()? {
            Value::Bytes(value) => self.some(value),
            other => Err(self.corrupt(format!("{} is not bytes", other.kind()))),
        }
    }
}
