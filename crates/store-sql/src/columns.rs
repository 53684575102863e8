//! Rows back into values. What does not fit is [`Error::Corrupt`].

use std::{fmt::Display, str::FromStr, time::Duration};

use gauntlet_model::time::Timestamp;
use gauntlet_store::{Error, Result};
use serde::de::DeserializeOwned;

use crate::dialect::Dialect;

/// The columns of one row, read from left to right.
pub(crate) struct Columns<'r, D: Dialect> {
    /// The table, for errors.
    of: &'static str,
    row: &'r D::Row,
    next: usize,
}

impl<'r, D: Dialect> Columns<'r, D> {
    pub(crate) fn new(of: &'static str, row: &'r D::Row) -> Self {
        Self { of, row, next: 0 }
    }

    fn corrupt(&self, why: impl Display) -> Error {
        Error::Corrupt(format!("column {} of {}: {why}", self.next, self.of))
    }

    fn place(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    fn some<T>(&self, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| self.corrupt("nothing"))
    }

    /// Whether the next column is null.
    pub(crate) fn is_null(&self) -> Result<bool> {
        let value = D::read_integer(self.row, self.next);
        Ok(value.map_err(|error| self.corrupt(error))?.is_none())
    }

    pub(crate) fn optional_integer(&mut self) -> Result<Option<i64>> {
        let place = self.place();
        D::read_integer(self.row, place).map_err(|error| self.corrupt(error))
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
        let place = self.place();
        D::read_text(self.row, place).map_err(|error| self.corrupt(error))
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

    pub(crate) fn json<T: DeserializeOwned>(&mut self) -> Result<T> {
        let text = self.text()?;
        serde_json::from_str(&text).map_err(|error| self.corrupt(error))
    }

    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>> {
        let place = self.place();
        let value = D::read_bytes(self.row, place).map_err(|error| self.corrupt(error))?;
        self.some(value)
    }
}
