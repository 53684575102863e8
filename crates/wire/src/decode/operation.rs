//! The operations of a template and their parameters.

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    id::Name,
    template::{Class, Operation, Parameter, PoolOrder, Statement},
};

use crate::fields::Fields;

const LONGEST_NAME: usize = 128;
const LONGEST_SQL: usize = 64 * 1_024;
const LONGEST_TEXT: usize = 64 * 1_024;
const MOST_COLUMNS: usize = 1_000;
const MOST_PARAMETERS: usize = 1_001;
const KEY_COLUMN: &str = "id";
const RANGE_LIMIT: u32 = 100;
const LONGEST_RANDOM_TEXT: u32 = 65_536;
const ZIPF_EXPONENT: f64 = 0.99;
const LARGEST_EXPONENT: f64 = 100.0;

/// What operations use unless they name their own.
pub(super) struct Defaults {
    table: String,
    key: String,
}

impl Defaults {
    pub(super) fn read(fields: &mut Fields<'_>, table: String, key: String) -> Self {
        let table = fields.text("table", table, LONGEST_NAME);
        let key = fields.text("key_column", key, LONGEST_NAME);
        Self {
            table: table.unwrap_or_default(),
            key: key
                .filter(|key| !key.is_empty())
                .unwrap_or_else(|| KEY_COLUMN.to_owned()),
        }
    }
}

/// One operation of a mix.
pub(super) fn operation(
    fields: &mut Fields<'_>,
    mut operation: pb::Operation,
    defaults: &Defaults,
) -> Option<Operation> {
    let kind = fields.choice("kind", operation.kind, |kind: pb::OperationKind| {
        (kind != pb::OperationKind::Unspecified).then_some(kind)
    });
    let name = fields.optional_name("name", std::mem::take(&mut operation.name));
    let label = fields.optional_name("label", std::mem::take(&mut operation.label));
    let weight = weight(fields, operation.weight);
    let parameters = parameters(fields, std::mem::take(&mut operation.parameters));
    let kind = kind?;
    refuse_what_is_foreign(fields, &operation, kind);
    let statement = match kind {
        pb::OperationKind::Sql => sql(fields, operation),
        _ => keyed(fields, operation, kind, defaults),
    };
    Some(Operation {
        name: name.unwrap_or_else(|| default_name(kind)),
        weight: weight?,
        statement: statement?,
        parameters: parameters?,
        label,
    })
}

/// The name of an operation that has none: `POINT_LOOKUP` becomes "point-lookup".
fn default_name(kind: pb::OperationKind) -> Name {
    Name::new(kind_word(kind).to_ascii_lowercase().replace('_', "-"))
        .expect("the names of the kinds are letters and underscores")
}

fn kind_word(kind: pb::OperationKind) -> &'static str {
    kind.as_str_name()
        .strip_prefix("OPERATION_KIND_")
        .unwrap_or("OPERATION")
}

/// Fields that make no sense for the kind are refused, not passed over: they
/// would look as if they did something.
fn refuse_what_is_foreign(
    fields: &mut Fields<'_>,
    operation: &pb::Operation,
    kind: pb::OperationKind,
) {
    let is_sql = kind == pb::OperationKind::Sql;
    let given_and_foreign = [
        ("table", !operation.table.is_empty(), is_sql),
        ("key_column", !operation.key_column.is_empty(), is_sql),
        ("columns", !operation.columns.is_empty(), is_sql),
        ("sql", !operation.sql.is_empty(), !is_sql),
        ("class", operation.class != 0, !is_sql),
        (
            "limit",
            operation.limit != 0,
            kind != pb::OperationKind::RangeScan,
        ),
    ];
    for (field, given, foreign) in given_and_foreign {
        if given && foreign {
            let message = format!("makes no sense for {}; leave it out", kind_word(kind));
            fields.add(field, message);
        }
    }
}

