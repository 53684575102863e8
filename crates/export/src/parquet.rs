//! Parquet: the rows of the table in typed columns.

use std::sync::Arc;

use gauntlet_model::history::HistoryPoint;
use parquet::{
    basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel},
    data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::types::Type,
};

use crate::{
    Contents, ExportError,
    table::{Column, Kind, Table, Value},
};

/// Rows held before they are written as one row group: about 8 MB.
const GROUP: usize = 8_192;

pub(crate) struct Parquet {
    table: Table,
    writer: SerializedFileWriter<Vec<u8>>,
    rows: Vec<Vec<Value>>,
}

impl From<ParquetError> for ExportError {
    fn from(error: ParquetError) -> Self {
        Self::Parquet(error.to_string())
    }
}

impl Parquet {
    pub(crate) fn begin(contents: &Contents) -> Result<(Self, Vec<u8>), ExportError> {
        let table = Table::new(contents);
        let columns: Result<Vec<_>, _> = table.columns().iter().map(column).collect();
        let schema = Type::group_type_builder("history")
            .with_fields(columns?)
            .build()?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by("gauntlet".to_owned())
            .build();
        let writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
        let mut parquet = Self {
            table,
            writer,
            rows: Vec::new(),
        };
        let first = parquet.written()?;
        Ok((parquet, first))
    }

    pub(crate) fn write(&mut self, points: &[HistoryPoint]) -> Result<Vec<u8>, ExportError> {
        for point in points {
            self.rows.extend(self.table.rows(point));
        }
        if self.rows.len() < GROUP {
            return Ok(Vec::new());
        }
        self.write_group()?;
        self.written()
    }

    pub(crate) fn finish(mut self) -> Result<Vec<u8>, ExportError> {
        if !self.rows.is_empty() {
            self.write_group()?;
        }
        self.writer.finish()?;
        self.written()
    }

    fn write_group(&mut self) -> Result<(), ExportError> {
        let mut group = self.writer.next_row_group()?;
        for (place, column) in self.table.columns().iter().enumerate() {
            let Some(writer) = group.next_column()? else {
                break;
            };
            let values = self.rows.iter().map(|row| &row[place]);
            write_column(writer, column.kind, values)?;
        }
        group.close()?;
        self.rows.clear();
        Ok(())
    }

    /// What was written since the last time.
    fn written(&mut self) -> Result<Vec<u8>, ExportError> {
        let flushed = self.writer.flush();
        flushed.map_err(|error| ExportError::Parquet(error.to_string()))?;
        Ok(std::mem::take(self.writer.inner_mut()))
    }
}

fn column(column: &Column) -> Result<Arc<Type>, ParquetError> {
    let (physical, logical, optional) = match column.kind {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String), false),
        Kind::Integer => (Physical::INT64, None, false),
        Kind::Number => (Physical::DOUBLE, None, true),
    };
    let column = Type::primitive_type_builder(&column.name, physical)
        .with_repetition(if optional {
            Repetition::OPTIONAL
        } else {
            Repetition::REQUIRED
        })
        .with_logical_type(logical)
        .build()?;
    Ok(Arc::new(column))
}

fn write_column<'a>(
    mut writer: SerializedColumnWriter<'_>,
    kind: Kind,
    values: impl Iterator<Item = &'a Value>,
) -> Result<(), ParquetError> {
    match kind {
        Kind::Text => {
            let values: Vec<ByteArray> = values
                .filter_map(|value| match value {
                    Value::Text(text) => Some(ByteArray::from(text.as_str())),
                    _ => None,
                })
                .collect();
            writer
                .typed::<ByteArrayType>()
                .write_batch(&values, None, None)?;
        }
        Kind::Integer => {
            let values: Vec<i64> = values
                .filter_map(|value| match value {
                    Value::Integer(integer) => Some(*integer),
                    _ => None,
                })
                .collect();
            writer
                .typed::<Int64Type>()
                .write_batch(&values, None, None)?;
        }
        Kind::Number => {
            // A level says for each row whether there is a value.
            let (mut numbers, mut levels) = (Vec::new(), Vec::new());
            for value in values {
                match value {
                    Value::Number(number) => {
                        numbers.push(*number);
                        levels.push(1);
                    }
                    _ => levels.push(0),
                }
            }
            writer
                .typed::<DoubleType>()
                .write_batch(&numbers, Some(&levels), None)?;
        }
    }
    writer.close()
}
