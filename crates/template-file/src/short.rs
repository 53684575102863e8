//! What need not be said.
//!
//! The reader of a description fills in what it does not say, and nobody else
//! knows with what. So a field is left out when the description is read as the
//! same without it; no second list of defaults could fall behind the first.
//!
//! Each operation, parameter and objective is read by itself, in surroundings
//! that take nothing away from it: the work grows with the description and not
//! with its square, and one that is wrong does not keep the others from being
//! short.

use gauntlet_api::v1 as pb;
use prost::{Message, Name};
use prost_reflect::{DynamicMessage, FieldDescriptor, ReflectMessage as _, Value};

use crate::schema::{self, DURATION};

/// A word for what the surroundings must name.
const ANY: &str = "any";

/// Nobody writes so many bytes by hand. Each field of a description is read once
/// or twice more, which this bounds.
const LARGEST: usize = 256 << 10;

/// A description without all that `read` fills in. What `read` takes for wrong,
/// giving `None`, stays as it is, and so does what only a program can have written.
#[must_use]
pub fn shorten<M: PartialEq>(
    spec: &pb::TemplateSpec,
    read: impl Fn(pb::TemplateSpec) -> Option<M>,
) -> pb::TemplateSpec {
    if spec.encoded_len() > LARGEST {
        return spec.clone();
    }
    let mut frame = spec.clone();
    let operations = std::mem::take(&mut frame.operations);
    let slos = std::mem::take(&mut frame.slos);
    let short = without(&frame, |frame| read(furnished(frame, spec)));
    let operations = operations.iter();
    let slos = slos.iter();
    pb::TemplateSpec {
        operations: operations.map(|one| operation(one, spec, &read)).collect(),
        slos: slos.map(|one| slo(one, &read)).collect(),
        ..short
    }
}

fn operation<M: PartialEq>(
    given: &pb::Operation,
    spec: &pb::TemplateSpec,
    read: impl Fn(pb::TemplateSpec) -> Option<M>,
) -> pb::Operation {
    let nulls = vec![null(); given.parameters.len()];
    let short = without(given, |alone| {
        // What stands in for both is put back below.
        let alone = pb::Operation {
            weight: 100.0,
            parameters: nulls.clone(),
            ..alone
        };
        read(pb::TemplateSpec {
            table: spec.table.clone(),
            key_column: spec.key_column.clone(),
            ..around(alone)
        })
    });
    let parameters = given.parameters.iter();
    let parameters =
        parameters.map(|one| without(one, |alone| read(around(statement(vec![alone])))));
    pb::Operation {
        weight: given.weight,
        parameters: parameters.collect(),
        ..short
    }
}

fn null() -> pb::Parameter {
    pb::Parameter {
        generator: Some(pb::parameter::Generator::Literal(pb::Literal {
            value: Some(pb::literal::Value::Null(true)),
        })),
    }
}

/// An objective, beside an operation that it holds for.
fn slo<M: PartialEq>(given: &pb::Slo, read: impl Fn(pb::TemplateSpec) -> Option<M>) -> pb::Slo {
    let mut held = statement(Vec::new());
    held.name.clone_from(&given.operation);
    held.label.clone_from(&given.label);
    if given.class != 0 {
        held.class = given.class;
    }
    without(given, |alone| {
        read(pb::TemplateSpec {
            slos: vec![alone],
            ..around(held.clone())
        })
    })
}

/// A description that has just one operation.
fn around(operation: pb::Operation) -> pb::TemplateSpec {
    let second = prost_types::Duration {
        seconds: 1,
        nanos: 0,
    };
    let load = pb::ConcurrencyLoad {
        connections: 1,
        think_time: None,
    };
    pb::TemplateSpec {
        target: ANY.to_owned(),
        operations: vec![operation],
        load: Some(pb::Load {
            mode: Some(pb::load::Mode::Concurrency(load)),
        }),
        phases: Some(pb::Phases {
            measurement: Some(second),
            ..pb::Phases::default()
        }),
        ..pb::TemplateSpec::default()
    }
}

fn statement(parameters: Vec<pb::Parameter>) -> pb::Operation {
    let sql = if parameters.is_empty() {
        "SELECT 1"
    } else {
        "SELECT $1"
    };
    pb::Operation {
        kind: pb::OperationKind::Sql.into(),
        weight: 100.0,
        sql: sql.to_owned(),
        class: pb::StatementClass::Read.into(),
        parameters,
        ..pb::Operation::default()
    }
}

/// What a description says beside operations and objectives, with an operation
/// that uses its table and key, and with whatever the whole of it lacks.
fn furnished(frame: pb::TemplateSpec, whole: &pb::TemplateSpec) -> pb::TemplateSpec {
    let or = |given: String, is_lacking: bool| if is_lacking { ANY.to_owned() } else { given };
    let lookup = pb::Operation {
        kind: pb::OperationKind::PointLookup.into(),
        weight: 100.0,
        table: or(String::new(), whole.table.is_empty()),
        parameters: vec![null()],
        ..pb::Operation::default()
    };
    let lent = around(lookup);
    pb::TemplateSpec {
        target: or(frame.target, whole.target.is_empty()),
        operations: lent.operations,
        load: if whole.load.is_none() {
            lent.load
        } else {
            frame.load
        },
        phases: if whole.phases.is_none() {
            lent.phases
        } else {
            frame.phases
        },
        ..frame
    }
}

/// A part without the fields that change nothing about how it is read.
fn without<T, M>(given: &T, read: impl Fn(T) -> Option<M>) -> T
where
    T: Message + Name + Default + Clone,
    M: PartialEq,
{
    let Some(meant) = read(given.clone()) else {
        return given.clone();
    };
    let mut message = DynamicMessage::new(schema::message(&T::full_name()));
    message
        .transcode_from(given)
        .expect("both follow the same schema");
    let typed = |message: &DynamicMessage| {
        message
            .transcode_to::<T>()
            .expect("both follow the same schema")
    };
    prune(&mut message, &|message| {
        read(typed(message)).as_ref() == Some(&meant)
    });
    typed(&message)
}

/// Takes out each field without which the message is the `same`, from the outer
/// to the inner.
fn prune(message: &mut DynamicMessage, same: &dyn Fn(&DynamicMessage) -> bool) {
    let fields = message.descriptor();
    let fields = fields.fields().filter(|field| message.has_field(field));
    for field in fields.collect::<Vec<FieldDescriptor>>() {
        let value = message.get_field(&field).into_owned();
        message.clear_field(&field);
        if same(message) {
            continue;
        }
        let value = match value {
            Value::Message(mut inner) if inner.descriptor().full_name() != DURATION => {
                let outer = message.clone();
                prune(&mut inner, &|inner| {
                    let mut whole = outer.clone();
                    whole.set_field(&field, Value::Message(inner.clone()));
                    same(&whole)
                });
                Value::Message(inner)
            }
            value => value,
        };
        message.set_field(&field, value);
    }
}