/// Percent to hundredths of a percent.
fn weight(fields: &mut Fields<'_>, percent: f64) -> Option<u32> {
    let percent = fields.positive("weight", percent, 100.0)?;
    let steps = (percent * 100.0).round();
    if (percent - steps / 100.0).abs() > 1e-9 || steps < 1.0 {
        let message = format!("must be a multiple of 0.01, it is {percent}");
        fields.add("weight", message);
        return None;
    }
    Some(steps as u32)
}

fn sql(fields: &mut Fields<'_>, operation: pb::Operation) -> Option<Statement> {
    let text = fields.filled("sql", operation.sql, LONGEST_SQL);
    let class = fields.choice("class", operation.class, statement_class);
    Some(Statement::Sql {
        text: text?,
        class: class?,
    })
}

/// A class; `None` when it is not said.
pub(super) fn statement_class(class: pb::StatementClass) -> Option<Class> {
    match class {
        pb::StatementClass::Unspecified => None,
        pb::StatementClass::Read => Some(Class::Read),
        pb::StatementClass::Write => Some(Class::Write),
    }
}

/// The kinds that work on one table by its key.
fn keyed(
    fields: &mut Fields<'_>,
    operation: pb::Operation,
    kind: pb::OperationKind,
    defaults: &Defaults,
) -> Option<Statement> {
    let table = table(fields, operation.table, defaults);
    let key = if operation.key_column.is_empty() {
        Some(defaults.key.clone())
    } else {
        fields.filled("key_column", operation.key_column, LONGEST_NAME)
    };
    let columns = columns(fields, operation.columns, kind, key.as_deref());
    let (table, key, columns) = (table?, key?, columns?);
    Some(match kind {
        pb::OperationKind::RangeScan => Statement::RangeScan {
            table,
            key,
            columns,
            limit: match operation.limit {
                0 => RANGE_LIMIT,
                given => given,
            },
        },
        pb::OperationKind::Insert => Statement::Insert {
            table,
            key,
            columns,
        },
        pb::OperationKind::Update => Statement::Update {
            table,
            key,
            columns,
        },
        _ => Statement::PointLookup {
            table,
            key,
            columns,
        },
    })
}

fn table(fields: &mut Fields<'_>, table: String, defaults: &Defaults) -> Option<String> {
    if !table.is_empty() {
        return fields.filled("table", table, LONGEST_NAME);
    }
    if defaults.table.trim().is_empty() {
        fields.add("table", "is required, here or as the template's table");
        return None;
    }
    Some(defaults.table.clone())
}

fn columns(
    fields: &mut Fields<'_>,
    columns: Vec<String>,
    kind: pb::OperationKind,
    key: Option<&str>,
) -> Option<Vec<String>> {
    let writes = matches!(kind, pb::OperationKind::Insert | pb::OperationKind::Update);
    if columns.is_empty() && kind == pb::OperationKind::Update {
        fields.add("columns", "is required: name the columns to set");
        return None;
    }
    if columns.len() > MOST_COLUMNS {
        fields.add("columns", format!("must be at most {MOST_COLUMNS}"));
        return None;
    }
    let mut read: Vec<Option<String>> = Vec::with_capacity(columns.len());
    for (index, column) in columns.into_iter().enumerate() {
        let place = format!("columns[{index}]");
        if writes && read.iter().flatten().any(|earlier| *earlier == column) {
            fields.add(&place, format!("{column:?} is given twice"));
        }
        if kind == pb::OperationKind::Insert && Some(column.as_str()) == key {
            fields.add(
                &place,
                "is the key, whose values come from the run's own range; leave it out",
            );
        }
        read.push(fields.filled(&place, column, LONGEST_NAME));
    }
    read.into_iter().collect()
}

