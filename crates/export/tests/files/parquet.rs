use gauntlet_export::Format;
use parquet::{
    data_type::AsBytes,
    file::reader::{FileReader, SerializedFileReader},
    record::RowAccessor,
};

use crate::support::{Sample, contents, write};

#[test]
fn a_latency_that_is_not_known_is_null() {
    let rollups = Sample::with_standstill(4, 1..3).rollups;
    let file = write(Format::Parquet, &contents(), &rollups);
    let reader = SerializedFileReader::new(bytes::Bytes::from(file)).unwrap();
    let rows: Vec<_> = reader
        .get_row_iter(None)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let shown: Vec<_> = rows
        .iter()
        .map(|row| (row.get_double(13).unwrap(), row.get_double(16).is_ok()))
        .collect();
    let (full, none) = ((10.0, true), (0.0, false));
    assert_eq!(shown, [full, full, none, none, none, none, full, full]);
}

#[test]
fn its_rows_are_read_back() {
    let seconds = 10_000;
    let file = write(
        Format::Parquet,
        &contents(),
        &Sample::of_seconds(seconds).rollups,
    );
    assert_eq!(file[..4].as_bytes(), b"PAR1");
    let reader = SerializedFileReader::new(bytes::Bytes::from(file)).unwrap();
    let metadata = reader.metadata();
    assert_eq!(metadata.file_metadata().num_rows(), 2 * seconds);
    assert_eq!(metadata.num_row_groups(), 3);
    let columns: Vec<&str> = metadata
        .file_metadata()
        .schema_descr()
        .columns()
        .iter()
        .map(|column| column.name())
        .collect();
    assert_eq!(
        (columns.len(), columns[6], columns[43], columns[44]),
        (
            50,
            "operation",
            "failed_response_p99_9_us",
            "failed_timeout"
        )
    );
    let (mut succeeded, mut failed) = (0, 0);
    for (place, row) in reader.get_row_iter(None).unwrap().enumerate() {
        let row = row.unwrap();
        let operation = ["read", "scan"][place % 2];
        assert_eq!(row.get_string(6).unwrap(), operation);
        assert_eq!(
            row.get_long(2).unwrap(),
            1_795_182_900_250_000 + (place as i64 / 2) * 1_000_000
        );
        succeeded += row.get_long(8).unwrap();
        failed += row.get_long(9).unwrap();
        assert_eq!(row.get_long(44).unwrap(), row.get_long(9).unwrap());
        assert!(row.get_double(16).unwrap() > 199.0);
    }
    assert_eq!((succeeded, failed), (20 * seconds, seconds));
}
