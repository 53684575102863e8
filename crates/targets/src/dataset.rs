//! A table to try things on: known columns, known contents.

/// A table of generated rows with the columns
/// `id BIGINT PRIMARY KEY, k BIGINT NOT NULL, c TEXT NOT NULL, pad TEXT NOT NULL` and an index on `k`.
///
/// Ids are `1..=rows`, `k` is uniform over the same range, `c` and `pad` are 120 and 60 random letters. The contents are a
/// function of seed and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// The table, or `schema.table`.
    pub table: String,
    /// Number of rows.
    pub rows: u64,
    /// Seed of the contents.
    pub seed: u64,
    /// Whether a table of that name may be dropped.
    pub replace: bool,
}

/// What loading a dataset came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loaded {
    /// Rows that the table has.
    pub rows: u64,
    /// False if the table was there already, with the right columns and as many rows.
    pub created: bool,
}

/// Rows between two reports of progress.
pub(crate) const PROGRESS_ROWS: u64 = 10_000;

/// Names and types, as both databases describe them in lower case.
pub(crate) const COLUMNS: [(&str, &str); 4] = [
    ("id", "bigint"),
    ("k", "bigint"),
    ("c", "text"),
    ("pad", "text"),
];

/// The columns of `CREATE TABLE`.
pub(crate) const DEFINITION: &str =
    "id BIGINT PRIMARY KEY, k BIGINT NOT NULL, c TEXT NOT NULL, pad TEXT NOT NULL";

/// One row, in buffers that are filled again for the next one.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) id: i64,
    pub(crate) k: i64,
    pub(crate) c: String,
    pub(crate) pad: String,
}

impl Row {
    pub(crate) fn fill(&mut self, dataset: &Dataset, id: u64) {
        self.id = id as i64;
        self.k = gauntlet_engine::uniform(dataset.seed, id, 0, 1, dataset.rows as i64);
        gauntlet_engine::letters(dataset.seed, id, 1, 120, &mut self.c);
        gauntlet_engine::letters(dataset.seed, id, 2, 60, &mut self.pad);
    }
}

/// What has to be done, given what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    Create,
    /// Drop the table, then create it.
    Replace,
    Nothing,
}

/// Decides from the table's columns and rows; `None` if there is no table.
pub(crate) fn decide(
    dataset: &Dataset,
    address: &str,
    table: Option<(&crate::TableDescription, u64)>,
) -> Result<Load, crate::TargetError> {
    let Some((description, rows)) = table else {
        return Ok(Load::Create);
    };
    if dataset.replace {
        return Ok(Load::Replace);
    }
    let same = |(column, (name, kind)): (&crate::Column, &(&str, &str))| {
        column.name == *name && column.kind.eq_ignore_ascii_case(kind)
    };
    let fits = description.columns.len() == COLUMNS.len()
        && description.columns.iter().zip(&COLUMNS).all(same);
    if !fits {
        let found: Vec<String> = description
            .columns
            .iter()
            .map(|column| format!("{} {}", column.name, column.kind))
            .collect();
        return Err(crate::TargetError::TableDiffers {
            address: address.into(),
            table: dataset.table.clone(),
            found: found.join(", "),
        });
    }
    if rows != dataset.rows {
        let (table, asked) = (dataset.table.clone(), dataset.rows);
        return Err(crate::TargetError::RowsDiffer {
            address: address.into(),
            table,
            found: rows,
            asked,
        });
    }
    Ok(Load::Nothing)
}