fn parameters(fields: &mut Fields<'_>, parameters: Vec<pb::Parameter>) -> Option<Vec<Parameter>> {
    if parameters.len() > MOST_PARAMETERS {
        fields.add("parameters", format!("must be at most {MOST_PARAMETERS}"));
        return None;
    }
    let read: Vec<_> = parameters
        .into_iter()
        .enumerate()
        .map(|(index, given)| {
            let mut fields = fields.child(format!("parameters[{index}]"));
            parameter(&mut fields, given.generator)
        })
        .collect();
    read.into_iter().collect()
}

fn parameter(
    fields: &mut Fields<'_>,
    generator: Option<pb::parameter::Generator>,
) -> Option<Parameter> {
    use pb::parameter::Generator as G;
    let Some(generator) = generator else {
        fields.add(
            "",
            "is empty: give literal, uniform, zipf, sequential, text or pool",
        );
        return None;
    };
    match generator {
        G::Literal(value) => literal(&mut fields.child("literal"), value.value),
        G::Uniform(range) => {
            let (min, max) = ordered(&mut fields.child("uniform"), range.min, range.max)?;
            Some(Parameter::Uniform { min, max })
        }
        G::Sequential(range) => {
            let (min, max) = ordered(&mut fields.child("sequential"), range.min, range.max)?;
            Some(Parameter::Sequential { min, max })
        }
        G::Zipf(zipf) => {
            let mut fields = fields.child("zipf");
            let range = ordered(&mut fields, zipf.min, zipf.max);
            let exponent = exponent(&mut fields, zipf.exponent);
            let (min, max) = range?;
            Some(Parameter::Zipf {
                min,
                max,
                exponent: exponent?,
            })
        }
        G::Text(text) => fields
            .child("text")
            .count("length", text.length, LONGEST_RANDOM_TEXT)
            .map(|length| Parameter::RandomText { length }),
        G::Pool(draw) => pool(&mut fields.child("pool"), draw),
    }
}

fn exponent(fields: &mut Fields<'_>, given: f64) -> Option<f64> {
    let exponent = if given == 0.0 { ZIPF_EXPONENT } else { given };
    fields.positive("exponent", exponent, LARGEST_EXPONENT)
}

fn pool(fields: &mut Fields<'_>, draw: pb::PoolDraw) -> Option<Parameter> {
    let pool = fields.name("pool", draw.pool);
    let order = fields.choice("order", draw.order, Some);
    if order != Some(pb::PoolOrder::Zipf) && draw.exponent != 0.0 {
        fields.add("exponent", "makes sense for ZIPF only; leave it out");
    }
    let order = match order? {
        pb::PoolOrder::Unspecified | pb::PoolOrder::Uniform => PoolOrder::Uniform,
        pb::PoolOrder::Sequential => PoolOrder::Sequential,
        pb::PoolOrder::Zipf => PoolOrder::Zipf {
            exponent: exponent(fields, draw.exponent)?,
        },
    };
    Some(Parameter::Pool { pool: pool?, order })
}

fn literal(fields: &mut Fields<'_>, value: Option<pb::literal::Value>) -> Option<Parameter> {
    use pb::literal::Value as V;
    match value {
        None => {
            fields.add("", "is empty: give integer, number, text or null");
            None
        }
        Some(V::Integer(integer)) => Some(Parameter::Integer(integer)),
        Some(V::Number(number)) if number.is_finite() => Some(Parameter::Number(number)),
        Some(V::Number(number)) => {
            fields.add("number", format!("must be finite, it is {number}"));
            None
        }
        Some(V::Text(text)) => fields.text("text", text, LONGEST_TEXT).map(Parameter::Text),
        Some(V::Null(true)) => Some(Parameter::Null),
        Some(V::Null(false)) => {
            fields.add("null", "must be true");
            None
        }
    }
}

fn ordered(fields: &mut Fields<'_>, min: i64, max: i64) -> Option<(i64, i64)> {
    if min > max {
        fields.add("max", format!("must be at least min ({min}), it is {max}"));
        return None;
    }
    Some((min, max))
}
